"""Refreshes at fixed times, each as a process of its own: what one leaks or breaks is gone with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from kg.console import say
from kg.errors import BusyError, SettingsError
from kg.parent import PARENT

Running = set["subprocess.Popen[bytes]"]

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def every(cron: str, options: Sequence[str], *, now: bool = False) -> None:
    """Run `shopgraph refresh` with some options at the times of a crontab line, until interrupted.

    Times that passed while one was running, or while the machine slept, are made up for once. SIGTERM stops
    the one that runs, too, and waits until it has noted that and freed its lease.

    Raises:
        SettingsError: APScheduler is not installed, or the line is none or never comes.
    """
    try:
        from apscheduler.schedulers.blocking import BlockingScheduler
    except ImportError as error:
        raise SettingsError(f"{error}. Schedules need: pip install 'shopgraph[refresh]'") from error
    times = trigger(cron)
    first = times.get_next_fire_time(None, datetime.now().astimezone())
    if first is None:
        raise SettingsError(f"--cron {cron!r} never comes: no month has such a day.")
    running: Running = set()
    refresh = partial(_run, [sys.executable, "-m", "kg.main", "refresh", *options], running)
    scheduler = BlockingScheduler()
    scheduler.add_job(refresh, times, max_instances=1, coalesce=True, misfire_grace_time=None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        if now:
            refresh()
        say(f"refreshing at {cron!r}, next {first:%Y-%m-%d %H:%M %Z}   (stop with Ctrl-C)")
        scheduler.start()
    except (KeyboardInterrupt, SystemExit) as told:
        say("no more refreshes")
        for one in list(running):
            if isinstance(told, SystemExit):  # Ctrl-C has reached it, too
                one.terminate()
            one.wait()


def trigger(cron: str) -> Any:
    """The times of a crontab line, as APScheduler has them.

    As in crontab, a line that says both which days of the month and which weekdays means either.

    Raises:
        SettingsError: the line is none.
    """
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    try:
        minute, hour, day, month, weekday = cron.split()
        both = {"day": day, "day_of_week": weekdays(weekday)}
        every_day = day.startswith("*") or weekday.startswith("*")
        days = [both] if every_day else [{name: field} for name, field in both.items()]
        return OrTrigger([CronTrigger(minute=minute, hour=hour, month=month, **which) for which in days])
    except ValueError as error:
        raise SettingsError(
            f"--cron {cron!r}: {error}. Five fields: minute hour day month weekday, for example '0 3 * * *'."
        ) from error


def weekdays(field: str) -> str:
    """The weekdays of a crontab field by name: 0 and 7 are Sunday there, while APScheduler's 0 is Monday.

    >>> weekdays("5-7,2")
    'fri,sat,sun,tue'
    """
    days: list[int] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.replace("*", "0-6").partition("-")
        if step and not dash:
            raise ValueError(f"{part!r} has a step and no range")
        begin, end = _day(first), _day(last if dash else first)
        days += range(begin, end + 1 if begin <= end else end + 8, int(step or 1))
    return ",".join(dict.fromkeys(_DAYS[day % 7] for day in days))


def _day(word: str) -> int:
    if word in _DAYS:
        return _DAYS.index(word)
    if word not in tuple("01234567"):
        raise ValueError(f"{word!r} is no weekday, which are 0 to 7 or sun to sat")
    return int(word)


def _run(command: list[str], running: Running) -> None:
    child = subprocess.Popen(command, env={**os.environ, PARENT: str(os.getpid())})
    running.add(child)
    code = child.wait()
    running.discard(child)
    if code == BusyError.exit_code:
        say("another refresh was running; the next one is at the next time")
    elif code:
        say(f"the refresh ended with {code}; the next one goes on from there")
