"""Refreshes at fixed times, each as a process of its own: what one leaks or breaks is gone with it."""

import os
import subprocess
import sys
from collections.abc import Sequence

from kg.console import say
from kg.errors import BusyError, SettingsError
from kg.parent import PARENT


def every(cron: str, sources: Sequence[str], *, now: bool = False) -> None:
    """Run `shopgraph refresh` at the times of a crontab line, until interrupted.

    Times that passed while one was running, or while the machine slept, are made up for once.

    Raises:
        SettingsError: APScheduler is not installed, or the line is none.
    """
    try:
        from apscheduler.schedulers.blocking import BlockingScheduler
        from apscheduler.triggers.cron import CronTrigger
    except ImportError as error:
        raise SettingsError(f"{error}. Schedules need: pip install 'shopgraph[refresh]'") from error
    try:
        trigger = CronTrigger.from_crontab(cron)
    except ValueError as error:
        raise SettingsError(
            f"--cron {cron!r}: {error}. Five fields: minute hour day month weekday, for example '0 3 * * *'."
        ) from error
    command = [sys.executable, "-m", "kg.main", "refresh"]
    for folder in sources:
        command += ["--source", folder]
    if now:
        _run(command)
    scheduler = BlockingScheduler()
    scheduler.add_job(_run, trigger, [command], max_instances=1, coalesce=True, misfire_grace_time=None)
    say(f"refreshing at {cron!r}   (stop with Ctrl-C)")
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        say("no more refreshes")


def _run(command: list[str]) -> None:
    environment = {**os.environ, PARENT: str(os.getpid())}
    code = subprocess.run(command, check=False, env=environment).returncode
    if code == BusyError.exit_code:
        say("another refresh was running; the next one is at the next time")
    elif code:
        say(f"the refresh ended with {code}; the next one goes on from there")
