"""What a shop's data say about pairs of items: which are bought together, which are viewed as alternatives.

Two kinds of evidence, each a set of directed pairs. For each the strongest source is taken that has enough:

    complement    declared COMPLEMENTS, else declared BOUGHT_WITH, else counted over baskets of purchases
    substitute    declared SUBSTITUTES, else declared VIEWED_WITH, else counted over sessions of views
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from kg.dataset import ShopData
from kg.errors import ModelError
from kg.neighbours import co_occurrence, windows

Links = tuple[sp.csr_matrix, sp.csr_matrix]  # complement and substitute pairs, each 0/1, [n_items, n_items]

_BOUGHT: Final = ("purchase", "rating")
_VIEWED: Final = ("view", "cart")
_WINDOW_DAYS: Final = 30  # as `shopgraph graph build` counts
_COUNTED_K: Final = 20
_COUNTED_LEAST: Final = 2
_FEW: Final = 200  # pairs; a source with fewer teaches nothing, and is taken only where there is no other


class Role(NamedTuple):
    """One kind of evidence."""

    edges: sp.csr_matrix  # 1 where source -> target is said, [n_items, n_items]
    origin: str  # in words, for people
    typed: bool = False  # whether the shop said COMPLEMENTS or SUBSTITUTES itself
    counted: bool = False  # whether it was counted from events: then those counts may not predict it


class Evidence(NamedTuple):
    """Both kinds; a kind that the shop's data cannot show is None."""

    complement: Role | None
    substitute: Role | None

    @property
    def links(self) -> Links:
        """The pairs that the links are learned from.

        Raises:
            ModelError: a kind is missing, with what the shop would have to give.
        """
        if self.complement is None or self.substitute is None:
            lacking = "COMPLEMENTS or BOUGHT_WITH relations, or purchases of several items"
            if self.complement is not None:
                lacking = "SUBSTITUTES or VIEWED_WITH relations, or events of type view or cart"
            raise ModelError(
                "Typed links cannot be learned from this shop: complements and substitutes are told apart by "
                f"what is bought together against what is viewed together, and it has no {lacking}."
            )
        return self.complement.edges, self.substitute.edges


def evidence(data: ShopData) -> Evidence:
    """The strongest evidence of each kind that the shop has."""
    found: list[Role | None] = []
    for kinds, types, noun in (
        (("COMPLEMENTS", "BOUGHT_WITH"), _BOUGHT, "purchases"),
        (("SUBSTITUTES", "VIEWED_WITH"), _VIEWED, "views and carts"),
    ):
        said = [_declared(data, kind, typed=kind == kinds[0]) for kind in kinds]
        role = next((of for of in said if of.edges.nnz >= _FEW), None) or _counted(data, types, noun)
        found.append(role if role.edges.nnz else next((of for of in said if of.edges.nnz), None))
    return Evidence(*found)


def _declared(data: ShopData, kind: str, *, typed: bool) -> Role:
    rows = data.relations[data.relations["kind"] == kind]
    edges = adjacency(rows["source"].to_numpy(), rows["target"].to_numpy(), len(data.items))
    return Role(edges, f"declared {kind}", typed=typed)


def _counted(data: ShopData, types: tuple[str, ...], noun: str) -> Role:
    group, item = groups(data, types)
    counted = co_occurrence(group, item, len(data.items), _COUNTED_K, least=_COUNTED_LEAST)
    likely = counted.lift > 1
    edges = adjacency(counted.source[likely], counted.target[likely], len(data.items))
    return Role(edges, f"counted from {noun}", counted=True)


def groups(data: ShopData, types: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Group and item number of each event of the types: its basket, else the user's 30 days it falls in."""
    rows = data.interactions[data.interactions["type"].isin(types)]
    based = rows[rows["basket"].notna()]
    loose = rows[rows["basket"].isna()]
    basket = based.groupby(["user", "basket"], sort=True).ngroup().to_numpy(np.int64)
    span = _WINDOW_DAYS * 86_400 if data.has_time else None
    window = windows(loose["user"].to_numpy(np.int64), loose["order"].to_numpy(np.int64), span)
    n_baskets = int(basket.max()) + 1 if len(basket) else 0
    item = np.concatenate([based["item"].to_numpy(np.int64), loose["item"].to_numpy(np.int64)])
    return np.concatenate([basket, window + n_baskets]), item


def together(data: ShopData, *, views: bool = False) -> sp.csr_matrix:
    """In how many baskets (or sessions of views) two items are together; the diagonal counts each alone."""
    group, item = groups(data, _VIEWED if views else _BOUGHT)
    number, names = pd.factorize(group)
    member = sp.csr_matrix(
        (np.ones(len(item), np.float32), (number, item)), shape=(len(names), len(data.items))
    )
    member.data[:] = 1
    return (member.T @ member).tocsr()


def n_groups(data: ShopData) -> int:
    """How many baskets of purchases there are."""
    return len(np.unique(groups(data, _BOUGHT)[0]))


def adjacency(source: npt.NDArray[np.integer], target: npt.NDArray[np.integer], n: int) -> sp.csr_matrix:
    """0/1, CSR [n, n], without loops."""
    keep = source != target
    ends = (source[keep], target[keep])
    matrix = sp.csr_matrix((np.ones(int(keep.sum()), np.float32), ends), shape=(n, n))
    matrix.data[:] = 1
    return matrix


def linked(links: Links) -> sp.csr_matrix:
    """1 at each pair that is linked by either kind in either direction."""
    both = links[0] + links[1]
    both = (both + both.T).tocsr()
    both.data[:] = 1
    return both


def folds(links: Links, n: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold in 0..n-1 for every unordered pair, in the order of scipy's triu(linked(links), k=1)."""
    size = int(sp.triu(linked(links), k=1).nnz)
    return np.asarray(np.random.default_rng(seed).integers(0, n, size), dtype=np.int64)


def hide(links: Links, chosen: npt.NDArray[np.bool_]) -> tuple[Links, Links]:
    """Take pairs away: both kinds and both directions of a pair go together, so nothing of it is left.

    Args:
        links: all pairs.
        chosen: whether to hide, for each unordered pair in the order of scipy's triu(linked(links), k=1).

    Returns:
        The visible and the hidden links.
    """
    upper = sp.triu(linked(links), k=1).tocoo()
    mask = sp.csr_matrix(
        (np.ones(int(chosen.sum()), np.float32), (upper.row[chosen], upper.col[chosen])), shape=upper.shape
    )
    mask = (mask + mask.T).tocsr()
    hidden = tuple(_plain(part.multiply(mask)) for part in links)
    visible = tuple(_plain(part - gone) for part, gone in zip(links, hidden, strict=True))
    return (visible[0], visible[1]), (hidden[0], hidden[1])


def _plain(matrix: sp.csr_matrix) -> sp.csr_matrix:
    plain: sp.csr_matrix = matrix.tocsr()
    plain.eliminate_zeros()
    return plain
