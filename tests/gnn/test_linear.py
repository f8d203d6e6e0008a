"""The linear item–item term."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn import linear
from gnn.linear import ease_rows, item_weights


def pairs(n_users: int = 60, n_items: int = 23) -> sp.csr_matrix:
    return sp.csr_matrix((np.random.default_rng(0).random((n_users, n_items)) < 0.2).astype(np.float32))


def by_the_book(x: sp.csr_matrix, penalty: float) -> np.ndarray:
    inverse = np.linalg.inv((x.T @ x).toarray() + penalty * np.eye(x.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("rows", [7, 4096])
def test_the_rows_are_those_of_the_formula(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "_ROWS", rows)
    found = np.vstack([block.copy() for _, block in ease_rows(pairs(), 5.0)])
    np.testing.assert_allclose(found, by_the_book(pairs(), 5.0), atol=1e-5)


def test_the_largest_of_each_row_are_kept_of_either_sign() -> None:
    whole = by_the_book(pairs(), 1.0)
    kept = item_weights(pairs(), 1.0, 4, 100).toarray()
    for row, expected in zip(kept, whole, strict=True):
        most = np.argsort(-np.abs(expected))[:4]
        assert set(np.flatnonzero(row)) == set(most)
        np.testing.assert_allclose(row[most], expected[most], atol=1e-5)
    assert (kept < 0).any()


def test_beyond_a_size_the_most_popular_items_have_weights() -> None:
    x = pairs()
    counts = np.asarray(x.sum(axis=0)).ravel()
    popular = set(np.argsort(-counts, kind="stable")[:10])
    found = item_weights(x, 5.0, 5, 10)
    assert set(found.nonzero()[0]) == set(found.nonzero()[1]) == popular
    chosen = sorted(popular)
    whole = by_the_book(x[:, chosen], 5.0)
    dense = found.toarray()[np.ix_(chosen, chosen)]
    np.testing.assert_allclose(dense[dense != 0], whole[dense != 0], atol=1e-5)


def test_items_that_nobody_has_and_a_keep_of_nothing() -> None:
    x = pairs()
    x = sp.hstack([x, sp.csr_matrix((x.shape[0], 2))]).tocsr()
    assert item_weights(x, 5.0, 3, 100)[-2:].nnz == item_weights(x, 5.0, 3, 100)[:, -2:].nnz == 0
    assert item_weights(x, 5.0, 0, 100).nnz == 0
    assert item_weights(sp.csr_matrix((3, 4), dtype=np.float32), 5.0, 3, 100).shape == (4, 4)
