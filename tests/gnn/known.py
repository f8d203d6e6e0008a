"""Histories without an order that matters, for tests of what does not look at it."""

import numpy as np
import scipy.sparse as sp

from gnn.histories import Histories


def known(weight: sp.csr_matrix) -> Histories:
    """These weights; the item with the highest number is the newest of each user."""
    weight = sp.csr_matrix(weight)
    weight.sort_indices()
    size = np.diff(weight.indptr)
    place = np.arange(weight.nnz) - np.repeat(weight.indptr[:-1], size)
    age = (np.repeat(size, size) - 1 - place).astype(np.float32)
    return Histories(weight, sp.csr_matrix((age, weight.indices, weight.indptr), weight.shape))
