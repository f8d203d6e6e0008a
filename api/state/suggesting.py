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
        self._failed: Exception | None = None
        self._rest_until = 0.0

    async def follow(self, snapshot: Snapshot, needs: Needs) -> None:
        """Sort those that are others now, in a thread; what failed is raised until it is tried again."""
        if time.monotonic() < self._rest_until:
            if self._failed is not None:
                raise self._failed
            return
        started = time.monotonic()
        try:
            self.current = await asyncio.to_thread(partial(suggester_for, snapshot, self.current, needs))
            self._failed = None
        except Exception as error:
            self._failed = error.with_traceback(None)
            raise
        finally:
            now = time.monotonic()
            self._rest_until = now + _REST * (now - started)
