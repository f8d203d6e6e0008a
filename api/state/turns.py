"""Work that is done again and again, and whoever waits for the next time."""

import asyncio
from contextlib import suppress


class Turns:
    """Counts the times; each is an `async with` block, one after another."""

    def __init__(self) -> None:
        self._begun = self._ended = 0
        self._over = asyncio.Condition()

    async def __aenter__(self) -> None:
        self._begun += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._over:
            self._ended = self._begun
            self._over.notify_all()

    async def next(self, patience: float) -> None:
        """Wait until a time that has not begun yet is over, at most so many seconds."""
        wanted = self._begun + 1
        with suppress(TimeoutError):
            async with asyncio.timeout(patience), self._over:
                await self._over.wait_for(lambda: self._ended >= wanted)
