"""The weights that `shopgraph api learn` adopted, as requests use them in place of constants.

They stay when another model goes live, until `api learn` is run beside it: a refresh does so at once.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from api.ranking.weights import STANDING, KindWeights, RankingWeights
from kg.driver import Graph, Row
from kg.queries import load

log = logging.getLogger("shopgraph.api")
_Q = load("ranking")


class Ranking(NamedTuple):
    """What was learned for one kind of recommendation."""

    weights: Mapping[str, float]  # by the fields of KindWeights; the others stay as they are
    learned_at: str  # ISO 8601
    beside_words: float = 1.0  # what those of STANDING are multiplied by where words are given


class Learned:
    """All that was learned, by kind."""

    def __init__(self, by_kind: Mapping[str, Ranking] | None = None) -> None:
        self._by_kind = dict(by_kind or {})

    def at(self, kind: str) -> Ranking | None:
        """What was learned for a kind, None where nothing was."""
        return self._by_kind.get(kind)

    def over(self, weights: RankingWeights, kind: str, *, words: bool = False) -> RankingWeights:
        """The weights with those learned for the kind that is asked for.

        Args:
            words: whether words are given. Where their own weight was learned, the balance with them was.
        """
        found = self.at(kind)
        if found is None:
            return weights
        told = dict(found.weights)
        if words and "words" not in told:
            told |= {term: found.beside_words * told[term] for term in STANDING if term in told}
        changed = weights.kinds[kind].model_copy(update=told)
        return weights.model_copy(update={"kinds": {**weights.kinds, kind: changed}})


def read_learned(graph: Graph) -> Learned:
    """All that a graph has."""
    return learned_from(graph.read(_Q.every))


def learned_from(rows: Sequence[Row]) -> Learned:
    """From the rows of ranking.every. What cannot be read does nothing, and the log says so."""
    return Learned({row["kind"]: found for row in rows if (found := _ranking(row)) is not None})


def _ranking(row: Row) -> Ranking | None:
    try:
        told = json.loads(row["weights"])
        known = KindWeights.model_validate(told, strict=True, extra="forbid")
        share = float(row["beside_words"])
        if not 0 <= share <= 1:
            raise ValueError(f"besideWords is {share:g}, which is not between 0 and 1")
        return Ranking({name: getattr(known, name) for name in told}, str(row["learned_at"]), share)
    except (ValidationError, ValueError, TypeError) as error:
        log.warning("The learned weights of %r cannot be read, so they do nothing: %s", row["kind"], error)
        return None
