"""The rivals an expert would pick: popularity, item-kNN and EASE, as scorers of user histories.

All are fitted on, and score, plain ones: `train` is CSR [n_users, n_items].
"""

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from gnn.evaluate import Scorer, Scores


def popularity(train: sp.csr_matrix) -> Scorer:
    """Items by the number of their users, the same for everybody."""
    counts = np.asarray(train.sum(axis=0), dtype=np.float32).ravel()

    def score(history: sp.csr_matrix) -> Scores:
        return np.broadcast_to(counts, history.shape)

    return score


def item_knn(train: sp.csr_matrix) -> Scorer:
    """Σ over the history of the cosine of two items' user sets (Sarwar et al., WWW 2001), all neighbours."""
    counts = np.asarray(train.sum(axis=0)).ravel()
    scale = sp.diags_array(1 / np.sqrt(np.maximum(counts, 1)))
    normal = (train @ scale).tocsr()
    cosine = (normal.T @ normal).tocsr().astype(np.float32)
    cosine.setdiag(0)

    def score(history: sp.csr_matrix) -> Scores:
        return np.asarray((_ones(history) @ cosine).toarray(), dtype=np.float32)

    return score


def ease(train: sp.csr_matrix, penalty: float = 50.0) -> Scorer:
    """EASE (Steck, WWW 2019): B = -P / diag(P) with P = (XᵀX + penalty·I)⁻¹ and a diagonal of 0.

    Memory is n_items² floats: about 10 GB at 50,000 items.
    """
    gram = (train.T @ train).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    factor, _ = scipy.linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    inverse, failed = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError(f"EASE: the Gram matrix has no inverse (LAPACK potri says {failed}).")
    weights = np.tril(inverse) + np.tril(inverse, -1).T
    weights /= -np.diag(weights)
    weights[np.diag_indices_from(weights)] = 0

    def score(history: sp.csr_matrix) -> Scores:
        return np.asarray(_ones(history) @ weights, dtype=np.float32)

    return score


def _ones(history: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones_like(history.data), history.indices, history.indptr), history.shape)


RIVALS = {"popularity": popularity, "item-knn": item_knn, "ease": ease}
