"""Metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from gnn.evaluation import metrics

# User 0: 2 targets, found at ranks 1 and 3. User 1: 5 targets, found at rank 2. User 2: 1 target, not found.
HITS = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
TARGETS = np.array([2, 5, 1])


def test_recall_divides_by_all_targets_even_beyond_k() -> None:
    assert metrics.recall(HITS, TARGETS).tolist() == [1.0, 0.2, 0.0]


def test_hit_rate() -> None:
    assert metrics.hit_rate(HITS, TARGETS).tolist() == [1.0, 1.0, 0.0]


def test_ndcg_divides_by_the_best_order_that_k_allows() -> None:
    second = 1 / math.log2(3)
    expected = [(1 + 1 / 2) / (1 + second), second / (1 + second + 1 / 2), 0.0]
    assert metrics.ndcg(HITS, TARGETS).tolist() == pytest.approx(expected)


def test_mrr() -> None:
    assert metrics.mrr(HITS, TARGETS).tolist() == [1.0, 0.5, 0.0]


def test_average_precision() -> None:
    expected = [(1 + 2 / 3) / 2, (1 / 2) / 3, 0.0]
    assert metrics.average_precision(HITS, TARGETS).tolist() == pytest.approx(expected)


def test_coverage() -> None:
    assert metrics.coverage(np.array([[0, 1], [1, 3]]), n_items=6) == 0.5
    assert metrics.coverage(np.array([[0, 1], [1, -1]]), n_items=4) == 0.5


def test_gini_is_0_for_all_alike_and_high_for_one_item_alone() -> None:
    assert metrics.gini(np.array([[0, 1], [2, 3]]), n_items=4) == 0
    assert metrics.gini(np.array([[2], [2]]), n_items=4) == 0.75  # (4 - 1) / 4
    # Times 0, 0, 1, 3: (1 * 1 + 3 * 3) / (4 * 4); -1 is no item.
    assert metrics.gini(np.array([[0, 1], [1, -1], [1, -1]]), n_items=4) == 10 / 16


def test_novelty_is_the_mean_self_information_of_what_is_recommended() -> None:
    popular = np.array([8, 4, 1, 0])
    # Shares 1, 1/2, 1/8, and 1/8 for an item that nobody has: 0, 1, 3 and 3 bits.
    assert metrics.novelty(np.array([[0, 1], [2, 3]]), popular, n_users=8) == 7 / 4
    assert metrics.novelty(np.array([[1, -1]]), popular, n_users=8) == 1
