"""Keeps the snapshot that requests use in step with the graph."""

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from api.problems import ApiError
from api.reads import Reads
from api.sources import timeouts_of
from api.state.challenger import Beside
from api.state.curation import Curation
from api.state.intake import with_items
from api.state.loading import load_snapshot, read_columns
from api.state.served import Serving, with_encoder
from api.state.snapshot import Snapshot, with_activity, with_columns
from api.state.suggesting import Suggesting
from api.state.turns import Turns
from api.state.version import Version, version_from
from api.state.watch import Watch
from api.suggest import Suggester
from kg.driver import Graph, Row, connect
from kg.queries import load
from kg.settings import Settings

T = TypeVar("T")
log = logging.getLogger("shopgraph.api")
_Q = load("api")
POLL_SECONDS = 1.0
_LOOK = 1.0  # seconds that a write of items waits for it, at most
_TREND_SECONDS = 60.0  # what shoppers do lately is read again after these, if shoppers did anything
_COLUMNS_SECONDS = 600.0  # after these, columns are read although their sum is the same
_PATIENCE = 3.0  # seconds that a transaction is tried again: whoever sent it waits, and may send it again
_STARTING = ApiError(503, "starting", "The API is starting: it has not read the graph yet.")
_GRAPH, _WORDS = "graph", "words"  # what is followed in each step
_REST = 10  # after reading for s seconds, changes other than a new version wait for 10 s seconds


