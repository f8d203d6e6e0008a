"""Events and items from a Kafka topic: JSON messages in the shapes of POST /v1/events and /v1/items:bulk.

How far each partition was read stands in the graph, written with them; Kafka's own offsets
are not used. Several readers of one group share the partitions and take over from each other.
"""

import asyncio
import signal
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kg.console import say
from kg.errors import IngestError, SettingsError
from kg.live.streams import BATCH, Batch, Elsewhere, Message, Position, Sink, positions, told

_WAIT = 500  # milliseconds for messages, and so for a signal to be noticed
_SAY = 10.0  # seconds between two lines about how it goes


class Source(NamedTuple):
    """Which topic, and how to reach it."""

    servers: str  # host:port, or several separated by commas
    topic: str
    group: str = "shopgraph"
    options: Path | None = None  # TOML with further arguments of aiokafka's AIOKafkaConsumer, and [ssl]


class Consumer(Protocol):
    """What is used of aiokafka's AIOKafkaConsumer."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def topics(self) -> set[str]: ...
    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]: ...
    async def beginning_offsets(self, partitions: list[Any]) -> dict[Any, int]: ...
    def subscribe(self, topics: list[str], *, listener: Any) -> None: ...
    def seek(self, partition: Any, offset: int) -> None: ...
    def highwater(self, partition: Any) -> int | None: ...


class Reader:
    """Reads one topic into the graph until it is told to stop."""

    def __init__(self, sink: Sink, consumer: Consumer, topic: str) -> None:
        self.counts: Counter[str] = Counter()
        self.stop = asyncio.Event()
        self._sink, self._consumer, self._topic = sink, consumer, topic
        self._known: dict[int, Position | None] = {}  # of the partitions that are this reader's
        self._begun: set[int] = set()  # those of which messages have come
        self._deals = 0  # how often partitions were dealt out
        self._turn = asyncio.Lock()  # no partition changes hands while a batch of it is written

    @property
    def lag(self) -> int:
        """Messages that are there and were not read yet."""
        return sum(
            max(p.end - p.next, 0) for p in self._known.values() if p is not None and p.end is not None
        )

    async def revoked(self, _: Iterable[Any]) -> None:
        """Wait for what is being written."""
        async with self._turn:
            self._deals += 1
            self._known.clear()

    async def assigned(self, partitions: Iterable[Any]) -> None:
        """Begin each partition where the graph says that it was read up to, else at its start.

        Messages may have been fetched from anywhere before this; the new deal says that they do not count.
        """
        async with self._turn:
            self._deals += 1
            self._begun.clear()
            mine = {of.partition: of for of in partitions if of.topic == self._topic}
            found = await asyncio.to_thread(positions, self._sink.graph, self._topic, list(mine))
            self._known = {number: found.get(number) for number in mine}
            starts = await self._consumer.beginning_offsets([mine[n] for n in mine if n not in found])
            for number, partition in mine.items():
                known = self._known[number]
                self._consumer.seek(partition, starts[partition] if known is None else known.next)
        say(f"{self._topic}: partitions {', '.join(map(str, sorted(mine))) or 'none'}")

    async def run(self) -> None:
        """Read until `stop` is set; a batch that was begun is finished."""
        said = time.monotonic()
        while not self.stop.is_set():
            found = await self._consumer.getmany(timeout_ms=_WAIT, max_records=BATCH)
            deal = self._deals  # these are messages of the partitions as they are dealt out now
            for partition, records in found.items():
                async with self._turn:
                    if deal != self._deals:
                        break  # perhaps no longer this reader's; whoever has it reads on from the graph
                    await self._write(partition, records)
            if time.monotonic() - said > _SAY:
                said = time.monotonic()
                say(self.told())

    def told(self) -> str:
        """How it goes, in words."""
        return f"{self._topic}: {told(self.counts)}; lag {self.lag:,} messages"

    async def _write(self, partition: Any, records: list[Any]) -> None:
        number, first = partition.partition, records[0].offset
        before = self._known.get(number)
        if before is not None and before.next != first and number not in self._begun:
            say(f"{self._topic}/{number}: goes on with message {first:,}, not {before.next:,}, which is gone")
        self._begun.add(number)  # later gaps are marks of transactions
        end = self._consumer.highwater(partition)
        batch = Batch([_message(r) for r in records], before, Position(records[-1].offset + 1, None, end))
        done = await asyncio.to_thread(self._sink.take, self._topic, number, batch)
        if isinstance(done, Elsewhere):
            self._known[number] = done.now
            start = first if done.now is None else done.now.next
            say(f"{self._topic}/{number}: another reader was here; on from message {start:,}")
            self._consumer.seek(partition, start)
        else:
            self._known[number] = batch.after
            self.counts += done


def consume(sink: Sink, source: Source) -> Counter[str]:
    """Read a topic until SIGTERM or Ctrl-C; returns how many messages were accepted, duplicate, …

    Raises:
        SettingsError: aiokafka is not installed, or its options are wrong.
        IngestError: Kafka cannot be reached or refuses, or there is no such topic.
        GraphError: the graph did not take something; the next run goes on with them.
    """
    try:
        from aiokafka.errors import KafkaError
    except ImportError as error:
        raise SettingsError(f"{error}. Kafka needs: pip install 'shopgraph[kafka]'") from error
    try:
        return asyncio.run(_consume(sink, source))
    except KafkaError as error:
        raise IngestError(
            f"Kafka at {source.servers}, topic {source.topic}: {error!r}. What was read is in the graph; "
            "the same command goes on from there."
        ) from error


async def _consume(sink: Sink, source: Source) -> Counter[str]:
    consumer = _consumer(source)
    reader = Reader(sink, consumer, source.topic)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, reader.stop.set)
    try:
        await consumer.start()
        topics = await consumer.topics()
        if source.topic not in topics:
            raise IngestError(
                f"Kafka at {source.servers} has no topic {source.topic!r}; it has: "
                f"{', '.join(sorted(topics)[:40]) or 'none'}."
            )
        consumer.subscribe([source.topic], listener=_listener(reader))
        await reader.run()
    finally:
        await consumer.stop()
    say(reader.told())
    return reader.counts


def _consumer(source: Source) -> Consumer:
    from aiokafka import AIOKafkaConsumer
    from aiokafka.helpers import create_ssl_context

    try:
        more = tomllib.loads(source.options.read_text()) if source.options is not None else {}
        if "ssl" in more:
            more["ssl_context"] = create_ssl_context(**more.pop("ssl"))
        consumer: Consumer = AIOKafkaConsumer(
            bootstrap_servers=source.servers,
            group_id=source.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **more,
        )
    except (OSError, TypeError, ValueError) as error:
        raise SettingsError(f"{source.options or source.servers}: {error}") from error
    return consumer


def _listener(reader: Reader) -> Any:
    from aiokafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
        async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
            await reader.revoked(revoked)

        async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
            await reader.assigned(assigned)

    return Listener()


def _message(record: Any) -> Message:
    now = datetime.now(UTC)
    told_at = record.timestamp if record.timestamp is not None and record.timestamp > 0 else None
    at = now if told_at is None else min(datetime.fromtimestamp(told_at / 1000, UTC), now)
    return Message(record.offset, record.value, at)
