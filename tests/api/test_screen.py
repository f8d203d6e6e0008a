"""Screening leaves nothing out: against all products in full."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.ranking.screen import Codes, Term, Vectors, best


def rows(seed: int, n: int, dim: int) -> Vectors:
    """Rows of quite different lengths and shapes, some of them equal, some or most of them nothing."""
    random = np.random.default_rng(seed)
    made = random.standard_normal((n, dim)) * random.lognormal(0, 2, (n, 1))
    made[random.random((n, dim)) < 0.1] *= 30  # a few large numbers leave the others few of the eight bits
    made[random.random(n) < (0.1, 0.7)[seed % 2]] = 0
    made[n // 2] = made[0]
    return made.astype(np.float32)


def products(some: Vectors, query: Vectors) -> tuple[Vectors, float]:
    about = np.zeros(len(some), dtype=np.float32)
    return about, Codes.of(some).add_products(query, about)


@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 70))
@settings(deadline=None)
def test_a_product_is_no_further_off_than_it_says(seed: int, n: int, dim: int) -> None:
    some = rows(seed, n, dim)
    query = np.random.default_rng(seed + 1).standard_normal(dim).astype(np.float32)
    about, off = products(some, query)
    assert (np.abs(about - some.astype(np.float64) @ query) <= off).all()


@given(st.integers(0, 10_000), st.integers(2, 400), st.integers(1, 50), st.sampled_from([1, 2]))
@settings(deadline=None)
def test_the_best_are_those_of_all_scores(seed: int, n: int, k: int, n_terms: int) -> None:
    random = np.random.default_rng(seed)
    parts = [rows(seed + t, n, 24) for t in range(n_terms)]
    terms = [Term(Codes.of(part), random.standard_normal(24).astype(np.float32)) for part in parts]
    beside = random.exponential(size=n).astype(np.float32)
    allowed = random.random(n) < 0.8
    exact = beside.astype(np.float64)
    for part, term in zip(parts, terms, strict=True):
        exact += part.astype(np.float64) @ term.direction

    items, scores = best(terms, beside, allowed, k)

    may = np.flatnonzero(allowed)
    assert len(items) >= min(k, may.size)
    assert set(items.tolist()) <= set(may.tolist())
    np.testing.assert_allclose(scores, exact[items], rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(scores[:k], np.sort(exact[may])[::-1][:k], rtol=1e-4, atol=1e-2)
    assert (np.diff(scores) <= 0).all()


class Watched(np.ndarray):
    """Rows that count how many of them are taken by their numbers."""

    taken = 0

    def __getitem__(self, numbers: Any) -> Any:
        Watched.taken += np.size(numbers)
        return np.asarray(self)[numbers]

    def __array_ufunc__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("all rows are read")


def test_few_of_many_are_scored_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """On vectors as encoders make them, screening is worth it."""
    random = np.random.default_rng(0)
    some = random.standard_normal((20_000, 384)).astype(np.float32)
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    query = some[5] + 0.05 * random.standard_normal(384).astype(np.float32)
    codes = Codes.of(some)._replace(rows=some.view(Watched))
    monkeypatch.setattr(Watched, "taken", 0)
    items, _ = best([Term(codes, query)], np.zeros(len(some), np.float32), np.ones(len(some), np.bool_), 20)
    assert items.tolist() == np.argsort(-(some @ query))[:20].tolist()
    assert 20 <= Watched.taken < 200


@pytest.mark.parametrize("seed", [1, 2])
def test_codes_of_rows_that_were_placed_are_those_of_all_rows(seed: int) -> None:
    before, newer = rows(seed, 30, 8), rows(2, 3, 8)
    after = np.vstack([before, newer[:1] * 0])
    after[[4, 9, 30]] = newer
    placed = Codes.of(before).placed([4, 9, 30], newer, after)
    for mine, expected in zip(placed, Codes.of(after), strict=True):
        np.testing.assert_array_equal(mine, expected)
