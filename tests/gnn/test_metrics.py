"""Metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from gnn import metrics

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
