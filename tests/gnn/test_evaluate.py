"""Ranking and judging."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.evaluation.evaluate import Asked, evaluate, judgement, ndcg_by_item, per_user, rank, top_items
from kg.errors import ModelError
from tests.gnn.known import known


def in_order(asked: Asked) -> np.ndarray:
    """The item with the lowest number first."""
    n_users, n_items = asked.history.shape
    return np.tile(np.arange(n_items, 0, -1, dtype=np.float32), (n_users, 1))


def matrix(*rows: list[int]) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(rows, dtype=np.float32))


def test_equal_scores_rank_by_item_number() -> None:
    scores = np.array([[1, 2, 2, 2, 0], [0, 0, 0, 0, 0]], dtype=np.float32)
    assert top_items(scores, 3).tolist() == [[1, 2, 3], [0, 1, 2]]


def test_a_k_beyond_the_catalogue_ranks_everything() -> None:
    assert top_items(np.array([[1, 3, 2]], dtype=np.float32), 10).tolist() == [[1, 2, 0]]


def test_history_is_masked_and_users_without_targets_are_left_out() -> None:
    judged = judgement(
        known(matrix([1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0])),
        matrix([0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]),
    )
    assert judged.targets.shape == (2, 4)
    assert judged.asked.users.tolist() == [0, 2]

    # User 0 is shown 1 2 3 and wanted 1; user 2 is shown 2 3 and wanted 3.
    table = evaluate(in_order, judged, ks=(1, 2))
    assert table["recall@1"] == 0.5
    assert table["recall@2"] == 1.0
    assert table["mrr@2"] == 0.75
    assert table["coverage@1"] == 0.5  # items 1 and 2


def test_the_values_of_each_user_stand_behind_the_means() -> None:
    judged = judgement(known(matrix([1, 0, 0, 0], [1, 1, 0, 0])), matrix([0, 1, 0, 1], [0, 0, 0, 1]))
    ranking = rank(in_order, judged, 2)
    assert ranking.tolist() == [[1, 2], [2, 3]]
    values = per_user(ranking, judged.targets, (1, 2))
    assert values["recall@1"].tolist() == [0.5, 0]
    assert values["recall@2"].tolist() == [0.5, 1]


def test_only_candidates_are_ranked_where_there_are_some() -> None:
    judged = judgement(known(matrix([1, 0, 0, 0], [0, 0, 1, 0])), matrix([0, 0, 0, 1], [0, 0, 0, 1]))
    among = judged._replace(candidates=np.array([2, 3]))
    # User 1 has item 2 already, so there is nothing else to say after item 3.
    assert rank(in_order, among, 3).tolist() == [[2, 3], [3, -1]]
    assert evaluate(in_order, among, ks=(1,))["recall@1"] == 0.5


def test_repeat_purchases_are_ranked_within_the_user_s_own_history() -> None:
    judged = judgement(
        known(matrix([0, 1, 0, 1], [0, 0, 1, 0])), matrix([0, 0, 0, 1], [0, 0, 1, 0])
    )._replace(own=True)
    assert rank(in_order, judged, 3).tolist() == [[1, 3, -1], [2, -1, -1]]
    assert evaluate(in_order, judged, ks=(1,))["recall@1"] == 0.5


def test_users_whom_nobody_trained_on_have_no_row_number() -> None:
    judged = judgement(known(matrix([1, 0], [1, 0], [1, 0])), matrix([0, 1], [0, 1], [0, 1]), np.array([1]))
    assert judged.asked.users.tolist() == [0, -1, 2]
    assert judged.asked.rows(np.array([1, 2])).users.tolist() == [-1, 2]


def test_scores_that_are_not_numbers_are_refused() -> None:
    judged = judgement(known(matrix([1, 0])), matrix([0, 1]))
    with pytest.raises(ModelError, match="not numbers"):
        rank(lambda asked: np.full(asked.history.shape, np.nan, np.float32), judged, 1)


def test_the_figures_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    history = sp.random_array((50, 30), density=0.1, rng=rng, format="csr")
    targets = sp.random_array((50, 30), density=0.1, rng=rng, format="csr")
    weights = rng.standard_normal((30, 30))
    judged = judgement(known(sp.csr_matrix(history)), sp.csr_matrix(targets))

    def scorer(asked: Asked) -> np.ndarray:
        return np.asarray(asked.history @ weights + asked.users[:, None] * weights[:1], dtype=np.float32)

    for own in (False, True):
        asked = judged._replace(own=own)
        whole = rank(scorer, asked, 5)
        with monkeypatch.context() as patch:
            patch.setattr("gnn.evaluation.evaluate._CELLS", 90)  # three users at a time
            assert np.array_equal(rank(scorer, asked, 5), whole)


def test_what_items_add_sums_to_the_figure_of_the_user() -> None:
    random = np.random.default_rng(0)
    targets = sp.csr_matrix(random.random((50, 30)) < 0.2)
    targets = targets[np.diff(targets.indptr) > 0].astype(np.float32)
    ranking = np.stack([random.permutation(30)[:5] for _ in range(targets.shape[0])])
    ranking[3, 2:] = -1
    parts = ndcg_by_item(ranking, targets)
    expected = per_user(ranking, targets, [5])["ndcg@5"]
    np.testing.assert_allclose(np.asarray(parts.sum(axis=1)).ravel(), expected)
    assert not parts.toarray()[targets.toarray() == 0].any()
