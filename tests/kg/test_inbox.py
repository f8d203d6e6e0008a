"""Files of events, read once or watched: nothing is lost, nothing counts twice."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Stop
from typing import Any

import pytest

from kg.checksum import measure
from kg.driver import Graph
from kg.errors import IngestError
from kg.live import inbox as inbox_module
from kg.live.inbox import batches, files_of, read_events, read_file
from kg.live.streams import Position, Rejects, Sink
from kg.queries import parse
from kg.schema import make_keys
from kg.settings import DEFAULT_ENCODER
from tests.conftest import empty

READ = parse(
    "inbox",
    """
// name: items
// Items without anything.
// params: n
// returns:
UNWIND range(0, $n - 1) AS n
MERGE (:Item {itemId: 'i' + toString(n)})

// name: edges
// All that users did.
// params:
// returns: user, item, count, times
MATCH (u:User)-[r]->(i:Item)
RETURN u.userId AS user, i.itemId AS item, r.count AS count, r.times AS times
ORDER BY user, item

// name: log
// How many events there are, and how many ids they have.
// params:
// returns: events, ids
MATCH (e:Event)
RETURN count(e) AS events, count(DISTINCT e.eventId) AS ids
""",
)


def line(n: int, **more: Any) -> bytes:
    told = {
        "event_id": f"e{n}", "type": "purchase", "user_id": f"u{n % 5}", "item_id": f"i{n % 3}",
        "at": f"2026-11-01T00:{n // 60 % 60:02}:{n % 60:02}Z",
    }  # fmt: skip
    return json.dumps(told | more).encode() + b"\n"


def rejected(path: Path) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.fixture
def shop(graph: Graph) -> Graph:
    make_keys(graph)
    graph.write(READ["items"], n=3)
    return graph


@pytest.fixture
def read(shop: Graph, tmp_path: Path) -> Callable[..., dict[str, int]]:
    def run(file: Path, *, growing: bool = False) -> dict[str, int]:
        sink = Sink(shop, Rejects(tmp_path / "bad.csv"), lambda: DEFAULT_ENCODER)
        return dict(read_file(sink, file, Stop(), growing=growing))

    return run


def test_a_file_is_read_once_and_what_is_appended_later(read: Any, shop: Graph, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + b"\n" + line(2))
    assert read(file) == {"accepted": 2}
    assert read(file) == {}
    with file.open("ab") as more:
        more.write(line(3) + line(9, item_id="later"))
    assert read(file) == {"accepted": 1, "pending": 1}
    assert shop.read(READ["log"]) == [{"events": 4, "ids": 4}]


def test_a_file_written_anew_under_its_name_is_read_from_its_start(read: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + line(2))
    read(file)
    file.write_bytes(line(1) + line(3) + line(2))
    assert read(file) == {"duplicate": 2, "accepted": 1}


def test_bad_lines_are_told_with_their_number_and_stop_nothing(read: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + b"\n{broken\n" + line(2, type="eat") + b"[1]\n\xff\n" + line(3))
    assert read(file) == {"accepted": 2, "rejected": 4}
    told = rejected(tmp_path / "bad.csv")
    assert [(source, partition, row) for source, partition, row, *_ in told] == [
        (str(file), "", row) for row in ("3", "4", "5", "6")
    ]
    assert [reason.split(":")[0] for *_, reason, _ in told] == [
        "not JSON", "type", "not a JSON object but a list", "broken encoding",
    ]  # fmt: skip
    assert told[0][-1] == "{broken\n"


def test_an_unfinished_last_line_waits_while_the_file_grows(read: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1) + line(2)[:20])
    assert read(file, growing=True) == {"accepted": 1}
    with file.open("ab") as more:
        more.write(line(2)[20:-1])  # whole now, though without its line break
    assert read(file, growing=True) == {"accepted": 1}
    with file.open("ab") as more:
        more.write(b"\n" + line(3, type="eat"))
    assert read(file, growing=True) == {"rejected": 1}
    assert [row for _, _, row, *_ in rejected(tmp_path / "bad.csv")] == ["3"]


def test_packed_files_are_read_and_one_cut_off_is_said(read: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b"".join(map(line, range(2_500))))
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IngestError, match="damaged"):
        read(file)
    file.write_bytes(whole)
    done = read(file)
    assert sum(done.values()) + 1_000 >= 2_500  # whole batches may have come from the first half
    assert read(file) == {}


def test_a_damaged_file_keeps_no_other_from_being_read(shop: Graph, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.jsonl.gz").write_bytes(gzip.compress(line(1))[:20])
    (inbox / "b.jsonl").write_bytes(line(2))
    sink = Sink(shop, Rejects(tmp_path / "bad.csv"), lambda: DEFAULT_ENCODER)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for read in ("1 accepted", "nothing new"):
            with pytest.raises(
                IngestError, match=rf"a\.jsonl\.gz is damaged.* Of the other files .*: {read}\."
            ):
                read_events(sink, inbox, watching=False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    wait_for(shop, 1)


def test_a_batch_says_where_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join(map(line, range(2_001))))
    first, second, third = batches(file, None, growing=False)
    assert (first.before, second.before, third.before) == (None, first.after, second.after)
    assert third.after.next == file.stat().st_size
    assert [len(b.messages) for b in (first, second, third)] == [1_000, 1_000, 1]
    (rest,) = batches(file, second.after, growing=False)
    assert (rest.messages[0].row, rest.after) == (2_001, third.after)
    assert next(batches(file, Position(10, "other"), growing=False)).messages[0].row == 1


def test_only_lines_of_json_are_events(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a.jsonl.gz", "c.csv", ".d.jsonl", "e.jsonl.part"):
        (tmp_path / name).write_bytes(b"")
    assert [file.name for file in files_of(tmp_path)] == ["a.jsonl.gz", "b.ndjson"]
    with pytest.raises(IngestError, match=r"c\.csv is not a file of JSON lines"):
        files_of(tmp_path / "c.csv")
    with pytest.raises(IngestError, match="There is no file"):
        files_of(tmp_path / "none.jsonl")


def started(graph: Graph, home: Path, *arguments: str) -> "subprocess.Popen[str]":
    connection = graph.connection
    environment = {
        **os.environ, "SHOPGRAPH_HOME": str(home), "SHOPGRAPH_NEO4J_URI": connection.uri,
        "SHOPGRAPH_NEO4J_PASSWORD": connection.password,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "kg.main", "graph", "ingest", *arguments, "--json"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(graph: Graph, events: int) -> None:
    until = time.monotonic() + 60
    while graph.read(READ["log"])[0]["events"] < events:
        assert time.monotonic() < until, f"{events} events did not come"
        time.sleep(0.05)


def test_a_watched_folder_ends_cleanly_when_told_to(shop: Graph, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.jsonl").write_bytes(line(1))
    process = started(shop, tmp_path, "--events", str(inbox), "--watch")
    wait_for(shop, 1)
    (inbox / "b.jsonl").write_bytes(line(2) + b"broken\n" + line(1))
    wait_for(shop, 2)
    with (inbox / "a.jsonl").open("ab") as more:
        more.write(line(3))
    wait_for(shop, 3)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    counts = json.loads(told)
    assert counts.pop("rejects") == str(tmp_path / "rejects" / "events.csv")
    assert counts == {"accepted": 3, "duplicate": 1, "pending": 0, "erased": 0, "rejected": 1}
    assert [row[2] for row in rejected(tmp_path / "rejects" / "events.csv")] == ["2"]


def test_a_killed_reader_goes_on_without_loss_or_doubles(shop: Graph, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name in ("a", "b"):
        lines = [line(n, event_id=f"{name}{n}", user_id=f"u{n}", session_id=name) for n in range(6_000)]
        (inbox / f"{name}.jsonl").write_bytes(b"".join(lines))
    process = started(shop, tmp_path, "--events", str(inbox))
    wait_for(shop, 1_000)
    process.kill()
    process.communicate(timeout=30)
    before = shop.read(READ["log"])[0]["events"]
    assert before < 12_000
    again = started(shop, tmp_path, "--events", str(inbox))
    counts = json.loads(again.communicate(timeout=120)[0])
    assert (again.returncode, counts["duplicate"]) == (0, 0)
    assert before + counts["accepted"] == 12_000
    assert shop.read(READ["log"]) == [{"events": 12_000, "ids": 12_000}]
    interrupted = measure(shop)

    empty(shop)
    make_keys(shop)
    shop.write(READ["items"], n=3)
    assert started(shop, tmp_path, "--events", str(inbox)).wait(120) == 0
    assert measure(shop) == interrupted


def test_a_watched_folder_may_be_away_for_a_while(
    shop: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "_AWAY", 0.01)
    inbox, stop = tmp_path / "inbox", Stop()
    inbox.mkdir()
    sink = Sink(shop, Rejects(tmp_path / "bad.csv"), lambda: DEFAULT_ENCODER)
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(inbox_module.watch, sink, inbox, stop)
        time.sleep(0.5)
        inbox.rename(tmp_path / "away")
        time.sleep(1.5)
        (tmp_path / "away" / "a.jsonl").write_bytes(line(1))
        (tmp_path / "away").rename(inbox)
        try:
            wait_for(shop, 1)
        finally:
            stop.set()
        assert watching.result() == {"accepted": 1}
    with pytest.raises(IngestError, match="no file or folder"):
        inbox_module.watch(sink, tmp_path / "nowhere", stop)
