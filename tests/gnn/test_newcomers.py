import numpy as np
import scipy.sparse as sp

from gnn.blend import Blend
from gnn.histories import Histories
from gnn.newcomers import Reach, newcomers, reach

WEIGHTS = sp.csr_matrix(np.array([[0, 2, 0, 4], [1, 0, 0, 0], [0] * 4, [3, 0, 0, 0]], dtype=np.float32))
TARGET = np.array([[0, 3], [2, 0], [1, 0], [0.6, 0.8]], dtype=np.float32)
NEW = np.array([False, False, True, False])
REACHED = Reach(np.array([1, 4, 1, 0.25], dtype=np.float32), NEW)


def test_what_leads_to_the_kin_leads_to_the_new_item() -> None:
    found = newcomers(TARGET, WEIGHTS, REACHED).leading
    # Item 2 is like item 1 (cosine 1) and item 3 (cosine 0.6); item 0 is nothing to it.
    expected = [(1 * 2 + 0.6 * 4) / 1.6, 0, 0, 0]
    np.testing.assert_allclose(found.toarray()[:, 2], expected, rtol=1e-5, atol=1e-5)
    assert not found[:, [0, 1, 3]].toarray().any()


def test_a_new_item_leans_towards_its_kin_and_known_ones_stay() -> None:
    found = newcomers(TARGET, WEIGHTS, REACHED).target
    np.testing.assert_array_equal(found[~NEW], TARGET[~NEW])
    mean = np.array([1 + 0.6 * 0.6, 0.6 * 0.8]) / 1.6
    leaning = np.array([1, 0]) + 0.5 * mean / np.linalg.norm(mean)
    np.testing.assert_allclose(found[2], leaning / np.linalg.norm(leaning), rtol=1e-4)


def test_lift_multiplies_the_whole_score_of_new_items_alone() -> None:
    found = newcomers(TARGET, WEIGHTS, REACHED)
    (target, weights), (twice, doubled) = (
        found.served(WEIGHTS, Blend()),
        found.served(WEIGHTS, Blend(lift=2.0)),
    )
    factor = np.where(NEW, 2, 1)
    np.testing.assert_allclose(twice, target * factor[:, None])
    np.testing.assert_allclose(doubled.toarray(), weights.toarray() * factor)


def test_without_new_or_without_known_items_nothing_changes() -> None:
    for new in (np.zeros(4, dtype=bool), np.ones(4, dtype=bool)):
        target, weights = newcomers(TARGET, WEIGHTS, Reach(np.ones(4, np.float32), new)).served(
            WEIGHTS, Blend(lift=3.0)
        )
        np.testing.assert_array_equal(target, TARGET)
        assert weights is WEIGHTS


def test_popularity_lengthens_what_many_have_and_leaves_new_items_and_the_linear_term() -> None:
    found = newcomers(TARGET, WEIGHTS, REACHED)
    (target, weights), (longer, same) = (
        found.served(WEIGHTS, Blend()),
        found.served(WEIGHTS, Blend(popularity=0.5)),
    )
    np.testing.assert_allclose(longer, target * np.array([1, 2, 1, 0.5])[:, None])
    np.testing.assert_array_equal(same.toarray(), weights.toarray())


def test_popularity_is_counted_in_users_next_to_the_item_of_the_median_interaction() -> None:
    weight = sp.csr_matrix(np.array([[0.3, 1, 0, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 1, 0]], dtype=np.float32))
    text = np.array([[1.0], [1], [1], [1], [0]], dtype=np.float32)
    found = reach(Histories(weight, weight), text)
    np.testing.assert_allclose(found.popularity, [1 / 2.5, 3 / 2.5, 1, 2 / 2.5, 1])
    assert found.new.tolist() == [False, False, True, False, False]
    assert not reach(Histories(weight, weight), None).new.any()
