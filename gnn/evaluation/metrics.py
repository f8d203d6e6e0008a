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
    return np.asarray((hits * discount(k)).sum(axis=1) / best_dcg(n_targets, k))


def discount(k: int) -> Floats:
    """What a hit at each place is worth, [k]."""
    return np.asarray(1 / np.log2(np.arange(2, k + 2)))


def best_dcg(n_targets: Ints, k: int) -> Floats:
    """What the best order of each user's targets is worth, [n_users]."""
    return np.asarray(np.cumsum(discount(k))[np.minimum(n_targets, k) - 1])


def mrr(hits: Hits, n_targets: Ints) -> Floats:  # noqa: ARG001
    """1 / rank of the first target, 0 where none is among the first k."""
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)


def average_precision(hits: Hits, n_targets: Ints) -> Floats:
    """Σ_r hit_r · (hits up to r) / r, divided by min(targets, k); its mean over users is MAP@k."""
    k = hits.shape[1]
    precision = hits.cumsum(axis=1) / np.arange(1, k + 1)
    return np.asarray((hits * precision).sum(axis=1) / np.minimum(n_targets, k))


def coverage(ranked: Ints, n_items: int) -> float:
    """Share of the catalogue that is among the first k of at least one user; `ranked` is [n_users, k].

    Here and below, -1 stands where a user has fewer than k recommendations.
    """
    return len(np.unique(ranked[ranked >= 0])) / n_items


def gini(ranked: Ints, n_items: int) -> float:
    """Gini index of how often each item is recommended: 0 all alike, towards 1 a single item for everybody.

    Σ_j (2j - n - 1) x_j / (n Σ_j x_j) over all n items, x ascending. Items never recommended count as 0.
    """
    times = np.sort(np.bincount(ranked[ranked >= 0], minlength=n_items)).astype(np.float64)
    weight = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float((weight * times).sum() / (n_items * times.sum())) if times.any() else 0.0


def novelty(ranked: Ints, popular: Ints, n_users: int) -> float:
    """Mean self-information of the recommended items, -log2(share of users who have the item), in bits.

    Zhou et al., PNAS 2010; as a mean over recommendations, Vargas & Castells, RecSys 2011. An item that
    nobody has counts as if one user had it.

    Args:
        popular: users of each item in what was trained on, [n_items], out of `n_users`.
    """
    information = -np.log2(np.maximum(popular, 1) / n_users)
    recommended = ranked[ranked >= 0]
    return float(information[recommended].mean()) if len(recommended) else 0.0


PER_USER: Final[dict[str, Callable[[Hits, Ints], Floats]]] = {
    "recall": recall,
    "ndcg": ndcg,
    "hr": hit_rate,
    "mrr": mrr,
    "map": average_precision,
}
