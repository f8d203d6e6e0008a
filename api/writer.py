"""Writes of requests: one transaction after another, in a thread of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Never, TypeVar

import neo4j
from fastapi import Depends, Request

from api.admission import Admission, OverloadedError
from api.problems import ApiError
from api.state.serving import Keeper
from kg.driver import Graph
from kg.errors import ShopgraphError
from kg.live import events, item_shape, items
from kg.schema import make_keys

T = TypeVar("T")
_PATIENCE = 5.0  # seconds that a write waits for those before it
_LOOK = 0.5  # seconds between two looks for the shop


class Writer:
    """Runs write transactions. They wait for each other in the graph anyway, so one thread is enough."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._line = Admission(at_once=1, patience=_PATIENCE)
        self._prepared = False

    async def transact(
        self, name: str, work: Callable[[neo4j.ManagedTransaction], T], *, begun: bool = False
    ) -> T:
        """The result of one transaction, once it is committed; `name` is for messages.

        Args:
            begun: whether it finishes what another one began: it waits as long as it takes.

        Raises:
            ApiError: 503, the graph was not reached yet, or too many writes wait.
            GraphError: the graph does not take it; nothing was written.
        """
        graph = self._keeper.graph
        try:
            async with self._line.places if begun else self._line:
                return await self._in_turn(graph, name, work)
        except OverloadedError:
            if self._keeper.problem is None:
                raise
            raise ApiError(503, "graph-unreachable", self._keeper.problem) from None

    async def rehearse(self) -> None:
        """Have Neo4j plan what an event and an item ask of it: just started it takes seconds over each.

        Whoever comes first would wait for that. It waits for the shop to be read, so that it does not get in
        the way of a first load, and stands in no line, since those behind it would give up sooner than
        behind a request. Nothing that it writes is committed.
        """
        while self._keeper.current is None:
            await asyncio.sleep(_LOOK)
        with suppress(_TakenBackError, ShopgraphError):
            await self._in_turn(self._keeper.graph, "rehearsal", _rehearsal)

    async def _in_turn(self, graph: Graph, name: str, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        def run() -> T:
            if not self._prepared:
                make_keys(graph)
                self._prepared = True
            return graph.transact(name, work)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


class _TakenBackError(Exception):
    """Ends a transaction that is not to be committed."""


def _rehearsal(tx: neo4j.ManagedTransaction) -> Never:
    name = "shopgraph:rehearsal"
    made_up = item_shape.judged([{"item_id": name}], whole=True)
    items.store(tx, [item for item in made_up if isinstance(item, items.ItemWrite)])
    events.store(tx, [events.Event(name, "view", name, name, datetime.now(UTC))])
    raise _TakenBackError


def writer_of(request: Request) -> Writer:
    """The process's writer."""
    writer: Writer = request.app.state.writer
    return writer


WriterOf = Annotated[Writer, Depends(writer_of)]
