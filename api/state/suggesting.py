"""Keeps the words that complete what people type, a moment behind the snapshot that they are of."""

import asyncio
import time
from functools import partial

from api.state.snapshot import Snapshot
from api.suggest import Suggester, suggester_for
from api.words.needs import Needs

_REST = 3  # sorting words for s seconds, which slows requests, is not done again for 3 s


class Suggesting:
    """The words as they were sorted last."""

    def __init__(self) -> None:
        self.current: Suggester | None = None
        self._rest_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether they were sorted, or tried to be, so lately that they wait."""
        return time.monotonic() < self._rest_until

    async def follow(self, snapshot: Snapshot, needs: Needs) -> None:
        """Sort those that are others now, in a thread."""
        started = time.monotonic()
        try:
            self.current = await asyncio.to_thread(partial(suggester_for, snapshot, self.current, needs))
        finally:
            now = time.monotonic()
            self._rest_until = now + _REST * (now - started)
