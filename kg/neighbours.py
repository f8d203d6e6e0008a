"""Item–item edges counted or measured from data: pure functions over arrays, no database.

`shopgraph graph build` writes their results into the graph; training calls them on its training part alone,
so that no held-out purchase is ever counted.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]

_ROWS = 1024  # item rows handled at once: bounds memory at _ROWS x n_items


class Edges(NamedTuple):
    """Directed edges, ordered by source, then best first."""

    source: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]  # in 0..1, higher is closer
    together: npt.NDArray[np.int32]  # groups that hold both items; 0 for text neighbours
    lift: npt.NDArray[np.float32]  # how many times more often together than by chance; 0 for text


def text_neighbours(vectors: Floats, k: int, least: float = 0.0) -> Edges:
    """The `k` items of highest cosine for each item.

    Args:
        vectors: unit-length rows, [n_items, d]; an all-zero row (an item without text) gets no edges.
        k: edges per item.
        least: cosines below this give no edge.
    """
    n = len(vectors)
    vectors = np.asarray(vectors, dtype=np.float32)
    k = min(k, n - 1)
    if k < 1:
        return _edges([])
    parts = []
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(rows)), rows] = -np.inf
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        score = np.take_along_axis(scores, best, axis=1)
        keep = (score > max(least, 1e-6)).ravel()
        source = np.repeat(rows, k)[keep]
        parts.append(_ordered(source, best.ravel()[keep], np.minimum(score.ravel()[keep], 1.0), k))
    return _edges(parts)


def co_occurrence(
    group: Ints, item: Ints, n_items: int, k: int, *, least: int = 2, shrink: float = 2.0
) -> Edges:
    """The `k` items that most belong together with each item, counted over groups (baskets, sessions, users).

    The score is the cosine of the two items' group sets, times count / (count + shrink) so that a single
    shared group proves little; dividing by both items' frequencies keeps it from favouring the popular.

    Args:
        group: group number of each row, [n].
        item: item number of each row, [n]; an item twice in a group counts once.
        n_items: number of items in the shop.
        k: edges per item.
        least: pairs seen in fewer groups give no edge.
        shrink: groups of doubt added to the count, see above.
    """
    _, dense = np.unique(group, return_inverse=True)
    n_groups = int(dense.max()) + 1 if len(dense) else 0
    ones = np.ones(len(item), dtype=np.float32)
    member = sp.csr_matrix((ones, (dense, item)), shape=(n_groups, n_items))
    member.data[:] = 1.0
    by_item = member.T.tocsr()
    frequency = np.diff(by_item.indptr).astype(np.float64)
    parts = []
    for start in range(0, n_items, _ROWS):
        pairs = (by_item[start : start + _ROWS] @ member).tocoo()
        source, target, count = pairs.row + start, pairs.col, pairs.data
        keep = (source != target) & (count >= least)
        source, target, count = source[keep], target[keep], count[keep].astype(np.float64)
        chance = frequency[source] * frequency[target]
        score = count / np.sqrt(chance) * count / (count + shrink)
        parts.append(_ordered(source, target, score, k, count, count * n_groups / chance))
    return _edges(parts)


def windows(user: Ints, order: Ints, span: int | None) -> npt.NDArray[np.int64]:
    """Group numbers for purchases without baskets: a user's purchases within `span` of the window's first.

    Windows tile each user's time from the first purchase on. With `span` None a user is one group.
    `order` and `span` have the same unit (seconds).
    """
    if span is None or not len(user):
        return np.asarray(user, dtype=np.int64)
    first = np.full(int(user.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, user, order)
    tile = (order - first[user]) // span
    return np.unique(np.stack([user, tile], axis=1), axis=0, return_inverse=True)[1].ravel()


def _ordered(
    source: Ints, target: Ints, score: Floats, k: int, count: Floats | None = None, lift: Floats | None = None
) -> Edges:
    """Sort by source, score (best first) and target, and keep each source's first `k`."""
    by = np.lexsort((target, -score, source))
    source = source[by]
    first = np.searchsorted(source, source, side="left")
    kept = np.arange(len(source)) - first < k
    source, by = source[kept], by[kept]
    zero = np.zeros(len(by))
    return Edges(
        source.astype(np.int32),
        target[by].astype(np.int32),
        score[by].astype(np.float32),
        (zero if count is None else count[by]).astype(np.int32),
        (zero if lift is None else lift[by]).astype(np.float32),
    )


def _edges(parts: list[Edges]) -> Edges:
    if not parts:
        parts = [_ordered(np.zeros(0, int), np.zeros(0, int), np.zeros(0), 1)]
    return Edges(*(np.concatenate(column) for column in zip(*parts, strict=True)))
