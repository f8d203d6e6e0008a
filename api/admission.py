"""How many requests a process answers at once: others stand in line, and are refused where that takes long.

Without a line, a moment of too much load lasts: all requests ask the graph at once, each waits until its
sources run out of time, and what is cancelled costs its connection (Bronson et al. 2021, Metastable
failures in distributed systems).
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request

from api.problems import ApiError

AT_ONCE = 16  # more would not be faster: one process computes on one core
PATIENCE = 2.0  # seconds in line


class OverloadedError(ApiError):
    """There was no place in time."""


class Admission:
    """The line of a process.

    Args:
        at_once: requests that are answered at the same time.
        patience: seconds that one waits before it is refused.
    """

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self.places = asyncio.Semaphore(at_once)
        self._patience = patience

    async def __aenter__(self) -> None:
        """Wait for a place.

        Raises:
            ApiError: 503, there was none in time.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self.places.acquire()
        except TimeoutError:
            detail = f"More is asked of this process than it can answer: no place in {self._patience:g} s."
            raise OverloadedError(503, "overloaded", detail, {"Retry-After": "1"}) from None

    async def __aexit__(self, *_: object) -> None:
        self.places.release()


async def admitted(request: Request) -> AsyncIterator[None]:
    """Hold a place in the process's line while the request is answered."""
    async with request.app.state.admission:
        yield
