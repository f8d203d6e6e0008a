"""Does what follows the graph, and keeps what went wrong with each piece of it until it goes right."""

import logging
from collections.abc import Awaitable, Callable

from neo4j.exceptions import DriverError, Neo4jError

from api.problems import ApiError, with_status
from kg.errors import ShopgraphError

log = logging.getLogger("shopgraph.api")


class Watch:
    """The work that follows the graph, by name, and its problems."""

    def __init__(self, problems: dict[str, ApiError]) -> None:
        """
        Args:
            problems: of what has not been done yet.
        """
        self._problems = problems

    def problem_of(self, name: str) -> ApiError | None:
        """Why some work failed when it was done last."""
        return self._problems.get(name)

    @property
    def problem(self) -> str | None:
        """Why the graph is not followed at the moment; None while it is."""
        return next((found.detail for found in self._problems.values()), None)

    async def do(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; one thing that nobody foresaw must not end the watch for good.

        The log tells of a problem once, however often it is met in a row.
        """
        try:
            await work()
        except (ShopgraphError, DriverError, Neo4jError) as error:
            self._note(name, with_status(error))
        except Exception as error:  # the edge of the watch: logged, told at /readyz, and tried again
            found = ApiError(503, "not-followed", f"The graph cannot be followed: {error!r}. See the log.")
            if self._is_new(name, found):
                log.exception("The graph cannot be followed")
            self._problems[name] = found
        else:
            self._problems.pop(name, None)

    def _note(self, name: str, found: ApiError) -> None:
        if self._is_new(name, found):
            log.warning("%s", found.detail)
        self._problems[name] = found

    def _is_new(self, name: str, found: ApiError) -> bool:
        before = self._problems.get(name)
        return before is None or before.detail != found.detail
