"""A Kafka in this process: partitions as lists, and a consumer with what kg.live.kafka uses of aiokafka's."""

import asyncio
from collections import defaultdict
from typing import Any, NamedTuple

SENT = 1_750_000_000_000  # milliseconds since 1970: when each message was sent


class Partition(NamedTuple):
    topic: str
    partition: int


class Record(NamedTuple):
    offset: int
    value: bytes | None
    timestamp: int = SENT


class Broker:
    """Topics with their messages. Messages before `gone` have been deleted."""

    def __init__(self) -> None:
        self.logs: dict[Partition, list[Record]] = defaultdict(list)
        self.gone: dict[Partition, int] = defaultdict(int)

    def send(self, topic: str, partition: int, *values: bytes | None) -> None:
        log = self.logs[Partition(topic, partition)]
        for value in values:
            log.append(Record(len(log), value))


class FakeConsumer:
    """Deals all partitions to itself at the first look, and again when `deal` is called.

    As aiokafka's, it may fetch from the start of a partition before its listener has answered.
    """

    def __init__(self, broker: Broker) -> None:
        self.broker, self.stopped = broker, False
        self.asked: list[int] = []  # offsets from which messages were given
        self._places: dict[Partition, int] = {}
        self._listener: Any = None
        self._topics: list[str] = []

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    async def topics(self) -> set[str]:
        return {partition.topic for partition in self.broker.logs}

    async def beginning_offsets(self, partitions: list[Partition]) -> dict[Partition, int]:
        return {partition: self.broker.gone[partition] for partition in partitions}

    def subscribe(self, topics: list[str], *, listener: Any) -> None:
        self._topics, self._listener = topics, listener

    def seek(self, partition: Partition, offset: int) -> None:
        assert partition in self._places
        self._places[partition] = offset

    def highwater(self, partition: Partition) -> int | None:
        return len(self.broker.logs[partition])

    async def deal(self) -> None:
        await self._listener.on_partitions_revoked(list(self._places))
        mine = [partition for partition in self.broker.logs if partition.topic in self._topics]
        self._places = {partition: self.broker.gone[partition] for partition in mine}
        await self._listener.on_partitions_assigned(mine)

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[Partition, list[Record]]:
        if not self._places:
            await self.deal()
        found = {}
        for partition, place in self._places.items():
            start = max(place, self.broker.gone[partition])
            if some := self.broker.logs[partition][start : start + max_records]:
                self.asked.append(start)
                found[partition] = some
                self._places[partition] = some[-1].offset + 1
        if not found:
            await asyncio.sleep(min(timeout_ms, 20) / 1000)
        return found
