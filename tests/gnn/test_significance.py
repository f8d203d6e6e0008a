"""The paired bootstrap against what statistics says it must give."""

import numpy as np
import pytest

from gnn.evaluation.significance import paired_bootstrap


def test_the_interval_is_that_of_the_mean() -> None:
    differences = np.random.default_rng(1).normal(0.1, 1.0, (2000, 1))
    found = paired_bootstrap(differences)[0]
    error = differences.std() / np.sqrt(2000)
    assert found.difference == pytest.approx(differences.mean())
    assert found.low == pytest.approx(differences.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(differences.mean() + 1.96 * error, abs=0.1 * error)


def test_p_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(2).normal(0, 1, 1000)
    # A mean of exactly two standard errors: two-sided p = 0.0455.
    values = (values - values.mean()) / values.std() + 2 / np.sqrt(1000)
    assert paired_bootstrap(values[:, None])[0].p == pytest.approx(0.0455, abs=0.01)


def test_no_difference_has_p_1_and_a_sure_one_the_smallest() -> None:
    none, sure = paired_bootstrap(np.stack([np.zeros(50), np.ones(50)], axis=1), resamples=999)
    assert none == (0, 0, 0, 1)
    assert sure == (1, 1, 1, 2 / 1000)


def test_the_chunks_and_the_other_columns_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(3).normal(0, 1, (40, 3))
    whole = paired_bootstrap(differences, 200)
    np.testing.assert_allclose(paired_bootstrap(differences[:, :1], 200), whole[:1])
    monkeypatch.setattr("gnn.evaluation.significance._CELLS", 300)
    np.testing.assert_allclose(paired_bootstrap(differences, 200), whole)
