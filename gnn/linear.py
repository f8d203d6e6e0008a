"""The linear item–item term: EASE's weights for the closest pairs, few enough to be edges of a graph.

    B = -P / diag(P), diag(B) = 0,  P = (XᵀX + penalty·I)⁻¹      EASE (Steck, WWW 2019)

A past item i adds B_ij to the score of item j. It knows which single purchases go together, where vectors
know what is alike; the two err differently, so their sum beats both.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from kg.errors import ModelError

Floats = npt.NDArray[np.float32]

_ROWS = 2048  # rows of B in memory at once


def ease_rows(pairs: sp.csr_matrix, penalty: float) -> Iterator[tuple[int, Floats]]:
    """The rows of B in blocks: (number of the first row, float32 [rows, n_items]).

    Memory is two matrices of n_items² floats at a time: 13.4 GB at 41,000 items.

    Args:
        pairs: users' items, CSR [n_users, n_items], ones.
        penalty: the ridge penalty, in users: pairs seen together by far fewer prove little.

    Raises:
        ModelError: the penalty is too small for the matrix to have an inverse.
    """
    gram = torch.from_numpy((pairs.T @ pairs).astype(np.float32).toarray())
    gram.diagonal().add_(penalty)
    # torch's LAPACK (MKL) holds out at 41,000 items, where SciPy's potri ends the process.
    factor, failed = torch.linalg.cholesky_ex(gram)
    del gram
    if failed:
        raise ModelError(
            f"A ridge penalty of {penalty:g} is too small for the linear term: take a larger one."
        )
    inverse = torch.cholesky_inverse(factor)
    del factor
    scale = -1 / inverse.diagonal()
    for start in range(0, len(inverse), _ROWS):
        rows = (inverse[start : start + _ROWS] * scale).numpy()
        place = np.arange(len(rows))
        rows[place, start + place] = 0
        yield start, rows


def item_weights(pairs: sp.csr_matrix, penalty: float, keep: int, most_items: int) -> sp.csr_matrix:
    """B with the `keep` largest weights of each row, by size, either sign; CSR float32 [n_items, n_items].

    Args:
        most_items: among how many items, the most popular; the others have no weights. Time grows with its
            third power, memory with its square.
    """
    n_items = int(pairs.shape[1])
    counts = np.asarray(pairs.sum(axis=0)).ravel()
    chosen = np.sort(np.argsort(-counts, kind="stable")[:most_items])
    chosen = chosen[counts[chosen] > 0]
    keep = min(keep, max(len(chosen) - 1, 0))
    if not keep:
        return nothing(n_items)
    source, target, weight = [], [], []
    for start, rows in ease_rows(pairs[:, chosen].tocsr(), penalty):
        best = np.argpartition(-np.abs(rows), keep - 1, axis=1)[:, :keep]
        source.append(np.repeat(chosen[start : start + len(rows)], keep))
        target.append(chosen[best].ravel())
        weight.append(np.take_along_axis(rows, best, axis=1).ravel())
    ends = (np.concatenate(source), np.concatenate(target))
    weights = sp.csr_matrix((np.concatenate(weight), ends), shape=(n_items, n_items))
    weights.eliminate_zeros()
    return weights


def nothing(n_items: int) -> sp.csr_matrix:
    """No weights at all, [n_items, n_items]."""
    none: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)
    return sp.csr_matrix((none, (none.astype(int), none.astype(int))), shape=(n_items, n_items))
