"""The lease: one refresh at a time, wherever it runs.

It is a node in the graph with a holder, a time at which it frees itself, and a number that grows with each
holder. Whoever was stopped for longer than the lease lasts finds another number there and writes no more.
"""

import os
import socket
import threading
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import neo4j

from kg.driver import Graph
from kg.errors import BusyError, GraphError, RefreshError
from kg.queries import load
from kg.refresh.stopping import Stop

_Q = load("refresh")
NAME = "refresh"


class Holder(NamedTuple):
    """Who has the lease."""

    holder: str
    expires_at: str  # ISO 8601
    token: int


def holder(graph: Graph) -> Holder | None:
    """Who refreshes now; None where nobody does."""
    return next((Holder(**row) for row in graph.read(_Q.lease, name=NAME)), None)


class Lease:
    """Held for a `with` block and renewed meanwhile.

    Args:
        seconds: it frees itself so long after the last renewal, if its holder dies.
        stop: what may tell its holder to stop.

    Raises:
        BusyError: on entry, when another one has it.
    """

    def __init__(self, graph: Graph, run_id: str, seconds: int = 60, stop: Stop | None = None) -> None:
        self.graph, self.seconds, self._stop = graph, seconds, stop or Stop()
        self.holder = f"{socket.gethostname()}:{os.getpid()} {run_id}"
        self.token = 0
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Self:
        rows = self.graph.write_rows(_Q.acquire, name=NAME, holder=self.holder, seconds=self.seconds)
        if not rows:
            other = holder(self.graph)
            who = f"{other.holder} holds the lease until {other.expires_at}" if other else "it has just ended"
            raise BusyError(f"Another refresh is running: {who}. Nothing was done.")
        self.token = rows[0]["token"]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(self.seconds)
        try:
            self.graph.write(_Q.release, name=NAME, token=self.token)
        except GraphError:
            if kind is None:
                raise  # else the database is what failed, and the lease expires by itself

    @property
    def lost(self) -> bool:
        """Whether another one may have it by now."""
        return self._lost.is_set()

    def look(self) -> None:
        """Refuse to go on once the lease is known to be lost, or when told to stop; asks no database.

        Raises:
            RefreshError: another one may have it.
            StoppedError: a signal came.
        """
        self._stop.check()
        if self.lost:
            raise RefreshError(self._taken)

    def check(self, tx: neo4j.ManagedTransaction | None = None) -> None:
        """Refuse to go on without the lease.

        Args:
            tx: the transaction that may only be committed with it; nobody takes the lease before it ends.

        Raises:
            RefreshError: another one has taken it.
            StoppedError: a signal came.
        """
        self.look()
        params: dict[str, Any] = {"name": NAME, "token": self.token}
        if not (tx.run(_Q.fence.text, params).data() if tx else self.graph.write_rows(_Q.fence, **params)):
            raise RefreshError(self._taken)

    @property
    def _taken(self) -> str:
        return (
            f"The lease number {self.token} has expired and another refresh has taken it: this one was "
            "stopped for too long. It writes no more; the other one finishes the work."
        )

    def _renew(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(self.seconds / 4):
            try:
                rows = self.graph.write_rows(_Q.renew, name=NAME, token=self.token, seconds=self.seconds)
            except GraphError:
                rows = [{}] if time.monotonic() - renewed < self.seconds else []
            else:
                renewed = time.monotonic()
            if not rows:
                self._lost.set()
                return
