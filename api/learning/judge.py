"""NDCG@20 of rankings over all items that a shopper had not come to before, a figure a shopper."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from api.learning.features import Seen
from api.signals import Floats, Numbers
from api.snapshot import Vectors

K: Final = 20
Scorer = Callable[[Vectors], Vectors]  # features [n, f] -> scores [n]
OVERALL: Final = "overall"
Segments = Callable[[Seen], Mapping[str, Numbers]]  # segment -> those of the taken items that lie in it


def linear(weights: Floats) -> Scorer:
    """The sum of the features, each times its weight."""
    return lambda features: np.asarray(features @ weights.astype(np.float32))


def judged(
    cases: Iterable[Seen], scorers: Mapping[str, Scorer], segments: Segments | None = None
) -> dict[str, dict[str, Floats]]:
    """By scorer and segment, the mean NDCG@20 of each shopper's cases, [n_shoppers], in the same order.

    In a segment nothing but its own items is to be found; who took none of them has no figure there.
    """
    found: dict[str, dict[str, dict[int, list[float]]]] = {
        name: defaultdict(lambda: defaultdict(list)) for name in scorers
    }
    for seen in cases:
        wanted = {OVERALL: seen.taken} | dict(segments(seen) if segments else {})
        for name, scorer in scorers.items():
            scores = np.where(seen.allowed, scorer(seen.features), -np.inf)
            for segment, taken in wanted.items():
                if len(taken):
                    found[name][segment][seen.case.user].append(ndcg(scores, taken))
    return {
        name: {
            segment: np.array([np.mean(values) for _, values in sorted(of.items())])
            for segment, of in by_segment.items()
        }
        for name, by_segment in found.items()
    }


def ndcg(scores: Vectors, taken: Numbers) -> float:
    """Of the first 20, each taken item a gain of one; equal scores keep the order of the items.

    >>> float(ndcg(np.array([3.0, 1.0, 2.0], np.float32), np.array([0])))
    1.0
    """
    before = np.arange(len(scores))
    ranks = [np.count_nonzero((scores > scores[j]) | ((scores == scores[j]) & (before < j))) for j in taken]
    got = sum(1 / np.log2(rank + 2) for rank in ranks if rank < K)
    return float(got / sum(1 / np.log2(place + 2) for place in range(min(len(taken), K))))
