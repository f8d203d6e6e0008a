"""Ranking metrics at k over users, from the ranks at which their targets were found.

All take `hits`, bool [n_users, k]: whether the item ranked r-th for a user is one of the user's targets, and
`n_targets`, int [n_users]: how many targets the user has (at least 1). Each returns a value per user.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


def recall(hits: Hits, n_targets: Ints) -> Floats:
    """Share of a user's targets among the first k: hits / targets."""
    return np.asarray(hits.sum(axis=1) / n_targets)


def hit_rate(hits: Hits, n_targets: Ints) -> Floats:  # noqa: ARG001 (one signature for all metrics)
    """1 where at least one target is among the first k, else 0."""
    return np.asarray(hits.any(axis=1), dtype=np.float64)


def ndcg(hits: Hits, n_targets: Ints) -> Floats:
    """Σ_r hit_r / log2(r + 1), divided by what the best order of the user's targets would give."""
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(n_targets, k) - 1]
    return np.asarray((hits * discount).sum(axis=1) / ideal)


def mrr(hits: Hits, n_targets: Ints) -> Floats:  # noqa: ARG001
    """1 / rank of the first target, 0 where none is among the first k."""
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)


def average_precision(hits: Hits, n_targets: Ints) -> Floats:
    """Σ_r hit_r · (hits up to r) / r, divided by min(targets, k); its mean over users is MAP@k."""
    k = hits.shape[1]
    precision = hits.cumsum(axis=1) / np.arange(1, k + 1)
    return np.asarray((hits * precision).sum(axis=1) / np.minimum(n_targets, k))


def coverage(ranked: Ints, n_items: int) -> float:
    """Share of the catalogue that is among the first k of at least one user; `ranked` is [n_users, k]."""
    return len(np.unique(ranked)) / n_items


PER_USER: Final[dict[str, Callable[[Hits, Ints], Floats]]] = {
    "recall": recall,
    "ndcg": ndcg,
    "hr": hit_rate,
    "mrr": mrr,
    "map": average_precision,
}
