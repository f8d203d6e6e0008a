"""Ranking and judging."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.evaluate import evaluate, judgement, top_items


def test_equal_scores_rank_by_item_number() -> None:
    scores = np.array([[1, 2, 2, 2, 0], [0, 0, 0, 0, 0]], dtype=np.float32)
    assert top_items(scores, 3).tolist() == [[1, 2, 3], [0, 1, 2]]


def test_a_k_beyond_the_catalogue_ranks_everything() -> None:
    assert top_items(np.array([[1, 3, 2]], dtype=np.float32), 10).tolist() == [[1, 2, 0]]


def test_history_is_masked_and_users_without_targets_are_left_out() -> None:
    history = sp.csr_matrix(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0]], dtype=np.float32))
    targets = sp.csr_matrix(np.array([[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float32))
    judged = judgement(history, targets)
    assert judged.targets.shape == (2, 4)

    def always_in_order(known: sp.csr_matrix) -> np.ndarray:
        return np.tile(np.array([4, 3, 2, 1], dtype=np.float32), (known.shape[0], 1))

    # User 0 is shown 1 2 3 and wanted 1; user 2 is shown 2 3 and wanted 3.
    table = evaluate(always_in_order, judged, ks=(1, 2))
    assert table["recall@1"] == 0.5
    assert table["recall@2"] == 1.0
    assert table["mrr@2"] == 0.75
    assert table["coverage@1"] == 0.5  # items 1 and 2


def test_the_figures_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    history = sp.random_array((50, 30), density=0.1, rng=rng, format="csr")
    targets = sp.random_array((50, 30), density=0.1, rng=rng, format="csr")
    weights = rng.standard_normal((30, 30))
    judged = judgement(sp.csr_matrix(history), sp.csr_matrix(targets))
    whole = evaluate(lambda known: known @ weights, judged)
    monkeypatch.setattr("gnn.evaluate._CELLS", 90)  # three users at a time
    assert evaluate(lambda known: known @ weights, judged) == whole