class Keeper:
    """Loads the snapshot, watches the graph each second and swaps the whole when it has moved.

    The current snapshot goes on serving while the next one loads, and when the next one is broken.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeouts = timeouts_of(settings)
        self._graph: Graph | None = None
        self._reads: Reads | None = None
        self._serving: Serving | None = None
        self._suggesting = Suggesting()
        self._watch = Watch({_GRAPH: _STARTING})
        self._mark: frozenset[str] = frozenset()
        self._revision = self._removed = 0
        self._nudged = asyncio.Event()
        self._rest_until = 0.0
        self._columns_until = 0.0
        self._columns_sum: Row | None = None  # of the columns that were read last by themselves
        self._touched: list[int | None] = []  # api.state's when the trend was read last
        self._trend_until = 0.0
        self._beside = Beside()
        self.curation = Curation()
        self._looks = Turns()
        self.stepped = asyncio.Event()  # set once the graph has been looked at, whatever came of it

    @property
    def serving(self) -> Serving:
        """The current snapshot and encoder, and what people set.

        Raises:
            ApiError: 503, with what is missing and what to do.
        """
        if self._serving is None:
            raise self._missing()
        curation = self.curation
        return self._serving._replace(
            scenarios=curation.scenarios,
            needs=curation.needs,
            timeouts=self._timeouts,
            experiments=curation.experiments,
            learned=curation.learned,
            challenger=self._beside.over(self._serving.snapshot),
        )

    @property
    def suggester(self) -> Suggester:
        """The words of the snapshot, a moment behind it while they are sorted.

        Raises:
            ApiError: 503, with what is missing and what to do.
        """
        if self._suggesting.current is None:
            raise self._missing(_WORDS)
        return self._suggesting.current

    @property
    def problem(self) -> str | None:
        """Why the graph is not followed at the moment; None while it is."""
        return self._watch.problem

    @property
    def current(self) -> Serving | None:
        """The current snapshot and encoder, None while there is none."""
        return self._serving

    @property
    def reads(self) -> Reads:
        """The graph for requests.

        Raises:
            ApiError: 503, the graph was not reached yet.
        """
        if self._reads is None:
            raise self._missing()
        return self._reads

    @property
    def graph(self) -> Graph:
        """The graph for writes, and for reads that take long, outside the event loop.

        Raises:
            ApiError: 503, the graph was not reached yet.
        """
        if self._graph is None:
            raise self._missing()
        return self._graph

    async def run(self) -> None:
        """Until cancelled. What people set is followed by itself, since reading a large shop takes long."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._each_second("what people set", self._follow_curation))
            group.create_task(self._each_second("the other model", self._follow_other_model))
            while True:
                self._nudged.clear()
                await self.step()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._nudged.wait(), POLL_SECONDS)

    async def look(self) -> None:
        """Look at the graph now, since this process has written to it, and wait until it is followed."""
        self._nudged.set()
        await self._looks.next(_LOOK)  # one under way may have looked before the write

    async def step(self) -> None:
        """Look at the graph once and follow it; a failure is kept for whoever asks and tried again."""
        async with self._looks:
            await self._watch.do(_GRAPH, self._follow)
        await self._follow_words()
        self.stepped.set()

    def _missing(self, name: str = _GRAPH) -> ApiError:
        """Why there is nothing yet."""
        found = self._watch.problem_of(name) or self._watch.problem_of(_GRAPH) or _STARTING
        return found.with_traceback(None)  # else that of each request that met it is kept

    async def _each_second(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._watch.do(name, work)

    async def _follow_curation(self) -> None:
        if self._reads is not None and self._serving is not None:
            await self.curation.try_to_follow(self._reads, self._serving.snapshot.text_model)

    async def _follow_other_model(self) -> None:
        if self._reads is not None and self._serving is not None:
            await self._beside.look(self._reads, self.graph, self._serving.snapshot)

    async def close(self) -> None:
        if self._reads is not None:
            await self._reads.close()
        if self._graph is not None:
            with suppress(BufferError):  # a thread was sending; its connection ends with it
                self._graph.close()

    async def _follow(self) -> None:
        if self._reads is None or self._graph is None:
            self._graph = await asyncio.to_thread(connect, self._settings, _PATIENCE)
            self._reads = Reads(self._graph)
        marks = self._graph.marks
        rows, mark = await self._reads.answer(_Q.state)
        if self._graph.marks is marks:  # else this process has written since
            self._graph.marks = mark
        version = version_from(rows[0])
        revision, removed = rows[0]["revision"], rows[0]["removed"]
        loaded = False
        if self._serving is not None and _only_model(version, self._serving.snapshot.version):
            await self._move(self._serving, version)
            return
        if self._serving is None or version != self._serving.snapshot.version:
            await self._load()
            loaded = True
            if self._serving is not None:
                await self.curation.follow(self._reads, self._serving.snapshot.text_model)
            self._revision, self._removed = revision, removed
            self._trend_noted(rows[0])
        elif removed != self._removed and time.monotonic() >= self._rest_until:
            await self._refresh(self._serving)
            self._removed = removed
            if revision != self._revision:  # the same write may have brought items
                await self._take_in(self._serving)
                self._revision = revision
        elif revision != self._revision:
            await self._take_in(self._serving)
            self._revision = revision
        elif rows[0]["touched"] != self._touched and time.monotonic() >= self._trend_until:
            newer = partial(with_activity, self._serving.snapshot, self._graph)
            self._serving = self._serving._replace(snapshot=await self._rested(newer))
            self._trend_noted(rows[0])
            return
        elif mark != self._mark and time.monotonic() >= self._rest_until:
            await self._refresh(self._serving)
        elif self._serving.encoder is None:
            self._serving = await asyncio.to_thread(with_encoder, self._serving.snapshot, self._settings)
            return
        else:
            return
        if loaded:
            await self._follow_words()
            gc.unfreeze()  # what was served before may be in a cycle, and go
            gc.collect()
            gc.freeze()  # what stays for long need not be walked again and again while requests wait
        self._mark = mark

    async def _follow_words(self) -> None:
        if self._serving is not None and not self._suggesting.rests:
            work = partial(self._suggesting.follow, self._serving.snapshot, self.curation.needs)
            await self._watch.do(_WORDS, work)

    def _trend_noted(self, state: Row) -> None:
        self._touched, self._trend_until = state["touched"], time.monotonic() + _TREND_SECONDS

    async def _load(self) -> None:
        graph = self.graph

        def whole() -> Snapshot:
            # first the sum: what changes while the items are read makes another one
            (summed,) = graph.read(_Q.columns_sum)
            snapshot = load_snapshot(graph)
            self._columns_sum, self._columns_until = summed, time.monotonic() + _COLUMNS_SECONDS
            return snapshot

        # After the first one nothing rests: what is looked at next is the sum, which is soon done.
        reading = asyncio.to_thread if self._serving is None else self._rested
        snapshot = await reading(whole)
        before = self._serving
        if before is not None and before.encoder is not None and before.encoder.name == snapshot.text_model:
            self._serving = before._replace(snapshot=snapshot)
        else:
            self._serving = await asyncio.to_thread(with_encoder, snapshot, self._settings)
        log.info("serving model %s on graph %s, %d items", *snapshot.version[:2], len(snapshot.ids))

    async def _move(self, serving: Serving, version: Version) -> None:
        snapshot = await asyncio.to_thread(self._beside.serving, self.graph, version, serving.snapshot)
        self._serving = serving._replace(snapshot=snapshot)
        log.info("serving model %s on graph %s", *version[:2])

    async def _take_in(self, serving: Serving) -> None:
        """Take over the items that were written one by one."""
        graph, snapshot = self.graph, serving.snapshot

        def newer() -> Snapshot | None:
            rows = graph.read(_Q.written, revision=self._revision, **snapshot.version.properties)
            return with_items(snapshot, rows, graph.read(_Q.categories)) if rows else snapshot

        taken = await asyncio.to_thread(newer)
        if taken is None:
            await self._load()
        else:
            self._serving = serving._replace(snapshot=taken)

    async def _refresh(self, serving: Serving) -> None:
        """Take over prices, stock and titles; read everything again where items came.

        Most writes are events and answers: the database adds up first whether an item has changed at all.
        """
        graph = self.graph

        def newer() -> Snapshot | None:
            (summed,) = graph.read(_Q.columns_sum)
            if summed == self._columns_sum and time.monotonic() < self._columns_until:
                return serving.snapshot
            snapshot = with_columns(serving.snapshot, read_columns(graph))
            if snapshot is not None:
                self._columns_sum, self._columns_until = summed, time.monotonic() + _COLUMNS_SECONDS
            return snapshot

        snapshot = await self._rested(newer)
        if snapshot is not None:
            self._serving = serving._replace(snapshot=snapshot)
        elif graph.read(_Q.state)[0]["revision"] == self._revision:  # else the next look takes them in
            await self._load()

    async def _rested(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        result = await asyncio.to_thread(work)
        now = time.monotonic()
        self._rest_until = now + _REST * (now - started)
        return result


def _only_model(now: Version, before: Version) -> bool:
    """Whether another model serves, and all else is as it was."""
    return (
        now.trained
        and now.model != before.model
        and (now.graph, now.event_weights) == (before.graph, before.event_weights)
    )
