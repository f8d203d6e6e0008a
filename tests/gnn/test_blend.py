"""Choosing how vectors are used."""

from collections.abc import Callable

import pytest

from gnn.blend import FADES, LIFTS, LINEAR, POPULARITIES, Blend, choose, start
from gnn.evaluation.evaluate import Table


def by(figure: Callable[[Blend], float]) -> Callable[[Blend], Table]:
    return lambda blend: {"m": figure(blend)}


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


def test_of_equals_the_last_choice_stays() -> None:
    found = choose(by(lambda _: 1.0), "m", Blend(0.1, 1.2), ordered=True, linear=True)
    assert found == (Blend(0.1, 1.2), {"m": 1.0})
