import numpy as np
import scipy.sparse as sp

from gnn.blend import Blend
from gnn.goals import RARE as RARE_USERS
from gnn.goals import Reach, reach, settle
from gnn.histories import Histories

WEIGHTS = sp.csr_matrix(np.array([[0, 2, 0, 4], [1, 0, 0, 0], [0] * 4, [3, 0, 0, 0]], dtype=np.float32))
TARGET = np.array([[0, 3], [2, 0], [1, 0], [0.6, 0.8]], dtype=np.float32)
NEW = np.array([False, False, True, False])
RARE = np.array([False, False, False, True])
REACHED = Reach(np.array([4, 16, 0, 1]), np.array([1, 4, 1, 0.25], dtype=np.float32), NEW, RARE)


def test_what_leads_to_the_kin_leads_to_the_new_item() -> None:
    found = settle(TARGET, WEIGHTS, REACHED).leading
    # Item 2 is like item 1 (cosine 1) and item 3 (cosine 0.6); item 0 is nothing to it.
    expected = [(1 * 2 + 0.6 * 4) / 1.6, 0, 0, 0]
    np.testing.assert_allclose(found.toarray()[:, 2], expected, rtol=1e-5, atol=1e-5)
    assert not found[:, [0, 1, 3]].toarray().any()


def test_a_new_item_leans_towards_its_kin_and_known_ones_stay() -> None:
    found, _ = settle(TARGET, WEIGHTS, REACHED).served(WEIGHTS, Blend())
    np.testing.assert_array_equal(found[~NEW], TARGET[~NEW])
    mean = np.array([1 + 0.6 * 0.6, 0.6 * 0.8]) / 1.6
    leaning = np.array([1, 0]) + 0.5 * mean / np.linalg.norm(mean)
    np.testing.assert_allclose(found[2], leaning / np.linalg.norm(leaning), rtol=1e-4)


def test_lift_multiplies_the_whole_score_of_new_items_alone() -> None:
    found = settle(TARGET, WEIGHTS, REACHED)
    (target, weights), (twice, doubled) = (
        found.served(WEIGHTS, Blend()),
        found.served(WEIGHTS, Blend(lift=2.0)),
    )
    factor = np.where(NEW, 2, 1)
    np.testing.assert_allclose(twice, target * factor[:, None])
    np.testing.assert_allclose(doubled.toarray(), weights.toarray() * factor)


def test_without_new_or_without_known_items_nothing_changes() -> None:
    for new in (np.zeros(4, dtype=bool), np.ones(4, dtype=bool)):
        found = settle(TARGET, WEIGHTS, REACHED._replace(new=new))
        target, weights = found.served(WEIGHTS, Blend(lift=3.0, doubt=3.0))
        np.testing.assert_array_equal(target, TARGET)
        assert weights is WEIGHTS


def test_popularity_lengthens_what_many_have_and_leaves_new_items_and_the_linear_term() -> None:
    found = settle(TARGET, WEIGHTS, REACHED)
    (target, weights), (longer, same) = (
        found.served(WEIGHTS, Blend()),
        found.served(WEIGHTS, Blend(popularity=0.5)),
    )
    np.testing.assert_allclose(longer, target * np.array([1, 2, 1, 0.5])[:, None])
    np.testing.assert_array_equal(same.toarray(), weights.toarray())


def test_an_item_of_few_users_is_partly_what_it_would_be_as_a_new_one() -> None:
    as_new = np.array([[0, 1], [1, 0], [1, 0], [5, 0]], dtype=np.float32)
    found = settle(TARGET, WEIGHTS, REACHED, as_new)
    blend = Blend(lift=0.8, popularity=0.5)
    (plain, weights), (mixed, same) = (
        found.served(WEIGHTS, blend),
        found.served(WEIGHTS, blend._replace(doubt=3.0)),
    )
    # Item 3, of one user, is like item 1 (cosine 1); item 0 is nothing to it, and nobody has item 2.
    np.testing.assert_allclose(mixed[3], 0.25 * plain[3] + 0.75 * 0.8 * np.array([1, 0]), rtol=1e-5)
    np.testing.assert_array_equal(mixed[:3], plain[:3])
    np.testing.assert_array_equal(same.toarray(), weights.toarray())


def test_no_item_is_its_own_kin() -> None:
    found = settle(TARGET, WEIGHTS, REACHED, TARGET).fresh[3]
    own = TARGET[3]
    kin = (0.8 * np.array([0, 1]) + 0.6 * np.array([1, 0])) / 1.4
    leaning = own + 0.5 * kin / np.linalg.norm(kin)
    np.testing.assert_allclose(found, leaning / np.linalg.norm(leaning), rtol=1e-4)


def test_popularity_is_counted_in_users_next_to_the_item_of_the_median_interaction() -> None:
    weight = sp.csr_matrix(np.array([[0.3, 1, 0, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 1, 0]], dtype=np.float32))
    text = np.array([[1.0], [1], [1], [1], [0]], dtype=np.float32)
    found = reach(Histories(weight, weight), text)
    np.testing.assert_allclose(found.popularity, [1 / 2.5, 3 / 2.5, 1, 2 / 2.5, 1])
    assert found.new.tolist() == [False, False, True, False, False]
    assert found.users.tolist() == [1, 3, 0, 2, 0]
    assert found.rare.tolist() == [True, True, False, True, False]
    untold = reach(Histories(weight, weight), None)
    assert not (untold.new | untold.rare).any()


def test_what_many_have_is_not_rare() -> None:
    weight = sp.csr_matrix(
        np.ones((RARE_USERS + 1, 2), dtype=np.float32) - np.eye(RARE_USERS + 1, 2, dtype=np.float32)
    )
    more = sp.csr_matrix(sp.hstack([weight, np.ones((RARE_USERS + 1, 1))]), dtype=np.float32)
    assert reach(Histories(more, more), np.ones((3, 1), np.float32)).rare.tolist() == [True, True, False]
