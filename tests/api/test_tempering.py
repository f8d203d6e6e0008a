"""A long past beside words."""

from typing import cast

import numpy as np
import pytest

from api.history import seed
from api.learning.features import Looking, Reader, weights_of
from api.ranking.score import Scorer
from api.ranking.signals import Signals, Words
from api.ranking.tempering import spread, tempered
from api.ranking.weights import DEFAULT
from kg.dataset import ShopData
from tests.api.arrays import made_up

KIND = DEFAULT.kinds["for_you"].model_copy(update={"category": 0.5})


def test_what_was_learned_of_a_long_past_is_scaled_down_beside_words_alone() -> None:
    snapshot = made_up(60, 3)
    seeds = [s for i in snapshot.ids[:40] if (s := seed(snapshot, i, "history")) is not None]
    past, words = Signals(seeds), Words.of("title 3", snapshot.text[3], snapshot)
    told = spread(snapshot, past, KIND, DEFAULT)
    weights = DEFAULT.model_copy(update={"past_beside_words": told / 4})

    less = tempered(snapshot, past._replace(words=words), KIND, weights)

    assert spread(snapshot, past, less, weights) == pytest.approx(told / 4, rel=1e-4)
    assert (less.cold_text, less.words) == (KIND.cold_text, KIND.words)
    scorer = Scorer(snapshot, past._replace(words=words), less, weights)
    items = np.arange(10)
    parts = scorer.split(items)
    np.testing.assert_allclose(sum(part.values for part in parts), scorer.all[:10], atol=1e-4)
    assert tempered(snapshot, past, KIND, weights) is KIND  # without words the order is all that counts
    assert tempered(snapshot, Signals(words=words), KIND, weights) is KIND
    generous = DEFAULT.model_copy(update={"past_beside_words": told + 1})
    assert tempered(snapshot, past._replace(words=words), KIND, generous) is KIND


def test_what_is_learned_from_is_scaled_down_as_what_serves() -> None:
    snapshot = made_up(60, 3)
    seeds = [s for i in snapshot.ids[:40] if (s := seed(snapshot, i, "history")) is not None]
    signals = Signals(seeds, words=Words.of("title 3", snapshot.text[3], snapshot))
    weights = DEFAULT.model_copy(update={"past_beside_words": 0.1})
    less = tempered(snapshot, signals, KIND, weights)
    assert less is not KIND
    looking = Looking(
        cast("ShopData", None), np.zeros(0, np.bool_), snapshot, Reader(None, {}), KIND, weights
    )

    scores = looking.features(snapshot, signals) @ weights_of(KIND)

    np.testing.assert_allclose(scores, Scorer(snapshot, signals, less, weights).all, atol=1e-4)


def test_a_sample_has_scores_at_even_distances() -> None:
    snapshot = made_up(60, 3)
    scorer = Scorer(snapshot, Signals(words=Words.of("title 3", snapshot.text[3], snapshot)), KIND, DEFAULT)

    np.testing.assert_allclose(scorer.sample(20), scorer.all[::3], atol=1e-5)
    np.testing.assert_allclose(scorer.sample(100), scorer.all, atol=1e-5)
