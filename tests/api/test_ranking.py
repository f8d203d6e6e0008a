"""The score and its split, on arrays alone."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.history import past_from
from api.ranking.coefficients import coefficients, cold_coefficients, edge_values
from api.ranking.score import Scorer
from api.ranking.signals import Boost, Edge, Need, Seed, Signals, Words
from api.ranking.weights import KindWeights, RankingWeights
from api.schemas.answers import PartType
from tests.api.arrays import made_up

WEIGHTS = RankingWeights()
ALL_TERMS = KindWeights(
    feedback=0.4,
    alike_gnn=0.5,
    alike_text=0.7,
    category=0.8,
    edges={"BOUGHT_WITH": 3.0},
    edge_floor=1.0,
    popularity=0.3,
    trend=0.4,
    novelty=0.6,
    discount=0.9,
    season=0.5,
)


def seeds_of(snapshot, *items: tuple[int, str, float]) -> list[Seed]:
    return [
        Seed(
            snapshot.ids[n],
            type_,
            weight,
            "BOUGHT",
            snapshot.context[n],
            snapshot.target[n],
            snapshot.text[n],
        )
        for n, type_, weight in items
    ]


def signals_of(snapshot, seed: int) -> Signals:
    random = np.random.default_rng(seed)
    picks = random.choice(len(snapshot.ids), size=6, replace=False)
    types = ["history", "history", "history", "session", "session", "item"]
    seeds = seeds_of(
        snapshot, *[(int(n), t, float(random.uniform(0.1, 2))) for n, t in zip(picks, types, strict=True)]
    )
    edges = [
        Edge(seeds[-1].item_id, int(n), "BOUGHT_WITH", float(random.uniform(0, 2)), 3) for n in picks[:3]
    ]
    seeds[0] = seeds[0]._replace(context=np.zeros_like(seeds[0].context))
    vector, lexical = snapshot.text[int(picks[0])], random.random(len(snapshot.ids)).astype(np.float32)
    named = (lexical > 0.7).astype(np.float32)
    words = Words(vector, lexical, snapshot.text_codes, named, 0.0)
    needs = [Need("x", "tea", 4, 0.6, np.sort(picks[:3]), np.array([1.0, 0.4, 0.1]))]
    boosts = [Boost("up", "Boosted.", 0.7, picks[1:4]), Boost("down", "Buried.", -1.1, picks[3:])]
    return Signals(seeds, anchors=seeds[-1:], words=words, edges=edges, needs=needs, boosts=boosts)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_parts_sum_to_the_score(seed: int) -> None:
    snapshot = made_up(30, seed)
    signals = signals_of(snapshot, seed)
    items = np.arange(30)

    parts = Scorer(snapshot, signals, ALL_TERMS, WEIGHTS).split(items)

    total = sum(p.values for p in parts)
    np.testing.assert_allclose(total, Scorer(snapshot, signals, ALL_TERMS, WEIGHTS).all, atol=2e-4)
    assert {p.type for p in parts} == set(get_args(PartType))


def test_a_shop_without_an_encoder_has_reasons_too() -> None:
    snapshot = replace(made_up(30, 3), text=np.zeros((30, 0), dtype=np.float32))
    seeds = seeds_of(snapshot, (0, "history", 1.0), (2, "item", 1.0))
    for signals in (Signals(), Signals(seeds, anchors=seeds[1:])):
        scorer = Scorer(snapshot, signals, ALL_TERMS, WEIGHTS)
        total = sum(p.values for p in scorer.split(np.arange(30)))
        np.testing.assert_allclose(total, scorer.all, atol=2e-4)


def test_whoever_rated_an_item_has_had_it() -> None:
    snapshot = made_up(4, 1)
    a, b, c, d = snapshot.ids
    events = [(a, "RATED"), (b, "VIEWED"), (c, "BOUGHT"), (d, "ADDED_TO_CART")]
    past = past_from(True, events, snapshot, WEIGHTS.events)
    assert (past.bought, past.touched) == ({a, c}, {a, b, c, d})


def test_the_user_vector_has_length_one_and_types_have_their_shares() -> None:
    snapshot = made_up(10, 3)
    seeds = seeds_of(snapshot, (0, "history", 1.0), (1, "history", 3.0), (2, "session", 1.0))
    kind = KindWeights(history=1.0, session=1.5)

    w = coefficients(seeds, np.stack([s.context for s in seeds]), kind)

    contexts = np.stack([s.context for s in seeds]).astype(float)
    assert np.linalg.norm(w @ contexts) == pytest.approx(1)
    assert w[1] / w[0] == pytest.approx(3)
    past, session = np.linalg.norm(w[:2] @ contexts[:2]), np.linalg.norm(w[2:] @ contexts[2:])
    assert session / past == pytest.approx(1.5)


def test_seeds_without_a_vector_speak_through_their_text() -> None:
    snapshot = made_up(4, 1)
    blank = np.zeros_like(snapshot.context[0])
    seed = Seed("new", "history", 1.0, "BOUGHT", blank, blank, snapshot.text[0])

    assert coefficients([seed], blank[None], KindWeights()).tolist() == [0.0]
    scores = Scorer(snapshot, Signals([seed]), KindWeights(cold_text=1.2), WEIGHTS).all
    meant = 1 - WEIGHTS.alike_lexical  # the item is so new that its words are not known yet
    np.testing.assert_allclose(scores, 1.2 / 0.06 * meant * snapshot.text @ seed.text, rtol=1e-4)
    known = Scorer(snapshot, Signals([seed._replace(item_id="item-000")]), KindWeights(), WEIGHTS).all
    words = 1.2 / 0.06 * WEIGHTS.alike_lexical * snapshot.lexicon.common({0: 1.0})
    np.testing.assert_allclose(known, scores + words, rtol=1e-4)
    assert words.argmax() == 0
    assert not Scorer(snapshot, Signals([seed]), KindWeights(cold_text=0), WEIGHTS).all.any()

    warm, other = seeds_of(snapshot, (1, "history", 1.0), (2, "item", 1.0))
    seeds = [warm, seed, other]
    shares = cold_coefficients(seeds, np.stack([s.context for s in seeds]), KindWeights())
    (share,) = (s for s in shares if s)
    assert share == pytest.approx(1 / (1 + 2) * 1 / 2)  # half of the history's third


def test_how_much_an_item_is_wanted_says_nothing_of_what_is_like_it() -> None:
    snapshot, kind = made_up(10, 3), KindWeights(alike_gnn=0.5, alike_text=0.7)
    (plain,) = seeds_of(snapshot, (0, "item", 1.0))
    popular = plain._replace(target=plain.target * np.float32(4))
    scores, same = (
        Scorer(snapshot, Signals([], anchors=[seed]), kind, WEIGHTS).all for seed in (plain, popular)
    )
    np.testing.assert_allclose(scores, same, rtol=1e-5)


@given(seed=st.integers(0, 10_000))
def test_without_the_past_item_named_first_an_item_scores_less(seed: int) -> None:
    snapshot = made_up(40, seed, dim=128)
    past = seeds_of(snapshot, *[(n, "history", 1.0) for n in range(5)])
    best = int(np.argmax(Scorer(snapshot, Signals(past), KindWeights(), WEIGHTS).all))
    parts = Scorer(snapshot, Signals(past), KindWeights(), WEIGHTS).split(np.array([best]))
    first = max(parts, key=lambda p: p.values[0]).cause

    fewer = [s for s in past if s is not first]

    before, after = (Scorer(snapshot, Signals(s), KindWeights(), WEIGHTS).all[best] for s in (past, fewer))
    assert after < before


def test_edges_count_in_proportion_to_the_strongest_of_their_type() -> None:
    edges = [
        Edge("a", 0, "BOUGHT_WITH", 4.0, 1),
        Edge("a", 1, "BOUGHT_WITH", 1.0, 1),
        Edge("a", 2, "X", 0.0, 1),
    ]

    values = edge_values(edges, KindWeights(edges={"BOUGHT_WITH": 8.0}, edge_floor=1.0))

    assert values == [9.0, 3.0, 1.0]


@given(
    scores=st.lists(st.integers(0, 5), min_size=1, max_size=40),
    first=st.integers(1, 50),
    seed=st.integers(0, 99),
)
def test_ranked_yields_every_allowed_item_once_best_first(scores: list[int], first: int, seed: int) -> None:
    n = len(scores)
    allowed = np.random.default_rng(seed).random(n) < 0.7
    boosts = [Boost("b", "b", 1.0, np.flatnonzero(np.array(scores) >= least)) for least in range(1, 6)]
    scorer = Scorer(made_up(n, seed), Signals(boosts=boosts), KindWeights(), WEIGHTS)

    batches = list(scorer.ranked(allowed, first))

    order = np.concatenate([items for items, _ in batches]).tolist()
    assert order == sorted(np.flatnonzero(allowed).tolist(), key=lambda k: (-scores[k], k))
    assert np.concatenate([values for _, values in batches]).tolist() == [scores[k] for k in order]


def test_the_scores_of_all_items_are_not_computed_for_the_best() -> None:
    snapshot = made_up(40, 1)
    scorer = Scorer(snapshot, Signals(seeds_of(snapshot, (0, "history", 1.0))), KindWeights(), WEIGHTS)
    nothing, everything = np.zeros(40, dtype=np.bool_), np.ones(40, dtype=np.bool_)

    assert [len(items) for items, _ in scorer.ranked(nothing, 5)] == [0]
    assert len(next(scorer.ranked(everything, 5))[0]) == 5
    assert "all" not in vars(scorer)


def test_shared_categories_count_more_the_fewer_items_they_hold() -> None:
    snapshot = made_up(30, 2)
    seeds = seeds_of(snapshot, (0, "history", 2.0), (1, "session", 0.5))
    kind = KindWeights(gnn=0.0, cold_text=0.0, category=3.0)

    scores = Scorer(snapshot, Signals(seeds), kind, WEIGHTS).all

    def both(a: int, b: int) -> float:
        members = snapshot.categories.items.values()
        return sum(1 / np.log(1 + len(items)) for items in members if a in items and b in items)

    for n in range(30):  # the session's share is 1.5, the history's 1: the larger one counts whole
        assert scores[n] == pytest.approx(3 * (2.0 * both(0, n) / 1.5 + 0.5 * both(1, n)), rel=1e-5)
    assert len({both(0, n) for n in range(30)}) > 1
