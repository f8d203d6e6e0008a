"""What a request brings to rank by, and what comes of it: plain tuples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from api.ranking.screen import Codes
from api.ranking.weights import RankingWeights
from api.schemas.answers import PartType
from api.state.snapshot import Snapshot, Vectors
from api.words.named import categories

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
SeedType = Literal["history", "session", "item"]


class Seed(NamedTuple):
    """An item that says something about the shopper."""

    item_id: str
    type: SeedType
    weight: float  # within its type
    event: str  # what was done with it, for example BOUGHT
    context: Vectors  # [dim]
    target: Vectors  # [dim]
    text: Vectors  # [text dim]

    @property
    def direction(self) -> Vectors:
        """Of the target, unit length: how much the item itself is wanted says nothing of what is like it."""
        length = float(np.linalg.norm(self.target))
        return self.target / np.float32(length) if length else self.target


class Edge(NamedTuple):
    """One hop in the graph from an item looked at."""

    seed_id: str
    number: int  # of the item at the other end
    type: str  # relationship type
    score: float  # as the graph has it, >= 0
    times: int  # how often it was counted, 0 where declared


class Boost(NamedTuple):
    """What a rule adds to the scores of some items."""

    name: str  # of the rule
    text: str  # as a sentence
    value: float
    numbers: Numbers  # of the items


class Need(NamedTuple):
    """An intent of the graph that the words come close to."""

    intent_id: str
    name: str  # its text
    support: int  # choices that it was mined from
    closeness: float  # in 0..1
    numbers: Numbers  # of the items that satisfy it
    weights: Floats  # theirs, the largest 1


@dataclass(frozen=True)
class Words:
    """What a shopper's words mean, and how much each item is what they say."""

    vector: Vectors  # [text dim], unit length
    lexical: Vectors  # [n], in 0..1: how much of them each item is written in
    texts: Codes  # of the items
    named: Vectors  # [n]: 1 for items of a category that they name, else 0
    staff: float  # cosine to the nearest question that is for the shop's staff

    @classmethod
    def of(cls, words: str, vector: Vectors, snapshot: Snapshot, staff: float = 0.0) -> "Words":
        """Compare words with every item.

        Args:
            vector: that of the words, unit length, [text dim].
            staff: what `api.words.scope.for_staff` says of them.
        """
        scores = snapshot.lexicon.scores(words)
        scores /= max(float(scores.max(initial=0.0)), 1e-9)
        named = np.zeros_like(scores)
        for category_id in categories(snapshot, words):
            named[snapshot.categories.within(category_id)] = 1
        return cls(vector, scores, snapshot.text_codes, named, staff)

    def written(self, weights: RankingWeights) -> Vectors:
        """What the words add to each item's score beside their vector, where they count once, [n]."""
        return np.float32(weights.lexical) * self.lexical + np.float32(weights.named) * self.named

    @cached_property
    def near(self) -> Vectors:
        """About the cosine of each item's text to them, [n]; to look at all texts takes time."""
        near = np.zeros(len(self.lexical), dtype=np.float32)
        self.texts.add_products(self.vector, near)
        return near


class Signals(NamedTuple):
    """What one request brings to rank by."""

    seeds: Sequence[Seed] = ()
    anchors: Sequence[Seed] = ()  # the items looked at, to which others are alike or tied
    words: Words | None = None
    edges: Sequence[Edge] = ()
    needs: Sequence[Need] = ()
    boosts: Sequence[Boost] = ()


class Part(NamedTuple):
    """What one cause adds to the scores of some items."""

    type: PartType
    cause: Seed | Edge | Need | Boost | None
    values: Floats  # [k], one for each item asked about
    lost: Floats | None = None  # [k], how much the score would fall without a past item; NaN where not known
