"""The linear item–item term."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn import linear
from gnn.linear import item_weights
from kg.errors import ModelError


def pairs(share: float = 0.2, n_users: int = 60, n_items: int = 23) -> sp.csr_matrix:
    held = np.random.default_rng(0).random((n_users, n_items)) < share
    return sp.csr_matrix(held.astype(np.float32))


def by_the_book(x: sp.csr_matrix, penalty: float) -> np.ndarray:
    """EASE."""
    inverse = np.linalg.inv((x.T @ x).toarray() + penalty * np.eye(x.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def test_with_all_others_as_neighbours_it_is_ease() -> None:
    x = pairs(0.5)
    assert ((x.T @ x).toarray() > 0).all()
    found = item_weights(x, 5.0, 22).toarray()
    np.testing.assert_allclose(found, by_the_book(x, 5.0), atol=1e-5)
    assert (found < 0).any()


@pytest.mark.parametrize("cells", [1, 50, 2**22])
def test_an_item_is_a_ridge_regression_on_its_closest(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "_CELLS", cells)
    x = pairs(0.08)
    dense = x.toarray()
    both = dense.T @ dense
    users = both.diagonal()
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.nan_to_num(both / np.sqrt(np.outer(users, users)))
    np.fill_diagonal(cosine, 0)
    found, widths = item_weights(x, 3.0, 4), set()
    for item in range(x.shape[1]):
        column = found[:, [item]].tocoo()
        widths.add(column.nnz)
        kept, rest = column.row, np.setdiff1d(np.arange(x.shape[1]), column.row)
        assert cosine[item, kept].min() >= cosine[item, rest].max() - 1e-6
        system = both[np.ix_(kept, kept)] + 3.0 * np.eye(len(kept))
        np.testing.assert_allclose(column.data, np.linalg.solve(system, both[kept, item]), atol=1e-5)
    assert max(widths) == 4
    assert len(widths) > 1  # some have fewer


def test_items_that_nobody_has_and_no_neighbours() -> None:
    x = pairs()
    x = sp.hstack([x, sp.csr_matrix((x.shape[0], 2))]).tocsr()
    assert item_weights(x, 5.0, 3).nnz
    assert item_weights(x, 5.0, 3)[-2:].nnz == item_weights(x, 5.0, 3)[:, -2:].nnz == 0
    assert item_weights(x, 5.0, 0).nnz == 0
    assert item_weights(sp.csr_matrix((3, 4), dtype=np.float32), 5.0, 3).shape == (4, 4)


def test_a_penalty_that_leaves_twins_undecided_is_refused() -> None:
    x = pairs()
    twins = sp.hstack([x, x]).tocsr()
    with pytest.raises(ModelError, match="penalty of 1e-09 is too small"):
        item_weights(twins, 1e-9, 45)
    assert np.isfinite(item_weights(twins, 1.0, 45).data).all()
