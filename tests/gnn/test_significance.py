"""The bootstraps against what statistics says it must give."""

import numpy as np
import pytest
import scipy.sparse as sp

from gnn.evaluation.significance import crossed_bootstrap, paired_bootstrap


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


def crossed(differences: np.ndarray, item: np.ndarray, resamples: int = 4000):
    """Users who wanted an item each."""
    shape = len(item), item.max() + 1
    places = np.arange(len(item)), item
    return crossed_bootstrap(
        sp.csr_matrix((differences, places), shape),
        sp.csr_matrix((np.ones(len(item)), places), shape),
        resamples,
    )


def test_one_item_that_many_wanted_is_one_observation() -> None:
    """A hundred users lost by one item, and gained by none of nine others, which ten users each wanted."""
    differences, item = np.zeros(190), np.repeat(np.arange(10), [100] + [10] * 9)
    differences[:100] = -0.5
    assert paired_bootstrap(differences[:, None])[0].p < 0.001
    found = crossed(differences, item)
    assert found.difference == pytest.approx(differences.mean())
    assert found.p > 0.2  # the item is not among those drawn in more than a third of the resamples
    # What is lost by every item is lost for sure.
    everywhere = crossed(np.full(190, -0.5), item)
    assert (everywhere.low, everywhere.high) == pytest.approx((-0.5, -0.5))
    assert everywhere.p < 0.001


def test_where_nobody_wants_the_same_the_interval_is_wider_by_the_draw_of_items() -> None:
    """Users, items and both together vary alike there: three times the variance that the users have alone."""
    differences = np.random.default_rng(5).normal(0.1, 1.0, 500)
    one, both = paired_bootstrap(differences[:, None])[0], crossed(differences, np.arange(500))
    assert (both.high - both.low) / (one.high - one.low) == pytest.approx(np.sqrt(3), rel=0.1)


def test_resamples_without_anything_wanted_count_for_neither_side() -> None:
    found = crossed(np.array([1.0, 1.0]), np.array([0, 1]), 999)
    assert (found.difference, found.low, found.high) == (1.0, 0.0, 1.0)
