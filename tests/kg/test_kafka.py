"""Events from Kafka, by a broker in this process: offsets live in the graph, with the events."""

import asyncio
import csv
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from neo4j import ManagedTransaction

from kg.driver import Graph
from kg.errors import GraphError, IngestError, SettingsError
from kg.live import kafka
from kg.live.events import store
from kg.live.kafka import Reader, Source, consume
from kg.live.streams import Position, Rejects, Sink, positions
from kg.schema import make_keys
from tests.kg.fake_kafka import SENT, Broker, FakeConsumer
from tests.kg.test_inbox import READ, line, wait_for

TOPIC = "shop"


@pytest.fixture
def shop(graph: Graph) -> Graph:
    make_keys(graph)
    graph.write(READ["items"], n=3)
    return graph


@pytest.fixture
def broker() -> Broker:
    broker = Broker()
    broker.send(TOPIC, 0, *(line(n, user_id=f"u{n}") for n in range(0, 3_000, 2)))
    broker.send(TOPIC, 1, *(line(n, user_id=f"u{n}") for n in range(1, 3_000, 2)))
    return broker


def read(graph: Graph, consumer: FakeConsumer, path: Path, until: int, deal: int | None = None) -> Reader:
    """Read until the log has so many events; deal the partitions again when it has `deal`."""

    async def run() -> Reader:
        reader = Reader(Sink(graph, Rejects(path), str), consumer, TOPIC)
        consumer.subscribe([TOPIC], listener=kafka._listener(reader))
        task = asyncio.create_task(reader.run())
        dealt = deal is None
        while not task.done() and log(graph) < until:
            if not dealt and log(graph) >= (deal or 0):
                await consumer.deal()
                dealt = True
            await asyncio.sleep(0.02)
        reader.stop.set()
        await task
        return reader

    return asyncio.run(asyncio.wait_for(run(), 120))


def log(graph: Graph) -> int:
    found = graph.read(READ["log"])[0]
    assert found["events"] == found["ids"]
    return int(found["events"])


def test_all_messages_come_once_and_offsets_stand_in_the_graph(
    shop: Graph, broker: Broker, tmp_path: Path
) -> None:
    reader = read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 3_000)
    assert reader.counts == {"accepted": 3_000}
    assert reader.lag == 0
    assert positions(shop, TOPIC, [0, 1, 2]) == {0: Position(1_500), 1: Position(1_500)}
    broker.send(TOPIC, 1, line(5_000), line(1))
    consumer = FakeConsumer(broker)
    assert read(shop, consumer, tmp_path / "bad.csv", 3_001).counts == {"accepted": 1, "duplicate": 1}
    assert consumer.asked == [1_500]
    assert not (tmp_path / "bad.csv").exists()


def test_one_that_dies_in_a_write_leaves_nothing_half_done(
    shop: Graph, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies after its events were written and before its offset was."""
    written, real = [], store

    def dies(tx: ManagedTransaction, events: list[dict[str, Any]]) -> Any:
        done = real(tx, events)
        written.append(len(events))
        if len(written) == 2:
            raise GraphError("killed")
        return done

    monkeypatch.setattr("kg.live.events.store", dies)
    with pytest.raises(GraphError, match="killed"):
        read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 3_000)
    assert written == [1_000, 1_000]
    assert log(shop) == 1_000
    monkeypatch.undo()
    assert read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 3_000).counts == {"accepted": 2_000}


def test_a_rebalance_half_way_loses_and_doubles_nothing(
    shop: Graph, broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 3_000, deal=1_000)
    assert reader.counts == {"accepted": 3_000}
    assert capsys.readouterr().err.count("shop: partitions 0, 1") == 2  # at the start, and half way


def test_two_readers_of_the_same_partitions_write_each_event_once(
    shop: Graph, broker: Broker, tmp_path: Path
) -> None:
    done: list[Counter[str]] = []

    def work() -> None:
        done.append(read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 3_000).counts)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum((counts for counts in done), Counter[str]())["accepted"] == 3_000
    assert positions(shop, TOPIC, [0, 1]) == {0: Position(1_500), 1: Position(1_500)}


def test_bad_messages_are_kept_with_their_offset(shop: Graph, tmp_path: Path) -> None:
    broker = Broker()
    broker.send(TOPIC, 2, line(1), b"{", None, line(2, item_id=None), line(3))
    assert read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 2).counts == {"accepted": 2, "rejected": 3}
    with (tmp_path / "bad.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["source", "partition", "row", "reason", "value"]
    assert [row[:3] for row in rows] == [[TOPIC, "2", "1"], [TOPIC, "2", "2"], [TOPIC, "2", "3"]]
    assert [row[3].split(":")[0] for row in rows] == [
        "not JSON", "a message without a value", "the type purchase needs an item_id",
    ]  # fmt: skip


def test_deleted_messages_are_said(shop: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broker = Broker()
    broker.send(TOPIC, 0, line(1), line(2))
    read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 2)
    broker.send(TOPIC, 0, line(3), line(4))
    broker.gone[next(iter(broker.logs))] = 3
    assert read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 3).counts == {"accepted": 1}
    assert "shop/0: goes on with message 3, not 2, which is gone" in capsys.readouterr().err


def test_a_message_without_a_time_counts_when_it_was_sent(shop: Graph, tmp_path: Path) -> None:
    broker = Broker()
    broker.send(TOPIC, 0, line(1, at=None))
    read(shop, FakeConsumer(broker), tmp_path / "bad.csv", 1)
    (edge,) = shop.read(READ["edges"])
    assert edge["times"] == [SENT // 1_000]


def test_sigterm_ends_it_cleanly(
    shop: Graph, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = FakeConsumer(broker)
    monkeypatch.setattr(kafka, "_consumer", lambda _: consumer)

    def stop() -> None:
        wait_for(shop, 3_000)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    sink = Sink(shop, Rejects(tmp_path / "bad.csv"), str)
    assert consume(sink, Source("nowhere:1", TOPIC)) == {"accepted": 3_000}
    thread.join()
    assert consumer.stopped


def test_what_kafka_lacks_is_said(
    shop: Graph, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink(shop, Rejects(tmp_path / "bad.csv"), str)
    with pytest.raises(IngestError, match=r"Kafka at 127\.0\.0\.1:1, topic shop"):
        consume(sink, Source("127.0.0.1:1", TOPIC))
    options = tmp_path / "kafka.toml"
    options.write_text("sasl_mechanizm = 'PLAIN'\n")
    with pytest.raises(SettingsError, match=r"kafka\.toml: .*sasl_mechanizm"):
        consume(sink, Source("127.0.0.1:1", TOPIC, options=options))
    monkeypatch.setattr(kafka, "_consumer", lambda _: FakeConsumer(broker))
    with pytest.raises(IngestError, match="has no topic 'other'; it has: shop"):
        consume(sink, Source("127.0.0.1:1", "other"))
