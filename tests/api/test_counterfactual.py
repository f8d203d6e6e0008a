"""What is said of a past item is what happens without it."""

from dataclasses import replace

import numpy as np
import pytest

from api.explain import reasons_of, told
from api.history import past_from, session_seeds
from api.ranking.score import Scorer
from api.ranking.signals import Signals
from api.ranking.weights import KindWeights, RankingWeights
from tests.api.arrays import made_up

WEIGHTS, KIND = RankingWeights(), KindWeights()
PAST = [("item-003", "BOUGHT"), ("item-011", "VIEWED"), ("item-007", "BOUGHT"), ("item-020", "VIEWED")]
SESSION = ["item-001", "item-014", "item-009"]
SHOP = made_up(30, 5)
ITEMS = np.array([2, 18, 25])


def signals(past: list[tuple[str, str]], session: list[str], looked_at: bool = True) -> Signals:
    seeds = [*past_from(True, past, SHOP, WEIGHTS.events).seeds, *session_seeds(SHOP, session)]
    item = session_seeds(SHOP, ["item-028"])[0]._replace(type="item")
    return Signals([*seeds, item] if looked_at else seeds)


@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize("viewed", [SESSION, SESSION[:1]])
@pytest.mark.parametrize("kind", [KIND, KindWeights(category=1.5)])
def test_without_a_past_item_the_score_falls_by_what_is_said(
    looked_at: bool, viewed: list[str], kind: KindWeights
) -> None:
    parts = Scorer(SHOP, signals(PAST, viewed, looked_at), kind, WEIGHTS).split(ITEMS)
    whole = Scorer(SHOP, signals(PAST, viewed, looked_at), kind, WEIGHTS).all[ITEMS]
    said = {p.cause.item_id: p.lost for p in parts if p.type in ("history", "session")}
    assert set(said) == {*viewed, *(item_id for item_id, _ in PAST)}
    for item_id, lost in said.items():
        past = [event for event in PAST if event[0] != item_id]
        session = [other for other in viewed if other != item_id]
        left = Scorer(SHOP, signals(past, session, looked_at), kind, WEIGHTS).all[ITEMS]
        np.testing.assert_allclose(lost, whole - left, atol=2e-5)
    if looked_at:
        (item,) = [p for p in parts if p.type == "item"]
        assert np.isnan(item.lost).all()


def test_a_session_counts_as_the_same_past_does() -> None:
    bought = [(item_id, "BOUGHT") for item_id in SESSION]
    known = Scorer(SHOP, signals(bought[::-1], [], looked_at=False), KIND, WEIGHTS).all
    np.testing.assert_allclose(
        Scorer(SHOP, signals([], SESSION, looked_at=False), KIND, WEIGHTS).all, known, atol=1e-5
    )


def test_of_a_single_past_item_all_is_lost() -> None:
    parts = Scorer(SHOP, signals(PAST[:1], [], False), KIND, WEIGHTS).split(ITEMS)
    np.testing.assert_allclose(parts[0].lost, parts[0].values)


def test_the_first_reason_is_the_one_that_the_item_would_miss_most() -> None:
    parts = Scorer(SHOP, signals(PAST, SESSION, False), KIND, WEIGHTS).split(ITEMS)
    for column in range(len(ITEMS)):
        first = reasons_of(told(parts, len(ITEMS)), column, None, 0, lambda _: None)[0]
        most = max(parts, key=lambda p: -np.inf if p.lost is None else p.lost[column])
        assert first.item_id == most.cause.item_id


def test_an_item_without_a_vector_is_not_known_to_be_missed() -> None:
    context = SHOP.context.copy()
    context[3] = 0
    shop = replace(SHOP, context=context)
    seeds = past_from(True, PAST, shop, WEIGHTS.events).seeds
    parts = Scorer(shop, Signals(seeds), KindWeights(cold_text=0.0), WEIGHTS).split(ITEMS)
    assert np.isnan(parts[0].lost).all()
    assert not np.isnan(parts[1].lost).any()
