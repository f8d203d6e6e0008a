"""Choosing how vectors are used."""

from collections.abc import Callable

import numpy as np
import pytest

from gnn.blend import FADES, LIFTS, LINEAR, POPULARITIES, Blend, choose, start, surely_better
from gnn.evaluation.evaluate import Figures


def by(figure: Callable[[Blend], float], noise: float = 0.0) -> Callable[[Blend], Figures]:
    """A hundred users, of whom half see `noise` more and half as much less, but for popularity 0."""

    def judge(blend: Blend) -> Figures:
        apart = np.repeat([1.0, -1.0], 50) * noise * bool(blend.popularity)
        mean = figure(blend)
        return Figures({"m": mean}, {"m": mean + apart})

    return judge


def test_the_best_of_a_grid_is_walked_to() -> None:
    asked: list[Blend] = []

    def figure(blend: Blend) -> float:
        asked.append(blend)
        return -abs(blend.fade - 0.45) - abs(blend.linear - 0.6)

    found = choose(by(figure), "m", start(ordered=True, linear=True), ordered=True, linear=True)
    assert found == (Blend(0.45, 0.6), {"m": 0.0})
    assert len(asked) == len(set(asked)) < len(FADES) * len(LINEAR)


@pytest.mark.parametrize("value", [0.0, 19.2])
def test_the_ends_of_the_grid_are_reached(value: float) -> None:
    judge = by(lambda blend: -abs(blend.linear - value))
    assert choose(judge, "m", Blend(0.0, 2.4), ordered=False, linear=True)[0].linear == value


def test_nothing_fades_without_order_and_nothing_is_added_without_weights() -> None:
    judge = by(lambda blend: blend.fade + blend.linear)
    assert start(ordered=False, linear=False) == Blend(0.0, 0.0)
    assert choose(judge, "m", Blend(), ordered=False, linear=False)[0] == Blend()
    assert choose(judge, "m", Blend(), ordered=True, linear=False)[0] == Blend(FADES[-1], 0.0)


def test_new_items_count_as_validation_has_it_and_only_where_it_asks_for_them() -> None:
    judge = by(lambda blend: blend.lift)
    assert choose(judge, "m", Blend(), ordered=False, linear=True, lift=True)[0].lift == LIFTS[-1]
    assert choose(judge, "m", Blend(), ordered=False, linear=True)[0] == Blend()


def test_popularity_may_always_be_chosen() -> None:
    judge = by(lambda blend: blend.popularity)
    assert choose(judge, "m", Blend(), ordered=False, linear=False)[0] == Blend(popularity=POPULARITIES[-1])


def test_popularity_must_be_surely_better_than_none() -> None:
    # 1.645 standard errors of 100 users who differ by `noise` are 0.1645 of it; the first step is worth 0.05.
    for noise, chosen in ((0.05 / 0.17, POPULARITIES[-1]), (0.05 / 0.16, 0.0)):
        judge = by(lambda blend: blend.popularity, noise)
        assert choose(judge, "m", Blend(), ordered=False, linear=False)[0] == Blend(popularity=chosen)


def test_what_is_one_number_for_all_users_is_compared_as_it_is() -> None:
    low, high = Figures({"coverage@20": 0.3}, {}), Figures({"coverage@20": 0.4}, {})
    assert surely_better(high, low, "coverage@20")
    assert not surely_better(low, high, "coverage@20")


def test_of_equals_the_last_choice_stays() -> None:
    found = choose(by(lambda _: 1.0), "m", Blend(0.1, 1.2), ordered=True, linear=True)
    assert found == (Blend(0.1, 1.2), {"m": 1.0})
