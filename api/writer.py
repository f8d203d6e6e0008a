"""Writes of requests: one transaction after another, in a thread of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeVar

import neo4j
from fastapi import Depends, Request

from api.admission import Admission
from api.state.serving import Keeper
from kg.schema import make_keys

T = TypeVar("T")
_PATIENCE = 5.0  # seconds that a write waits for those before it


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

        def run() -> T:
            if not self._prepared:
                make_keys(graph)
                self._prepared = True
            return graph.transact(name, work)

        async with self._line.places if begun else self._line:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


def writer_of(request: Request) -> Writer:
    """The process's writer."""
    writer: Writer = request.app.state.writer
    return writer


WriterOf = Annotated[Writer, Depends(writer_of)]
