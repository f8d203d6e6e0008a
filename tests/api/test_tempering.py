"""Other things beside words."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from api.history import seed
from api.learning.features import TERMS, Looking, Reader, reach, weights_of
from api.ranking.learned import Learned, Ranking
from api.ranking.score import Scorer
from api.ranking.signals import Floats, Signals, Words
from api.ranking.tempering import spread, tempered
from api.ranking.weights import DEFAULT
from api.state.activity import week_of
from kg.dataset import ShopData
from kg.seasons import WEEKS
from tests.api.arrays import made_up

KIND = DEFAULT.kinds["for_you"].model_copy(update={"category": 0.5})


def test_what_was_learned_of_a_long_past_is_scaled_down_beside_words_alone() -> None:
    snapshot = made_up(60, 3)
    seeds = [s for i in snapshot.ids[:40] if (s := seed(snapshot, i, "history")) is not None]
    past, words = Signals(seeds), Words.of("title 3", snapshot.text[3], snapshot)
    told = spread(snapshot, past, KIND, DEFAULT)
    weights = DEFAULT.model_copy(update={"beside_words": told / 4})

    less = tempered(snapshot, past._replace(words=words), KIND, weights)

    assert spread(snapshot, past, less, weights) == pytest.approx(told / 4, rel=1e-4)
    assert (less.cold_text, less.words) == (KIND.cold_text, KIND.words)
    scorer = Scorer(snapshot, past._replace(words=words), less, weights)
    items = np.arange(10)
    parts = scorer.split(items)
    np.testing.assert_allclose(sum(part.values for part in parts), scorer.all[:10], atol=1e-4)
    assert tempered(snapshot, past, KIND, weights) is KIND  # without words the order is all that counts
    assert tempered(snapshot, Signals(words=words), KIND, weights) is KIND
    generous = DEFAULT.model_copy(update={"beside_words": told + 1})
    assert tempered(snapshot, past._replace(words=words), KIND, generous) is KIND


def test_the_past_and_what_speaks_for_items_whoever_asks_are_bounded_together() -> None:
    snapshot = made_up(60, 3)
    seeds = [s for i in snapshot.ids[:40] if (s := seed(snapshot, i, "history")) is not None]
    words = Words.of("title 3", snapshot.text[3], snapshot)
    both = KIND.model_copy(update={"popularity": 1.5, "novelty": 2.0})
    weights = DEFAULT.model_copy(update={"beside_words": 3.0})
    assert spread(snapshot, Signals(seeds), both, weights) > 3

    less = tempered(snapshot, Signals(seeds, words=words), both, weights)

    assert spread(snapshot, Signals(seeds), less, weights) == pytest.approx(3.0, rel=1e-4)
    share = less.gnn / both.gnn
    assert (less.popularity, less.novelty, less.category) == (1.5 * share, 2.0 * share, 0.5 * share)
    twice = both.model_copy(update={"words": 2.0})  # words that were learned to count more drown less
    louder = tempered(snapshot, Signals(seeds, words=words), twice, weights)
    assert spread(snapshot, Signals(seeds), louder, weights) == pytest.approx(6.0, rel=1e-4)


def test_what_is_learned_from_is_scaled_down_as_what_serves() -> None:
    snapshot = made_up(60, 3)
    serving = KIND.model_copy(update={"popularity": 0.5})
    seeds = [s for i in snapshot.ids[:40] if (s := seed(snapshot, i, "history")) is not None]
    signals = Signals(seeds, words=Words.of("title 3", snapshot.text[3], snapshot))
    weights = DEFAULT.model_copy(update={"beside_words": 0.1})
    less = tempered(snapshot, signals, serving, weights)
    assert less is not serving
    looking = Looking(
        cast("ShopData", None), np.zeros(0, np.bool_), snapshot, Reader(None, {}), serving, weights
    )

    scores = looking.features(snapshot, signals) @ weights_of(serving)

    np.testing.assert_allclose(scores, Scorer(snapshot, signals, less, weights).all, atol=1e-4)


def test_what_is_learned_to_speak_for_items_whoever_asks_is_bounded_beside_words() -> None:
    snapshot = made_up(60, 3)
    arrived = np.append(np.linspace(0, 2 * 86_400, 59), np.nan)  # a shop of two days, and a new item
    columns = snapshot.columns._replace(released=arrived)
    snapshot = replace(snapshot, columns=columns)
    data = cast("ShopData", None)
    looking = Looking(data, np.zeros(0, np.bool_), snapshot, Reader(None, {}), KIND, DEFAULT)
    order = ["words", "category", "popularity", "trend", "novelty", "season"]
    assert list(TERMS) == order
    learned = np.array([1.0, 2.0, 3.0, 0.0, 0.0, 5260.0, 0.0])

    share = looking.beside_words(learned)

    weights = dict(zip(order, learned[1:].tolist(), strict=True))
    del weights["words"]
    ranking = Learned({"for_you": Ranking(weights, "", share)})
    unbounded, kind = (ranking.over(DEFAULT, "for_you", words=w).kinds["for_you"] for w in (False, True))
    standing = Scorer(snapshot, Signals(), kind, DEFAULT).all
    assert reach(standing) == pytest.approx(DEFAULT.beside_words, rel=1e-4)
    assert (kind.category, unbounded.category, unbounded.novelty) == (3.0, 3.0, 5260.0)
    assert looking.beside_words(learned * share / 2) == 1
    balanced = Learned({"for_you": Ranking(weights | {"words": 2.0}, "", share)})  # with words, in the past
    assert balanced.over(DEFAULT, "for_you", words=True).kinds["for_you"].novelty == 5260.0
    words = Words.of("title 59", snapshot.text[59], snapshot)
    assert Scorer(snapshot, Signals(words=words), kind, DEFAULT).all.argmax() == 59
    assert Scorer(snapshot, Signals(words=words), unbounded, DEFAULT).all.argmax() != 59


def test_the_bound_holds_in_any_week_of_the_year() -> None:
    snapshot = made_up(60, 3)
    quiet, loud = np.ones(WEEKS), np.ones(WEEKS)
    loud[(week_of(snapshot.activity.newest) or 0) - 20] = 9.0
    learned = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 40.0])

    def share(season: Floats) -> float:
        seasons = dict.fromkeys(list(snapshot.categories.items)[:1], season)
        shop = replace(snapshot, categories=snapshot.categories._replace(seasons=seasons))
        looking = Looking(
            cast("ShopData", None), np.zeros(0, np.bool_), shop, Reader(None, {}), KIND, DEFAULT
        )
        return looking.beside_words(learned)

    assert share(quiet) == 1
    assert 0 < share(loud) < 0.25


def test_reach_is_that_of_the_further_end() -> None:
    many = [0.0] * 90 + [1.0] * 200
    assert reach(np.array([*many, *[-7.0] * 10, *[2.0] * 12])) == 8
    assert reach(np.array([*many, *[-7.0] * 9])) == pytest.approx(0.6 * 8)  # nine may stand out more
    assert reach(np.array([3.0, 1.0])) == 2


def test_a_sample_has_scores_at_even_distances() -> None:
    snapshot = made_up(60, 3)
    scorer = Scorer(snapshot, Signals(words=Words.of("title 3", snapshot.text[3], snapshot)), KIND, DEFAULT)

    np.testing.assert_allclose(scorer.sample(20), scorer.all[::3], atol=1e-5)
    np.testing.assert_allclose(scorer.sample(100), scorer.all, atol=1e-5)
