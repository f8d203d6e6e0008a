"""What a case ranks by: each feature is a term of the score itself, with a weight of one.

So the weights that are found are those that the score needs, and what is learned from is what serves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from api.encoder import QueryEncoder
from api.history import past_from
from api.learning.cases import Bools, Case
from api.learning.timeline import Timeline
from api.ranking.score import Scorer
from api.ranking.signals import Floats, Numbers, Signals, Words
from api.ranking.tempering import scaled, share_beside_words
from api.ranking.weights import DEFAULT, STANDING, KindWeights, RankingWeights
from api.state.snapshot import Snapshot, Vectors
from kg.dataset import ShopData
from kg.seasons import WEEKS

TERMS: Final = ("words", "category", "popularity", "trend", "novelty", "season")  # fields of KindWeights
_OF_THE_PAST: Final = frozenset({"category"})  # looking up a long past takes time
_END, _LAST = 10, 0.6  # places from either end that are looked at; what the very last one counts
_WEEK_SECONDS = 7 * 86_400
_NOTHING: Final = {"gnn": 0.0, "cold_text": 0.0, "intents": 0.0} | dict.fromkeys(TERMS, 0.0)


class Seen(NamedTuple):
    """A case with all that is known of the items."""

    case: Case
    features: Vectors  # [n, 1 + len(TERMS)]: the rest of the score, then each term
    allowed: Bools  # [n]: items that the shopper has not come to before
    taken: Numbers  # of the items that they came to next


class Reader(NamedTuple):
    """How words are read; without an encoder they are not."""

    encoder: QueryEncoder | None
    read: dict[str, Words]  # by the words

    def of(self, words: str | None, snapshot: Snapshot) -> Words | None:
        """What they mean."""
        if words is None or self.encoder is None:
            return None
        if words not in self.read:
            self.read[words] = Words.of(words, self.encoder.encode(words), snapshot)
        return self.read[words]


class Looking(NamedTuple):
    """A shop to look at cases in."""

    data: ShopData
    held: Bools
    snapshot: Snapshot  # with the twin's vectors
    reader: Reader
    kind: KindWeights  # as it serves now
    weights: RankingWeights

    def at(self, cases: Iterable[Case]) -> Iterator[Seen]:
        """The cases, in the order of their moments."""
        events = self.snapshot.event_weights(self.weights.events)
        timeline = Timeline(self.data, self.held, self.snapshot, events)
        place = [self.snapshot.number.get(i, -1) for i in self.data.items["item_id"]]
        for case in cases:
            before = timeline.before(case.at)
            seeds = past_from(True, case.past, before, events).seeds
            signals = Signals(seeds, words=self.reader.of(case.words, before))
            allowed = np.ones(len(before.ids), dtype=np.bool_)
            allowed[[before.number[s.item_id] for s in seeds]] = False
            taken = np.array([place[item] for item in case.items if place[item] >= 0], dtype=np.int64)
            if len(taken):
                yield Seen(case, self.features(before, signals), allowed, taken)

    def features(self, snapshot: Snapshot, signals: Signals) -> Vectors:
        """The rest of the score, then each term, [n_items, 1 + len(TERMS)]; beside words as it serves."""
        nothing = self.kind.model_copy(update=_NOTHING)
        share = share_beside_words(snapshot, signals, self.kind, self.weights)
        rest = scaled(self.kind, share).model_copy(update={"intents": 0.0} | dict.fromkeys(TERMS, 0.0))
        columns = [Scorer(snapshot, signals, rest, self.weights).all]
        for term in TERMS:
            kind = nothing.model_copy(update={term: 1.0 if term == "words" else share})
            by = signals if term in _OF_THE_PAST else signals._replace(seeds=())
            columns.append(Scorer(snapshot, by, kind, self.weights).all)
        return np.stack(columns, axis=1)

    def beside_words(self, weights: Floats) -> float:
        """What the weights of terms that speak for items whoever asks are multiplied by beside words, 0 to 1.

        So that they tell items apart no more than words can. Nothing else bounds them where nobody searched
        before choosing: a small gain at the top is worth any weight to a fit.
        """
        standing = np.array([False, *(term in STANDING for term in TERMS)])
        by_items = np.where(standing, weights, 0.0).astype(np.float32)
        told = max(reach(self.features(shop, Signals()) @ by_items) for shop in self._in_each_week())
        return min(1.0, self.weights.beside_words / max(told, 1e-9))

    def _in_each_week(self) -> Iterator[Snapshot]:
        """The shop as it is and, where it has seasons, in the weeks to come."""
        now = self.snapshot.activity
        for week in range(WEEKS if self.snapshot.categories.seasons else 1):
            yield replace(self.snapshot, activity=now._replace(newest=now.newest + week * _WEEK_SECONDS))


def reach(values: Vectors) -> float:
    """How far from the median the 10th item of either end is, or six tenths of how far the last one is."""
    ordered, end = np.sort(values), max(1, min(_END, len(values) // 10))
    far = np.abs(ordered[[0, end - 1, -end, -1]] - ordered[len(values) // 2])
    return float(max(far[1], far[2], _LAST * far[0], _LAST * far[3]))


def weights_of(kind: KindWeights) -> Floats:
    """What a kind's features are multiplied by, [1 + len(TERMS)]."""
    return np.array([1.0, *(getattr(kind, term) for term in TERMS)])


BUILT_IN: Final = weights_of(DEFAULT.kinds["for_you"])


def named(weights: Floats, learned: Sequence[bool]) -> Mapping[str, float]:
    """Weights as fields of KindWeights, where something could be learned of them."""
    return {
        term: round(float(w), 4) for term, w, known in zip(TERMS, weights[1:], learned, strict=True) if known
    }
