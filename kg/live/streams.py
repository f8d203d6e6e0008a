"""Streams of events and items on their way into the graph: each batch and how far it came are one
transaction.

A reader that is killed goes on where the last whole batch ended, since that stands in the graph itself; what
comes twice all the same is known by its event_id, or leaves its item as it is. Of two readers of one stream
the slower one is told where the stream is now, and writes nothing.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import neo4j

from kg.driver import Graph
from kg.files.jsonfile import read_record
from kg.live import events, items
from kg.live import item_shape as told_items
from kg.live.event_shape import judged
from kg.live.events import Event
from kg.live.items import Deletion, ItemWrite
from kg.live.newcomers import Describer
from kg.queries import load

BATCH = 1_000  # messages of one transaction
STATUSES = ("accepted", "duplicate", "pending", "erased", "rejected")  # what becomes of a message
_Q = load("streams")
_UNKNOWN = "there is no such item to change or to delete"
_HEADER = ("source", "partition", "row", "reason", "value")
_SHOWN = 2_000  # characters of a bad message that are kept


class Message(NamedTuple):
    """An event or an item as it came."""

    row: int  # line of a file, or offset of a partition
    value: bytes | None  # JSON, in the shape of POST /v1/events' events or of POST /v1/items:bulk's items
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


class Sink:
    """Where streams go: the graph, and a CSV for what it cannot use.

    Args:
        encoder: names the encoder for the texts of items.
    """

    def __init__(self, graph: Graph, rejects: Rejects, encoder: Callable[[], str]) -> None:
        self.graph, self._rejects = graph, rejects
        self._describer = Describer(graph, encoder)

    def take(self, source: str, partition: int | None, batch: Batch) -> Counter[str] | Elsewhere:
        """Write a batch and how far the stream was read with it, then encode what is new of texts.

        Items come first, each as often as it was told of, in that order: an event waits for its item anyway.

        Args:
            source: the file or topic.
            partition: of a topic.

        Returns:
            How many messages were accepted, duplicate, pending, erased and rejected.

        Raises:
            GraphError: the graph did not take them; nothing was written.
        """
        read = _read(batch.messages)
        happened = [one for _, one in read if isinstance(one, Event)]
        changes = [(message, one) for message, one in read if isinstance(one, ItemWrite | Deletion)]
        bad = [(message, one) for message, one in read if isinstance(one, str)]
        stream = stream_of(source, partition)
        kept = False

        def work(tx: neo4j.ManagedTransaction) -> tuple[Counter[str], list[str]] | Elsewhere:
            nonlocal kept
            found = tx.run(_Q.hold.text, stream=stream).single(strict=True)
            now = None if found["next"] is None else Position(found["next"], found["mark"])
            # `after` stands there already when the answer to a commit was lost and the driver tries again.
            if _place(now) not in (_place(batch.before), _place(batch.after)):
                return Elsewhere(now)
            there, left = _store(tx, changes)
            counts = Counter[str](events.store(tx, happened) if happened else ())
            tx.run(_Q.move.text, stream=stream, **batch.after._asdict()).consume()
            if (bad or left) and not kept:  # before the commit: rather told twice than never
                self._rejects.add(source, partition, sorted([*bad, *left], key=lambda one: one[0].row))
                kept = True
            unknown = sum(why == _UNKNOWN for _, why in left)
            counts += Counter(accepted=len(changes) - unknown, rejected=len(bad) + unknown)
            return counts, there

        done = self.graph.transact(f"messages of {stream}", work)
        if isinstance(done, Elsewhere):
            return done
        counts, there = done
        if there:
            self._describer.describe(there)
        return counts


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


def _read(messages: Sequence[Message]) -> list[tuple[Message, Event | ItemWrite | Deletion | str]]:
    """What each message tells: an event has a type or an event_id, an item has neither."""
    records = [
        "a message without a value" if message.value is None else read_record(message.value)
        for message in messages
    ]
    of_items = [n for n, r in enumerate(records) if not isinstance(r, str) and _is_item(r)]
    told = told_items.judged([records[n] for n in of_items], whole=None) if of_items else []
    item_at = dict(zip(of_items, told, strict=True))
    return [
        (message, item_at[n] if n in item_at else r if isinstance(r, str) else judged(r, message.at))
        for n, (message, r) in enumerate(zip(messages, records, strict=True))
    ]


def _is_item(record: dict[str, Any]) -> bool:
    return "item_id" in record and not record.keys() & {"type", "event_id"}


def _store(
    tx: neo4j.ManagedTransaction, changes: Sequence[tuple[Message, ItemWrite | Deletion]]
) -> tuple[list[str], list[tuple[Message, str]]]:
    """Write items in rounds, in each of which an item stands once.

    Returns:
        The ids of those that are there now, and what could not be done.
    """
    rounds = defaultdict[int, list[tuple[Message, ItemWrite | Deletion]]](list)
    seen = Counter[str]()
    for message, change in changes:
        rounds[seen[change.item_id]].append((message, change))
        seen[change.item_id] += 1
    there: set[str] = set()
    left: list[tuple[Message, str]] = []
    for told in rounds.values():
        writes = [(message, one) for message, one in told if isinstance(one, ItemWrite)]
        gone = [(message, one) for message, one in told if isinstance(one, Deletion)]
        stored = items.store(tx, [one for _, one in writes]) if writes else []
        stored += items.discard(tx, [one for _, one in gone]) if gone else []
        done = [(m, w.item_id) for m, w in writes] + [(m, d.item_id) for m, d in gone]
        for (message, item_id), became in zip(done, stored, strict=True):
            if became.status == "unknown":
                left.append((message, _UNKNOWN))
            elif became.status == "deleted":
                there.discard(item_id)
            else:
                there.add(item_id)
            if became.left_out:
                left.append((message, f"relations to unknown items: {', '.join(became.left_out)}"))
    return sorted(there), left
