"""With which code `shopgraph refresh` ends, and what it leaves behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kg.checksum import measure
from kg.driver import Graph
from kg.ingest import ingest
from kg.refresh.history import last
from kg.refresh.job import Options
from kg.refresh.lease import holder
from kg.refresh.source import remember
from kg.schema import make_keys
from tests.conftest import PROJECT, empty
from tests.kg.made_up import SALES, read_csv, write_csv, write_shop
from tests.kg.test_refresh import environment, run

UNTIL_PRUNE = Options(until="prune", retrain=False)


@pytest.fixture
def shop(tmp_path: Path, graph: Graph) -> Path:
    make_keys(graph)
    folder = write_shop(tmp_path / "shop", users=300, items=30)
    remember(graph, folder, None)
    return folder


def started(graph: Graph, home: Path, *schedule: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "kg.main", "refresh", *schedule, "--until", "prune"]
    return subprocess.Popen(
        command, env=environment(graph, home), cwd=PROJECT, text=True, stderr=subprocess.PIPE
    )


def test_a_source_that_lost_too_much_ends_it_with_3(graph: Graph, shop: Path, tmp_path: Path) -> None:
    run(graph, tmp_path / "home", UNTIL_PRUNE)
    before = measure(graph)
    write_csv(shop / "sales.csv", SALES, read_csv(shop / "sales.csv")[:100])
    refresh = started(graph, tmp_path / "home")
    _, said = refresh.communicate(timeout=120)
    assert refresh.returncode == 3, said
    assert "madeup has 100 interactions, it had 3,600: 97% are gone" in said
    assert holder(graph) is None
    assert measure(graph) == before


def stop(graph: Graph, process: "subprocess.Popen[str]") -> str:
    """Tell it to stop once a stage has begun; returns what it said. The lease is free then."""
    while not last(graph)["stages"] and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert "told to stop; the next refresh goes on from here" in said
    assert holder(graph) is None
    assert last(graph)["job"]["status"] == "stopped"
    return said


@pytest.mark.usefixtures("shop")
def test_sigterm_of_the_schedule_stops_the_refresh_that_runs(graph: Graph, tmp_path: Path) -> None:
    scheduled = started(graph, tmp_path / "home", "schedule", "--cron", "0 0 1 1 *", "--now")
    said = stop(graph, scheduled)
    assert scheduled.returncode == 0, said


def test_sigterm_ends_it_with_143_and_the_next_one_goes_on(graph: Graph, shop: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    refresh = started(graph, home)
    said = stop(graph, refresh)
    assert refresh.returncode == 143, said
    stopped = last(graph)["job"]
    done = run(graph, home, UNTIL_PRUNE)
    assert (done.run_id, done.resumed) == (stopped["run_id"], True)
    found = measure(graph)
    empty(graph)
    ingest(graph, shop, tmp_path / "other")
    assert found == measure(graph)
