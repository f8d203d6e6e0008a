import numpy as np
import pytest

from kg.neighbours import co_occurrence, text_neighbours, windows


def pairs(edges):
    return list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))


def test_text_neighbours_are_the_nearest_first_and_never_the_item_itself():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    edges = text_neighbours(vectors, k=2)
    assert pairs(edges) == [(0, 1), (1, 0), (1, 2), (2, 1)]  # 0 and 2 have nothing in common
    assert edges.score == pytest.approx([0.8, 0.8, 0.6, 0.6])


def test_an_item_without_text_has_no_neighbours():
    vectors = np.array([[1, 0], [1, 0], [0, 0]], dtype=np.float32)
    assert pairs(text_neighbours(vectors, k=2)) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_items_for_neighbours(n):
    assert pairs(text_neighbours(np.ones((n, 4), dtype=np.float32), k=3)) == []


def test_text_neighbours_agree_with_brute_force_across_chunks():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2500, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    edges = text_neighbours(vectors, k=3, least=-1)
    scores = vectors[2000] @ vectors.T
    scores[2000] = -2
    assert edges.target[edges.source == 2000].tolist() == np.argsort(-scores)[:3].tolist()


def test_co_occurrence_by_hand():
    # Baskets {0, 1}, {0, 1}, {0, 1, 2}, {0}: item 0 in four, item 1 in three, item 2 in one.
    basket = np.array([0, 0, 1, 1, 2, 2, 2, 3])
    item = np.array([0, 1, 0, 1, 0, 1, 2, 0])
    edges = co_occurrence(basket, item, n_items=3, k=2, least=1, shrink=2.0)
    assert pairs(edges) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 1), (2, 0)]
    assert edges.together.tolist() == [3, 1, 3, 1, 1, 1]
    first = 3 / np.sqrt(4 * 3) * 3 / (3 + 2)
    assert edges.score[0] == pytest.approx(first)
    assert edges.lift[0] == pytest.approx(3 * 4 / (4 * 3))


def test_an_item_twice_in_a_basket_counts_once():
    edges = co_occurrence(np.array([0, 0, 0]), np.array([0, 0, 1]), n_items=2, k=1, least=1)
    assert edges.together.tolist() == [1, 1]


def test_the_score_does_not_favour_the_popular():
    # Items 1 and 2 are both seen with item 0 twice; item 1 is in ten further baskets.
    basket = np.array([0, 0, 1, 1, 2, 2, 3, 3, *range(4, 14)])
    item = np.array([0, 1, 0, 1, 0, 2, 0, 2, *[1] * 10])
    edges = co_occurrence(basket, item, n_items=3, k=1, least=1)
    assert pairs(edges)[0] == (0, 2)


def test_rare_pairs_give_no_edge_and_k_is_kept():
    basket = np.array([0, 0, 0, 1, 1, 2, 2])
    item = np.array([0, 1, 2, 0, 1, 0, 2])
    assert pairs(co_occurrence(basket, item, 3, k=1, least=2)) == [(0, 1), (1, 0), (2, 0)]


def test_no_groups_no_edges():
    nothing = np.zeros(0, dtype=np.int64)
    assert pairs(co_occurrence(nothing, nothing, 5, k=3)) == []


def test_windows_tile_from_the_users_first_purchase():
    user = np.array([0, 0, 0, 1])
    day = np.array([10, 35, 45, 12])
    assert windows(user, day, 30).tolist() == [0, 0, 1, 2]
    assert windows(user, day, None).tolist() == [0, 0, 0, 1]
