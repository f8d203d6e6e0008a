import numpy as np
import scipy.sparse as sp

from gnn.newcomers import newcomers

WEIGHTS = sp.csr_matrix(np.array([[0, 2, 0, 4], [1, 0, 0, 0], [0] * 4, [3, 0, 0, 0]], dtype=np.float32))
TARGET = np.array([[0, 3], [2, 0], [1, 0], [0.6, 0.8]], dtype=np.float32)
NEW = np.array([False, False, True, False])


def test_what_leads_to_the_kin_leads_to_the_new_item() -> None:
    found = newcomers(TARGET, WEIGHTS, NEW).leading
    # Item 2 is like item 1 (cosine 1) and item 3 (cosine 0.6); item 0 is nothing to it.
    expected = [(1 * 2 + 0.6 * 4) / 1.6, 0, 0, 0]
    np.testing.assert_allclose(found.toarray()[:, 2], expected, rtol=1e-5, atol=1e-5)
    assert not found[:, [0, 1, 3]].toarray().any()


def test_a_new_item_leans_towards_its_kin_and_known_ones_stay() -> None:
    found = newcomers(TARGET, WEIGHTS, NEW).target
    np.testing.assert_array_equal(found[~NEW], TARGET[~NEW])
    mean = np.array([1 + 0.6 * 0.6, 0.6 * 0.8]) / 1.6
    leaning = np.array([1, 0]) + 0.5 * mean / np.linalg.norm(mean)
    np.testing.assert_allclose(found[2], leaning / np.linalg.norm(leaning), rtol=1e-4)


def test_lift_multiplies_the_whole_score_of_new_items_alone() -> None:
    found = newcomers(TARGET, WEIGHTS, NEW)
    (target, weights), (twice, doubled) = found.lifted(WEIGHTS, 1.0), found.lifted(WEIGHTS, 2.0)
    factor = np.where(NEW, 2, 1)
    np.testing.assert_allclose(twice, target * factor[:, None])
    np.testing.assert_allclose(doubled.toarray(), weights.toarray() * factor)


def test_without_new_or_without_known_items_nothing_changes() -> None:
    for new in (np.zeros(4, dtype=bool), np.ones(4, dtype=bool)):
        target, weights = newcomers(TARGET, WEIGHTS, new).lifted(WEIGHTS, 3.0)
        assert target is TARGET
        assert weights is WEIGHTS
