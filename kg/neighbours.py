"""Item–item edges counted or measured from data: pure functions over arrays, no database.

`shopgraph graph build` writes their results into the graph; training calls them on its training part alone,
so that no held-out purchase is ever counted.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]

_ROWS = 1024  # item rows handled at once: bounds memory at _ROWS x n_items
_PAIRS = 2**16  # pairs of vectors multiplied in double precision at once
_LEAST = 1e-6  # cosines up to it are no likeness
_DOUBT = 1e-5  # by which products in single precision may be wrong


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
    return _edges([_nearest(vectors, rows, k, max(least, _LEAST)) for rows in _blocks(np.arange(n))])


def renewed_neighbours(
    vectors: Floats, changed: npt.NDArray[np.bool_], source: Ints, target: Ints, score: Floats, k: int
) -> Edges:
    """What `text_neighbours` gives, from what it gave before some vectors changed.

    An item's list can only lose the changed items and win some of them, unless it lost more than it won: then
    one that it did not hold before may come in, and the list is made anew.

    Args:
        vectors: unit-length rows as they are now, [n_items, d].
        changed: which of them are new or other than before, [n_items].
        source, target, score: the edges as they were, ordered, in the present numbers; -1: gone.
        k: edges per item.
    """
    n = len(vectors)
    k = min(k, n - 1)
    if k < 1 or changed.sum() > n / 4:
        return text_neighbours(vectors, k)
    lists = np.flatnonzero(source >= 0)
    source, target, score = source[lists], target[lists], score[lists].astype(np.float64)
    worst = np.full(n, -1)  # place of each item's last edge; -1 where its list held all that is alike at all
    worst[source] = np.arange(len(source))
    worst[np.bincount(source, minlength=n) < k] = -1
    floor = np.where(worst < 0, _LEAST, score[worst]) if len(score) else np.full(n, _LEAST)
    kept = ~changed[source] & (target >= 0) & ~changed[np.maximum(target, 0)]
    won = _won(vectors, np.flatnonzero(~changed), np.flatnonzero(changed), floor)
    all_source, all_target, all_score = (
        np.concatenate([a[kept], b]) for a, b in zip((source, target, score), won, strict=True)
    )
    merged = _ordered(all_source, all_target, all_score, k)
    last = np.full(n, -1)
    last[merged.source] = np.arange(len(merged.source))
    anew = changed | ((worst >= 0) & (np.bincount(merged.source, minlength=n) < k))
    full = np.flatnonzero(~anew & (worst >= 0))
    was, now = worst[full], last[full]
    score_now = merged.score[now].astype(np.float64).round(6)
    lost = (score_now < score[was]) | ((score_now == score[was]) & (merged.target[now] > target[was]))
    anew[full[lost]] = True
    parts = [_nearest(vectors, rows, k, _LEAST) for rows in _blocks(np.flatnonzero(anew))]
    rest = _some(merged, ~anew[merged.source])
    edges = _edges([rest, *parts])
    return _some(edges, np.argsort(edges.source, kind="stable"))


def _some(edges: Edges, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Edges:
    source, target, score, together, lift = edges
    return Edges(source[which], target[which], score[which], together[which], lift[which])


def _won(vectors: Floats, rows: Ints, columns: Ints, floor: Floats) -> tuple[Ints, Ints, Floats]:
    """Pairs of the rows and columns that are at least as alike as the row's floor."""
    found = []
    for some in _blocks(rows):
        scores = vectors[some] @ vectors[columns].T
        place, column = np.nonzero(scores >= (floor[some] - _DOUBT)[:, None])
        source, target = some[place], columns[column]
        exact = _cosines(vectors, source, target)
        keep = (exact > _LEAST) & (exact >= floor[source])
        found.append((source[keep], target[keep], exact[keep]))
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    source, target, exact = (np.concatenate(column) for column in zip(empty, *found, strict=True))
    return source, target, exact


def _nearest(vectors: Floats, rows: Ints, k: int, least: float) -> Edges:
    """The neighbours of some items.

    Products of matrices differ in their last bits with the shape of the matrices. So they only choose who may
    be among the first; the order is by cosines that depend on the two vectors alone, equal ones by number.
    """
    scores = vectors[rows] @ vectors.T
    scores[np.arange(len(rows)), rows] = -np.inf
    kth = np.partition(scores, -k, axis=1)[:, -k]
    place, target = np.nonzero(scores >= np.maximum(kth, least)[:, None] - _DOUBT)
    source = rows[place]
    exact = _cosines(vectors, source, target)
    keep = exact > least
    return _ordered(source[keep], target[keep], exact[keep], k)


def _cosines(vectors: Floats, source: Ints, target: Ints) -> npt.NDArray[np.float64]:
    """Of unit vectors, to six decimals, at most 1."""
    parts = [
        np.einsum("ij,ij->i", vectors[source[at]].astype(np.float64), vectors[target[at]].astype(np.float64))
        for at in (slice(start, start + _PAIRS) for start in range(0, len(source), _PAIRS))
    ]
    cosines: npt.NDArray[np.float64] = np.minimum(np.concatenate([*parts, np.zeros(0)]), 1.0).round(6)
    return cosines


def _blocks(rows: Ints) -> Iterator[Ints]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))


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
