"""Candidate pairs of items and what is known of each: paths over links, text, categories, counts.

Every number about links is computed from the visible ones alone. A block of source items at a time is dense.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from gnn.links.evidence import Evidence, Links, together
from kg.dataset import ShopData

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Dense = dict[str, Floats]  # feature -> [block, n_items]

_CELLS: Final = 2**22  # sources x items of a block: 16 MiB a feature
_LIST_DAMPING: Final = 0.3  # exponent of an item's in-degree in `lists`, see _Kind
# How many of a source's best items by each feature become candidates.
_CANDIDATES: Final = {
    "lists": 60, "out_out": 20, "out_in": 20, "in_out": 20, "text": 30, "category": 10, "count": 20,
}  # fmt: skip


class Facts(NamedTuple):
    """What does not depend on which links are visible."""

    text: Floats  # unit length or 0, [n_items, d]
    categories: sp.csr_matrix  # unit rows of names weighted by ln(n / items with it), [n_items, names]
    brand: Ints  # number of the item's brand, -1 where unknown, [n_items]
    popularity: Floats  # ln(1 + events), [n_items]
    counts: dict[str, sp.csr_matrix]  # what was counted -> cosine of two items' baskets or sessions


class Block(NamedTuple):
    """Some candidate pairs."""

    source: Ints  # [pairs]
    target: Ints  # [pairs]
    features: Floats  # [pairs, len(names)]
    names: list[str]


class _Kind(NamedTuple):
    """The visible links of one kind, ready to be multiplied."""

    out: sp.csr_matrix
    into: sp.csr_matrix
    damped_out: sp.csr_matrix  # columns weighted by 1 / ln(2 + degree), as Adamic and Adar do
    damped_into: sp.csr_matrix
    profile: sp.csr_matrix  # D_out^-1/2 A D_in^-1/2
    votes: sp.csr_matrix  # D_out^-1/2 A D_in^-0.3: popular items are held back less
    degrees: Floats  # ln(1 + out), ln(1 + in), [n_items, 2]


def facts(data: ShopData, known: Evidence) -> Facts:
    """A shop's facts; what the links themselves were counted from is left out."""
    n = len(data.items)
    counts = {}
    for name, role, views in (("bought", known.complement, False), ("viewed", known.substitute, True)):
        if role is None or not role.counted:
            counts[name] = _cosine(together(data, views=views))
    brand, _ = pd.factorize(data.items["brand"].replace("", None))
    return Facts(
        text=np.zeros((n, 1), np.float32) if data.text is None else data.text,
        categories=_categories(data.items["categories"]),
        brand=brand.astype(np.int64),
        popularity=np.log1p(np.bincount(data.interactions["item"], minlength=n)).astype(np.float32),
        counts={name: count for name, count in counts.items() if count.nnz},
    )


