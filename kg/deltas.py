"""Streams of events on their way into the graph: each batch and how far it came are one transaction.

A reader that is killed goes on where the last whole batch ended, since that stands in the graph itself; what
comes twice all the same is known by its event_id. Of two readers of one stream the slower one is told where
the stream is now, and writes nothing.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from kg.driver import Graph
from kg.errors import GraphError
from kg.events import Event, store
from kg.jsonfile import read_record
from kg.queries import load
from kg.told import judged

BATCH = 1_000  # events of one transaction
STATUSES = ("accepted", "duplicate", "pending", "rejected")  # what becomes of an event
_Q = load("deltas")
_HEADER = ("source", "partition", "row", "reason", "value")
_SHOWN = 2_000  # characters of a bad message that are kept


class Message(NamedTuple):
    """One event as it came."""

    row: int  # line of a file, or offset of a partition
    value: bytes | None  # JSON, in the shape of POST /v1/events' events
    at: datetime  # when it counts as done where it does not say


class Position(NamedTuple):
    """How far a stream has been read."""

    next: int  # the first byte or message that has not been read
    mark: str | None = None  # of a file: a hash of the bytes before
    end: int | None = None  # how long the stream is, as far as is known


class Batch(NamedTuple):
    """Some messages of a stream, one after the other."""

    messages: list[Message]
    before: Position | None  # None: nothing of the stream was read yet
    after: Position


class Elsewhere(NamedTuple):
    """Somebody else has read on; nothing was written."""

    now: Position | None


class Rejects:
    """A CSV of the messages that could not be used; a new line for each, never rewritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, source: str, partition: int | None, bad: Sequence[tuple[Message, str]]) -> None:
        """Keep bad messages with their reasons. After a kill, the last ones may stand there twice."""
        if not bad:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if fresh:
                writer.writerow(_HEADER)
            for message, reason in bad:
                value = (message.value or b"")[:_SHOWN].decode(errors="replace")
                writer.writerow((source, partition, message.row, reason, value))


def take(
    graph: Graph, rejects: Rejects, source: str, partition: int | None, batch: Batch
) -> Counter[str] | Elsewhere:
    """Write a batch's events and how far the stream was read with it.

    Args:
        source: the file or topic.
        partition: of a topic.

    Returns:
        How many were accepted, duplicate, pending and rejected.

    Raises:
        GraphError: the graph did not take them; nothing was written.
    """
    good: list[Event] = []
    bad: list[tuple[Message, str]] = []
    for message in batch.messages:
        told = _read(message)
        if isinstance(told, Event):
            good.append(told)
        else:
            bad.append((message, told))
    stream = stream_of(source, partition)
    kept = False

    def work(tx: neo4j.ManagedTransaction) -> Counter[str] | Elsewhere:
        nonlocal kept
        found = tx.run(_Q.hold.text, stream=stream).single(strict=True)
        now = None if found["next"] is None else Position(found["next"], found["mark"])
        # `after` stands there already when the answer to a commit was lost and the driver tries again.
        if _place(now) not in (_place(batch.before), _place(batch.after)):
            return Elsewhere(now)
        counts = Counter[str](store(tx, good) if good else ())
        tx.run(_Q.move.text, stream=stream, **batch.after._asdict()).consume()
        if bad and not kept:  # before the commit: rather told twice than never
            rejects.add(source, partition, bad)
            kept = True
        return counts + Counter(rejected=len(bad))

    try:
        return graph.transact(f"events of {stream}", work)
    except (DriverError, Neo4jError) as error:
        raise GraphError(f"Neo4j did not take events of {stream}: {error}") from error


def positions(graph: Graph, source: str, partitions: Sequence[int | None]) -> dict[int | None, Position]:
    """How far the graph says that partitions of a topic, or a file (partition None), have been read."""
    streams = {stream_of(source, partition): partition for partition in partitions}
    rows = graph.read(_Q.offsets, streams=list(streams))
    return {
        streams[row["stream"]]: Position(row["next"], row["mark"]) for row in rows if row["next"] is not None
    }


def told(counts: Counter[str]) -> str:
    """Counts in words."""
    return ", ".join(f"{counts[name]:,} {name}" for name in STATUSES if counts[name]) or "nothing new"


def stream_of(source: str, partition: int | None) -> str:
    """The name of a stream in the graph."""
    return f"file:{source}" if partition is None else f"kafka:{source}/{partition}"


def _place(position: Position | None) -> tuple[int, str | None] | None:
    return None if position is None else (position.next, position.mark)


def _read(message: Message) -> Event | str:
    if message.value is None:
        return "a message without a value"
    record = read_record(message.value)
    return record if isinstance(record, str) else judged(record, message.at)
