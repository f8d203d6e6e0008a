"""The linear item–item term: for each item, how much each of its closest items speaks for it.

    B_Sj = (X_SᵀX_S + penalty·I)⁻¹ X_SᵀX_j      S: the items most had together with j, by cosine

That is EASE (Steck, WWW 2019) with an item's regression on its neighbours alone, as fsSLIM chooses them (Ning
and Karypis, ICDM 2011). So time grows with the items instead of with their third power, memory with the pairs
of items that somebody has together, and each item has few enough weights to be edges of a graph.

A past item i adds B_ij to the score of item j. The term knows which single purchases go together, where
vectors know what is alike; the two err differently, so their sum beats both.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from gnn.device import moved, training_device
from kg.errors import ModelError
from kg.neighbours import co_occurrence

_CELLS: Final = 2**22  # pairs of neighbours in memory at once


def item_weights(pairs: sp.csr_matrix, penalty: float, k: int) -> sp.csr_matrix:
    """B with at most `k` weights of either sign in each column; CSR float32 [n_items, n_items].

    Args:
        pairs: users' items, CSR [n_users, n_items], ones.
        penalty: the ridge penalty, in users: pairs seen together by far fewer prove little. More than 0.
        k: how many closest items each item has.

    Raises:
        ModelError: the penalty is too small for an item's regression to have one answer.
    """
    n_items = int(pairs.shape[1])
    known, device = pairs.tocoo(), training_device()
    near = co_occurrence(known.row, known.col, n_items, k, least=1, shrink=0)
    together = _Together(pairs, device)
    target, users_of_both = moved(near.target, device, np.int64), moved(near.together, device, np.float32)
    held = np.bincount(near.source, minlength=n_items)
    first = np.cumsum(held) - held
    weights = np.zeros(len(near.source), dtype=np.float32)
    for items in _alike(held):
        place = np.arange(held[items[-1]])
        real = place < held[items][:, None]
        at = np.where(real, first[items][:, None] + place, 0)
        among, there = moved(at, device, np.int64), moved(real, device, np.bool_)
        gram = together(target[among]) * (there[:, :, None] & there[:, None, :])
        gram.diagonal(dim1=1, dim2=2).add_(penalty)
        asked = users_of_both[among] * there
        factor, failed = torch.linalg.cholesky_ex(gram)
        if failed.any():
            raise ModelError(
                f"A ridge penalty of {penalty:g} is too small for the linear term: take a larger one."
            )
        found = torch.cholesky_solve(asked[..., None], factor)[..., 0]
        weights[at[real]] = found.cpu().numpy()[real]
    return sp.csr_matrix((weights, (near.target, near.source)), shape=(n_items, n_items))


class _Together:
    """How many users have both of two items, by bisection among the pairs that somebody has."""

    def __init__(self, pairs: sp.csr_matrix, device: torch.device) -> None:
        counts = (pairs.T @ pairs).tocsr()
        counts.sum_duplicates()
        self.n_items = counts.shape[0]
        row = np.repeat(np.arange(self.n_items, dtype=np.int64), np.diff(counts.indptr))
        self.pair = moved(row * self.n_items + counts.indices, device, np.int64)
        self.count = moved(counts.data, device, np.float32)

    def __call__(self, items: Tensor) -> Tensor:
        """Of all pairs in each row: [n, w] -> float32 [n, w, w]."""
        width = items.shape[1]
        one, other = torch.triu_indices(width, width, device=items.device)
        asked = items[:, one] * self.n_items + items[:, other]
        # Whichever comes first: the pairs are there both ways.
        place = torch.searchsorted(self.pair, asked).clamp_(max=len(self.pair) - 1)
        found = self.count[place] * (self.pair[place] == asked)
        counts: Tensor = found.new_empty(len(items), width, width)
        counts[:, one, other] = counts[:, other, one] = found
        return counts


def _alike(held: npt.NDArray[np.integer]) -> Iterator[npt.NDArray[np.intp]]:
    """The items that have neighbours, in parts of about as many each, so that their pairs stay in bounds."""
    by = np.argsort(held, kind="stable")
    by = by[held[by] > 0]
    while len(by):
        some = by[:4096]
        some = some[: max(1, _CELLS // int(held[some[-1]]) ** 2)]
        yield some
        by = by[len(some) :]


def nothing(n_items: int) -> sp.csr_matrix:
    """No weights at all, [n_items, n_items]."""
    none: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    return sp.csr_matrix((none, (none.astype(int), none.astype(int))), shape=(n_items, n_items))
