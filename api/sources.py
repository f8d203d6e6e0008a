"""What a request looks up, each source within its own time; one that fails or is late is left out."""

import asyncio
from collections.abc import Awaitable
from typing import Any, NamedTuple, TypeVar

from api.problems import ApiError
from api.schemas.answers import Source
from kg.errors import GraphError
from kg.settings import Settings

T = TypeVar("T")
_under_way: set[asyncio.Future[Any]] = set()  # the event loop alone does not keep what nobody waits for


class Timeouts(NamedTuple):
    """Seconds that each source may take."""

    history: float = 1.0
    items: float = 2.0
    edges: float = 1.0
    words: float = 2.0
    intents: float = 0.5


def timeouts_of(settings: Settings) -> Timeouts:
    """As the environment has them."""
    return Timeouts(**{name: getattr(settings, f"{name}_timeout") for name in Timeouts._fields})


class Sources:
    """The lookups of one request. `left_out` says, by the source, why it is missing.

    Args:
        timeouts: seconds for each.
        needed: without which of them the request cannot be answered.
    """

    def __init__(self, timeouts: Timeouts, needed: frozenset[Source]) -> None:
        self.left_out: dict[Source, str] = {}
        self._timeouts = timeouts
        self._needed = needed

    async def ask(self, source: Source, work: Awaitable[T], otherwise: T) -> T:
        """What comes of the work, or `otherwise` where it fails or is late.

        Raises:
            ApiError: the source says that the request is wrong, or it is needed and missing.
            GraphError: it is needed, and the graph does not answer.
        """
        seconds: float = getattr(self._timeouts, source)
        asked = asyncio.ensure_future(work)
        asked.add_done_callback(_ended)
        _under_way.add(asked)
        try:
            # What is late goes on: a query that is broken off takes its connection with it.
            return await asyncio.wait_for(asyncio.shield(asked), seconds)
        except TimeoutError:
            reason = f"no answer in {seconds:g} s (SHOPGRAPH_{source.upper()}_TIMEOUT)"
            if source in self._needed:
                detail = f"The request cannot be answered without its {source}: {reason}."
                raise ApiError(503, "source-late", detail) from None
        except (ApiError, GraphError) as error:
            if source in self._needed or (isinstance(error, ApiError) and error.status < 500):
                raise
            reason = str(error)
        self.left_out[source] = reason
        return otherwise


def _ended(asked: "asyncio.Future[Any]") -> None:
    _under_way.discard(asked)
    if not asked.cancelled():
        asked.exception()  # has been told, or came too late to matter
