"""NDCG@20 of rankings over all items that a shopper had not come to before, by shopper and by item."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np

from api.learning.features import Seen
from api.ranking.signals import Floats, Numbers
from api.state.snapshot import Vectors

K: Final = 20
Scorer = Callable[[Vectors], Vectors]  # features [n, f] -> scores [n]
OVERALL: Final = "overall"
Segments = Callable[[Seen], Mapping[str, Numbers]]  # segment -> those of the taken items that lie in it


def linear(weights: Floats) -> Scorer:
    """The sum of the features, each times its weight."""
    return lambda features: np.asarray(features @ weights.astype(np.float32))


class Found(NamedTuple):
    """NDCG@20, in the order of the shoppers' and of the items' numbers."""

    users: Floats  # of each shopper, mean of their cases
    items: Floats  # what each taken item adds to it, mean of the cases that took it


def judged(
    cases: Iterable[tuple[Seen, Mapping[str, Scorer]]], segments: Segments | None = None
) -> dict[str, dict[str, Found]]:
    """By scorer and segment, what is found.

    In a segment nothing but its own items is to be found; who took none of them has no figure there.

    Args:
        cases: each with those who rank for it, by name.
    """
    found: dict[str, dict[str, _Lists]] = defaultdict(lambda: defaultdict(_Lists))
    for seen, scorers in cases:
        wanted = {OVERALL: seen.taken} | dict(segments(seen) if segments else {})
        for name, scorer in scorers.items():
            scores = np.where(seen.allowed, scorer(seen.features), -np.inf)
            for segment, taken in wanted.items():
                if len(taken):
                    found[name][segment].add(seen.case.user, taken, gains(scores, taken))
    return {
        name: {segment: lists.means() for segment, lists in by_segment.items()}
        for name, by_segment in found.items()
    }


class _Lists:
    def __init__(self) -> None:
        self._users: dict[int, list[float]] = defaultdict(list)
        self._items: dict[int, list[float]] = defaultdict(list)

    def add(self, user: int, taken: Numbers, gained: Floats) -> None:
        self._users[user].append(float(gained.sum()))
        for item, gain in zip(taken.tolist(), gained.tolist(), strict=True):
            self._items[item].append(gain)

    def means(self) -> Found:
        return Found(*(
            np.array([np.mean(values) for _, values in sorted(of.items())])
            for of in (self._users, self._items)
        ))  # fmt: skip


def gains(scores: Vectors, taken: Numbers) -> Floats:
    """What each taken item adds to NDCG@20, [n_taken]; equal scores keep the order of the items.

    >>> gains(np.array([3.0, 1.0, 2.0], np.float32), np.array([0])).tolist()
    [1.0]
    """
    before = np.arange(len(scores))
    ranks = [np.count_nonzero((scores > scores[j]) | ((scores == scores[j]) & (before < j))) for j in taken]
    best = sum(1 / np.log2(place + 2) for place in range(min(len(taken), K)))
    gained = np.array([1 / np.log2(rank + 2) if rank < K else 0.0 for rank in ranks])
    return np.asarray(gained / best, dtype=np.float64)
