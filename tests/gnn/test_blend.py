"""Choosing how vectors are used."""

import pytest

from gnn.blend import FADES, LINEAR, Blend, choose, start


def test_the_best_of_a_grid_is_walked_to() -> None:
    asked: list[Blend] = []

    def judge(blend: Blend) -> float:
        asked.append(blend)
        return -abs(blend.fade - 0.45) - abs(blend.linear - 0.6)

    found = choose(judge, start(ordered=True, linear=True), ordered=True, linear=True)
    assert found == (Blend(0.45, 0.6), 0.0)
    assert len(asked) == len(set(asked)) < len(FADES) * len(LINEAR)


@pytest.mark.parametrize("value", [0.0, 9.6])
def test_the_ends_of_the_grid_are_reached(value: float) -> None:
    best, _ = choose(lambda b: -abs(b.linear - value), Blend(0.0, 2.4), ordered=False, linear=True)
    assert best.linear == value


def test_nothing_fades_without_order_and_nothing_is_added_without_weights() -> None:
    def judge(blend: Blend) -> float:
        return blend.fade + blend.linear

    assert start(ordered=False, linear=False) == Blend(0.0, 0.0)
    assert choose(judge, Blend(), ordered=False, linear=False)[0] == Blend()
    assert choose(judge, Blend(), ordered=True, linear=False)[0] == Blend(FADES[-1], 0.0)


def test_of_equals_the_last_choice_stays() -> None:
    assert choose(lambda _: 1.0, Blend(0.1, 1.2), ordered=True, linear=True) == (Blend(0.1, 1.2), 1.0)
