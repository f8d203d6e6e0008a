"""Rivals that need no training: popularity, item-kNN, EASE and content-kNN, as scorers of user histories.

All are fitted on, and score, plain ones: `train` is CSR [n_users, n_items].
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.device import moved, training_device
from gnn.evaluation.evaluate import Asked, Scorer, Scores
from kg.errors import ModelError
from kg.neighbours import text_neighbours

EASE_ITEMS = 60_000  # beyond this its matrix of n_items² floats takes more than 14 GB


def popularity(train: sp.csr_matrix) -> Scorer:
    """Items by the number of their users, the same for everybody."""
    counts = np.asarray(train.sum(axis=0), dtype=np.float32).ravel()

    def score(asked: Asked) -> Scores:
        return np.broadcast_to(counts, asked.history.shape)

    return score


def item_knn(train: sp.csr_matrix, neighbours: int = 0, shrink: float = 0.0) -> Scorer:
    """Σ over the history of the cosine of two items' user sets (Sarwar et al., WWW 2001).

    Args:
        neighbours: most similar items that each item keeps; 0: all.
        shrink: added to the cosine's denominator.
    """
    counts = np.asarray(train.sum(axis=0)).ravel()
    normal = (train @ sp.diags_array(1 / np.sqrt(np.maximum(counts, 1)))).tocsr()
    similar = (normal.T @ normal).tocsr()
    if shrink:
        row = np.repeat(np.arange(len(counts)), np.diff(similar.indptr))
        both = np.sqrt(counts[row] * counts[similar.indices])
        similar.data *= both / (both + shrink)
    similar = similar.astype(np.float32)
    similar.setdiag(0)
    cosine = _nearest(similar, neighbours) if neighbours else similar

    def score(asked: Asked) -> Scores:
        return np.asarray((ones(asked.history) @ cosine).toarray(), dtype=np.float32)

    return score


def ease(train: sp.csr_matrix, penalty: float = 50.0) -> Scorer:
    """EASE (Steck, WWW 2019): B = -P / diag(P), diag(B) = 0, P = (XᵀX + penalty·I)⁻¹.

    Memory is two matrices of n_items² floats of 4 bytes: 13.4 GB at 41,000 items.

    Raises:
        ModelError: there are more than EASE_ITEMS items, or the penalty is too small for an inverse.
    """
    if train.shape[1] > EASE_ITEMS:
        raise ModelError(f"EASE needs n_items² numbers: {train.shape[1]:,} items, {EASE_ITEMS:,} at most.")
    gram = moved((train.T @ train).toarray(), training_device(), np.float32)
    gram.diagonal().add_(penalty)
    # torch's LAPACK (MKL) holds out at 41,000 items, where SciPy's potri ends the process.
    factor, failed = torch.linalg.cholesky_ex(gram)
    del gram
    if failed:
        raise ModelError(f"EASE: a ridge penalty of {penalty:g} is too small, take a larger one.")
    inverse = torch.cholesky_inverse(factor)
    del factor
    scale = -1 / inverse.diagonal()
    weights = inverse.mul_(scale).fill_diagonal_(0).cpu().numpy()

    def score(asked: Asked) -> Scores:
        return np.asarray(ones(asked.history) @ weights, dtype=np.float32)

    return score


def content_knn(text: npt.NDArray[np.float32], neighbours: int = 0) -> Scorer:
    """Σ over the history of the cosine of two items' texts; it knows no other user.

    Args:
        text: unit-length rows, [n_items, d]; zero where an item has no text.
        neighbours: nearest texts that each item keeps; 0: all.
    """
    if neighbours:
        edges = text_neighbours(text, neighbours)
        n = len(text)
        near = sp.csr_matrix((edges.score, (edges.source, edges.target)), shape=(n, n))
        return lambda asked: np.asarray((ones(asked.history) @ near).toarray(), dtype=np.float32)
    return lambda asked: np.asarray((ones(asked.history) @ text) @ text.T, dtype=np.float32)


def frequency(times: sp.csr_matrix, last: sp.csr_matrix) -> Scorer:
    """What this user bought most often, of equals the latest: the rival where purchases are repeated.

    Args:
        times: how often each user had each item, CSR [n_users, n_items].
        last: place of the last time among those of the user's items, in 0..1 (excluded), same shape.
    """
    known = (times + last).tocsr()

    def score(asked: Asked) -> Scores:
        scores = known[np.maximum(asked.users, 0)].toarray()
        scores[asked.users < 0] = 0
        return np.asarray(scores, dtype=np.float32)

    return score


def _nearest(similar: sp.csr_matrix, k: int) -> sp.csr_matrix:
    """Each row's k largest entries."""
    row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
    by = np.lexsort((similar.indices, -similar.data, row))
    kept = by[np.arange(len(row)) - similar.indptr[row] < k]
    return sp.csr_matrix((similar.data[kept], (row[kept], similar.indices[kept])), shape=similar.shape)


def ones(history: sp.csr_matrix) -> sp.csr_matrix:
    """The same places, 1 at each."""
    # In single precision: a product with EASE's matrix must not copy it to double.
    data = np.ones(len(history.data), dtype=np.float32)
    return sp.csr_matrix((data, history.indices, history.indptr), history.shape)


# What `gnn train` compares with: seconds of work, and nothing to install.
QUICK = {"popularity": popularity, "item-knn": item_knn, "ease": ease}
