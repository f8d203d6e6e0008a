"""Follows what is set in the graph for the API to obey: scenarios, experiments, intents, learned weights."""

import logging

from api.experiments import Experiments, running
from api.ranking.learned import Learned, learned_from
from api.reads import Reads
from api.scenarios.current import Scenarios, scenarios_from
from api.words.needs import Needs
from kg.driver import Row
from kg.errors import GraphError
from kg.queries import load

log = logging.getLogger("shopgraph.api")
_SCENARIOS = load("scenarios")
_EXPERIMENTS = load("experiments")
_RANKING = load("ranking")


class Curation:
    """What people set, as it was read last. It is small, so it is looked at each second, whatever moved."""

    def __init__(self) -> None:
        self.scenarios = Scenarios()
        self.needs = Needs()
        self.experiments = Experiments()
        self.learned = Learned()
        self._rows: list[Row] | None = None  # the scenarios as the graph had them
        self._seen: tuple[frozenset[str], str | None] | None = None  # the graph's mark, and the encoder

    async def follow(self, reads: Reads, text_model: str | None) -> None:
        """Read what changed; intents, of which there are more, only where anything was written.

        Args:
            text_model: the encoder whose vectors compare with those of words.

        Raises:
            GraphError: the graph does not answer; what was read before stays.
        """
        seen = (await self.follow_scenarios(reads), text_model)
        self.experiments = running(await reads.rows(_EXPERIMENTS.every))
        self.learned = learned_from(await reads.rows(_RANKING.every))
        if seen != self._seen:
            self.needs = await self.needs.newer(reads, text_model)
            self._seen = seen

    async def follow_scenarios(self, reads: Reads) -> frozenset[str]:
        """Read the scenarios; returns the mark of the graph's state.

        Raises:
            GraphError: the graph does not answer; what was read before stays.
        """
        rows, mark = await reads.answer(_SCENARIOS.every)
        if rows != self._rows:
            self.scenarios, self._rows = scenarios_from(rows), rows
        return mark

    async def try_to_follow(self, reads: Reads, text_model: str | None) -> None:
        """As `follow`, where a graph that does not answer is a line in the log."""
        try:
            await self.follow(reads, text_model)
        except GraphError as error:
            log.warning("Scenarios, experiments, intents and learned weights stay as they were: %s", error)