def blocks(of: Facts, visible: Links, pairs: sp.csr_matrix | None = None) -> Iterator[Block]:
    """Candidate pairs with their features, source by source.

    Args:
        of: the shop's facts.
        visible: the links that may be seen.
        pairs: score exactly these pairs (its non-zeros) instead of looking for candidates.
    """
    n = len(of.brand)
    kinds = [_kind(edges) for edges in visible]
    node = np.column_stack([of.popularity, *(kind.degrees for kind in kinds)])
    step = max(1, _CELLS // n)
    for start in range(0, n, step):
        rows: Ints = np.arange(start, min(start + step, n), dtype=np.int64)
        if pairs is not None and pairs.indptr[rows[-1] + 1] == pairs.indptr[start]:
            continue
        dense = _dense(of, kinds, rows)
        if pairs is None:
            row, target = _candidates(dense, rows)
        else:
            row, target = (np.asarray(end, np.int64) for end in pairs[rows].nonzero())
        names = [*dense, *(f"{end}_{n}" for end in ("source", "target") for n in range(node.shape[1]))]
        columns = [values[row, target] for values in dense.values()]
        source = row + start
        features = np.column_stack([*columns, node[source], node[target]]).astype(np.float32)
        yield Block(source.astype(np.int64), target.astype(np.int64), features, names)


def _dense(of: Facts, kinds: list[_Kind], rows: Ints) -> Dense:
    """Every feature of `rows` against all items.

    With A the links of a kind: out_out = A W A counts a -> x -> b, out_in = A W Aᵀ counts a -> x <- b and so
    on, W holding back the x that have many links. `lists` is item-kNN over lists of links: the items whose
    lists are like that of a vote for what stands in theirs, a -> x <- a' -> b.
    """
    dense: Dense = {}
    for number, kind in enumerate(kinds):
        out, into = kind.damped_out[rows], kind.damped_into[rows]
        dense[f"out_out_{number}"] = _array(out @ kind.out)
        dense[f"out_in_{number}"] = _array(out @ kind.into)
        dense[f"in_out_{number}"] = _array(into @ kind.out)
        dense[f"in_in_{number}"] = _array(into @ kind.into)
        alike = _array(kind.profile[rows] @ kind.profile.T)
        alike[np.arange(len(rows)), rows] = 0
        dense[f"alike_{number}"] = alike
        dense[f"lists_{number}"] = alike @ kind.votes
        dense[f"cross_{number}"] = alike @ kinds[1 - number].votes
    for number in (0, 1):
        mixed = (kinds[number].damped_out[rows] + kinds[number].damped_into[rows]) @ (
            kinds[1 - number].out + kinds[1 - number].into
        )
        dense[f"mixed_{number}"] = _array(mixed)
    dense["text"] = of.text[rows] @ of.text.T
    dense["category"] = _array(of.categories[rows] @ of.categories.T)
    for name, count in of.counts.items():
        dense[f"count_{name}"] = _array(count[rows])
    dense["brand"] = ((of.brand[rows, None] == of.brand) & (of.brand[rows, None] >= 0)).astype(np.float32)
    for name in ("lists_0", "lists_1", "text"):  # next to the source's tenth best
        k = min(10, dense[name].shape[1])
        tenth = -np.partition(-dense[name], k - 1, axis=1)[:, [k - 1]]
        dense[f"{name}_relative"] = np.asarray(dense[name] / np.maximum(tenth, 1e-6), np.float32)
    return dense


def _candidates(dense: Dense, rows: Ints) -> tuple[Ints, Ints]:
    """Row in the block and target of each source's best items by several features."""
    shape = dense["text"].shape
    chosen = np.zeros(shape, dtype=bool)
    for name, values in dense.items():
        k = next((k for stem, k in _CANDIDATES.items() if name.startswith(stem)), 0)
        k = min(k, shape[1] - 1)
        if k < 1 or name.endswith("_relative"):
            continue
        best = np.argpartition(-values, k - 1, axis=1)[:, :k]
        chosen[np.arange(len(rows))[:, None], best] |= np.take_along_axis(values, best, axis=1) > 0
    chosen[np.arange(len(rows)), rows] = False
    row, target = np.nonzero(chosen)
    return row, target


def _kind(edges: sp.csr_matrix) -> _Kind:
    out, into = (np.asarray(edges.sum(axis=axis), np.float32).ravel() for axis in (1, 0))
    damping = sp.diags_array(1 / np.log(2 + out + into)).astype(np.float32)
    rows = sp.diags_array(np.maximum(out, 1) ** -0.5)
    back = edges.T.tocsr()
    return _Kind(
        out=edges,
        into=back,
        damped_out=(edges @ damping).tocsr(),
        damped_into=(back @ damping).tocsr(),
        profile=(rows @ edges @ sp.diags_array(np.maximum(into, 1) ** -0.5)).tocsr().astype(np.float32),
        votes=(rows @ edges @ sp.diags_array(np.maximum(into, 1) ** -_LIST_DAMPING))
        .tocsr()
        .astype(np.float32),
        degrees=np.log1p(np.column_stack([out, into])),
    )


def _categories(categories: "pd.Series[list[str]]") -> sp.csr_matrix:
    exploded = categories.reset_index(drop=True).explode().dropna()
    number, names = pd.factorize(exploded)
    item = exploded.index.to_numpy(np.int64)
    n = len(categories)
    weight = np.log(n / np.maximum(np.bincount(number, minlength=len(names)), 1))[number]
    matrix = sp.csr_matrix((weight.astype(np.float32), (item, number)), shape=(n, max(len(names), 1)))
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    unit = matrix.multiply(1 / np.maximum(length, 1e-6)[:, None])
    return sp.csr_matrix(unit, dtype=np.float32)


def _cosine(count: sp.csr_matrix) -> sp.csr_matrix:
    """Counts of pairs over the root of both items' own counts, without the diagonal."""
    alone = np.maximum(count.diagonal(), 1)
    scale = sp.diags_array(1 / np.sqrt(alone))
    cosine = (scale @ count @ scale).tocsr()
    cosine = sp.csr_matrix(cosine - sp.diags_array(cosine.diagonal())).astype(np.float32)
    cosine.eliminate_zeros()
    return cosine


def _array(matrix: sp.csr_matrix) -> Floats:
    return np.asarray(matrix.toarray(), dtype=np.float32)
