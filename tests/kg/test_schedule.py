"""`shopgraph refresh schedule`: when it refreshes, and with what."""

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kg import cli as graph_cli
from kg.errors import SettingsError
from kg.refresh import cli, schedule

SUNDAY = datetime(2026, 11, 22, tzinfo=UTC)


def days(cron: str, end: datetime) -> list[datetime]:
    """The days from a Sunday on, up to another day, on which a crontab line fires."""
    times, found, now = schedule.trigger(cron), [], SUNDAY
    while (at := times.get_next_fire_time(None, now).replace(tzinfo=UTC)) < end:
        found.append(at.replace(hour=0, minute=0))
        now = at + timedelta(minutes=1)
    return found


@pytest.mark.parametrize(
    ("field", "fires"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("1,3,fri", "Mon Wed Fri"),
        ("5-7", "Sun Fri Sat"),
        ("6-1", "Sun Mon Sat"),
        ("sat-sun", "Sun Sat"),
        ("MON-Fri/2", "Mon Wed Fri"),
        ("*/2", "Sun Tue Thu Sat"),
        ("*", "Sun Mon Tue Wed Thu Fri Sat"),
    ],
)
def test_weekdays_are_those_of_crontab(field: str, fires: str) -> None:
    found = days(f"0 3 * * {field}", SUNDAY + timedelta(7))
    assert " ".join(f"{day:%a}" for day in found) == fires


def test_a_day_of_the_month_and_a_weekday_mean_either_as_in_crontab() -> None:
    found = days("0 3 1,24 * 0", datetime(2026, 12, 2, tzinfo=UTC))
    assert [f"{day:%d %a}" for day in found] == ["22 Sun", "24 Tue", "29 Sun", "01 Tue"]


@pytest.mark.parametrize(
    "cron", ["0 3 * * 8", "0 3 * * someday", "0 3 * * 1-", "0 3 * * 1/2", "0 3 * *", "0 25 * * *"]
)
def test_a_line_that_is_none_is_refused_in_words(cron: str) -> None:
    with pytest.raises(SettingsError, match=r"Five fields: minute hour day month weekday"):
        schedule.trigger(cron)


def test_a_line_that_never_comes_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"'0 3 31 2 \*' never comes"):
        schedule.every("0 3 31 2 *", [])


def test_what_a_refresh_can_be_told_is_handed_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(refreshes: Any) -> None:
        ran.append(refreshes._command)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(schedule._Refreshes, "run", run)
    options = ["--source", ".", "--no-retrain", "--max-rejects", "0.1"]
    told = CliRunner().invoke(cli.app, ["schedule", *options, "--cron", "0 3 * * *", "--now"])
    assert told.exit_code == 0, told.output
    assert [command[-6:] for command in ran] == [["refresh", *options]]


def test_it_waits_for_the_refresh_that_it_stops_and_begins_no_other(tmp_path: Path) -> None:
    slow = (
        "import signal, sys, time; from pathlib import Path\nsignal.signal(signal.SIGTERM, lambda *_: "
        "(time.sleep(1), Path(sys.argv[1]).touch(), sys.exit()))\nPath(sys.argv[2]).touch(); time.sleep(60)"
    )
    ended, began = tmp_path / "ended", tmp_path / "began"
    refreshes = schedule._Refreshes([sys.executable, "-c", slow, str(ended), str(began)])
    running = threading.Thread(target=refreshes.run)
    running.start()
    while not began.exists():
        time.sleep(0.01)
    refreshes.stop()
    assert ended.exists()
    running.join()
    began.unlink()
    refreshes.run()
    assert not began.exists()  # none begins once it is over


@pytest.mark.parametrize(
    "wrong", [["--no-retrian"], ["--max-rejects", "2"], ["--source", "./not-there"], ["--until", "nope"]]
)
def test_what_a_refresh_would_refuse_is_refused_at_once(wrong: list[str]) -> None:
    told = CliRunner().invoke(cli.app, ["schedule", "--cron", "0 3 * * *", *wrong])
    assert told.exit_code == 2
    assert wrong[0] in told.output


@pytest.mark.parametrize(
    ("app", "command", "words"),
    [(cli.app, "schedule", "shopgraph[refresh]"), (graph_cli.app, "ingest", "[ssl]")],
)
def test_help_shows_brackets(app: Any, command: str, words: str) -> None:
    assert words in CliRunner().invoke(app, [command, "--help"]).output
