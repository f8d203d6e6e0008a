"""Follows what people set in the graph for the API to obey: scenarios with their rules."""

import logging

from api.reads import Reads
from api.scenarios import Scenarios, scenarios_from
from kg.driver import Row
from kg.errors import GraphError
from kg.queries import load

log = logging.getLogger("shopgraph.api")
_SCENARIOS = load("scenarios")


class Curation:
    """What people set, as it was read last. It is small, so it is looked at each second, whatever moved."""

    def __init__(self) -> None:
        self.scenarios = Scenarios()
        self._rows: list[Row] | None = None  # the scenarios as the graph had them

    @property
    def known(self) -> bool:
        """Whether it was ever read."""
        return self._rows is not None

    async def follow(self, reads: Reads) -> None:
        """Read what changed.

        Raises:
            GraphError: the graph does not answer; what was read before stays.
        """
        rows = await reads.rows(_SCENARIOS.every)
        if rows != self._rows:
            self.scenarios, self._rows = scenarios_from(rows), rows

    async def try_to_follow(self, reads: Reads) -> None:
        """The same, where a graph that does not answer is a line in the log."""
        try:
            await self.follow(reads)
        except GraphError as error:
            log.warning("Scenarios stay as they were: %s", error)
