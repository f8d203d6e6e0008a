"""Metrics and the bootstrap."""

import math

import numpy as np
import pytest

from api.evaluation.measure import Case, ndcg, p_value, recall, report

CASE = Case("words", {"a": 3.0, "b": 1.0, "c": 1.0})


def test_metrics_by_hand() -> None:
    found = ["x", "a", "y", "c"]
    assert recall(found, CASE, 2) == pytest.approx(1 / 3)
    assert recall(found, CASE, 4) == pytest.approx(2 / 3)
    best = 3 + 1 / math.log2(3) + 1 / 2
    assert ndcg(found, CASE, 4) == pytest.approx((3 / math.log2(3) + 1 / math.log2(5)) / best)
    assert ndcg(["a", "b", "c"], CASE, 20) == pytest.approx(1)
    assert ndcg([], CASE, 20) == 0


def test_the_bootstrap_tells_a_difference_from_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.random(200)
    assert p_value(noise + 0.1 + 0.1 * rng.random(200), noise) < 0.001
    assert 0.1 < p_value(rng.random(200), rng.random(200)) <= 1
    assert p_value(noise, noise) == 1


def test_ours_is_compared_with_the_best_of_the_others() -> None:
    cases = [CASE] * 50
    answers = {"bad": [["x"]] * 50, "good": [["a", "b"]] * 50, "ours": [["a", "b", "c"]] * 50}
    found = report("search", cases, answers, "ours", {"recall@20": lambda f, c: recall(f, c, 20)})
    assert found.systems["ours"] == {"recall@20": 1.0}
    assert found.p_value < 0.001
    worse = report("search", cases, answers, "bad", {"recall@20": lambda f, c: recall(f, c, 20)})
    assert worse.p_value == 1
