"""Refreshes at fixed times, each as a process of its own: what one leaks or breaks is gone with it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kg.console import say
from kg.errors import BusyError, SettingsError
from kg.parent import PARENT

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def every(cron: str, options: Sequence[str], *, now: bool = False) -> None:
    """Run `shopgraph refresh` with some options at the times of a crontab line, until interrupted.

    Times that passed while one was running, or while the machine slept, are made up for once. SIGTERM stops
    the one that runs, too, and waits until it has noted that and freed its lease.

    Raises:
        SettingsError: APScheduler is not installed, or the line is none or never comes.
    """
    try:
        from apscheduler.schedulers.background import BackgroundScheduler
    except ImportError as error:
        raise SettingsError(f"{error}. Schedules need: pip install 'shopgraph[refresh]'") from error
    times = trigger(cron)
    first = times.get_next_fire_time(None, datetime.now().astimezone())
    if first is None:
        raise SettingsError(f"--cron {cron!r} never comes: no month has such a day.")
    refreshes = _Refreshes([sys.executable, "-m", "kg.main", "refresh", *options])
    scheduler = BackgroundScheduler()
    at_once = {"next_run_time": datetime.now().astimezone()} if now else {}
    scheduler.add_job(
        refreshes.run, times, max_instances=1, coalesce=True, misfire_grace_time=None, **at_once
    )
    # The signal sets a flag alone: an exception could end up anywhere, in the scheduler's own code too.
    before = signal.signal(signal.SIGTERM, lambda *_: refreshes.over.set())
    scheduler.start()
    say(f"refreshing at {cron!r}, next {first:%Y-%m-%d %H:%M %Z}   (stop with Ctrl-C)")
    try:
        refreshes.over.wait()
        refreshes.stop()
    except KeyboardInterrupt:
        refreshes.wait()  # Ctrl-C has reached it, too
    finally:
        scheduler.shutdown(wait=False)
        signal.signal(signal.SIGTERM, before)
    say("no more refreshes")


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


class _Refreshes:
    """One refresh after another; none begins once it is over."""

    def __init__(self, command: Sequence[str]) -> None:
        self.over = threading.Event()
        self._command = list(command)
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def run(self) -> None:
        """Start one and wait for it."""
        with self._starting:
            if self.over.is_set():
                return
            self._child = subprocess.Popen(self._command, env={**os.environ, PARENT: str(os.getpid())})
        code = self._child.wait()
        if code == BusyError.exit_code:
            say("another refresh was running; the next one is at the next time")
        elif code:
            say(f"the refresh ended with {code}; the next one goes on from there")

    def stop(self) -> None:
        """Stop the one that runs, and wait until it has."""
        with self._starting:
            if self._child is not None:
                self._child.terminate()
        self.wait()

    def wait(self) -> None:
        """Wait for the one that runs."""
        self.over.set()
        with self._starting:
            child = self._child
        if child is not None:
            child.wait()
