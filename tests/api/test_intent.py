"""What words ask for."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from api.intent import Prices, lower_third, meaning, read
from api.signals import Words
from api.snapshot import Snapshot
from tests.api.arrays import made_up


@pytest.mark.parametrize(
    ("query", "words", "prices"),
    [
        ("red shoes under $50", "red shoes", Prices(None, 50, "USD", 0.9)),
        ("milk under 2,50 €", "milk", Prices(None, 2.5, "EUR", 0.9)),
        ("20-50 € headphones", "headphones", Prices(20, 50, "EUR", 0.6)),
        ("between 5 and 10 dollars gift", "gift", Prices(5, 10, "USD", 0.9)),
        ("laptop over 800", "laptop", Prices(800, None, None, 0.9)),
        ("tv 32 to 40", "tv 32 to 40", Prices(32, 40, None, 0.3)),  # unsure: the words stay
        ("camera lens 18-55 mm", "camera lens 18-55 mm", None),
        ("under 5 kg dumbbell", "under 5 kg dumbbell", None),
        ("ssd from 500gb", "ssd from 500gb", None),
        ("from 50 to 20 euros", "from 50 to 20 euros", None),
        ("iphone 11", "iphone 11", None),
    ],
)
def test_prices_are_read_and_taken_out(query: str, words: str, prices: Prices | None) -> None:
    found = read(query)
    assert (found.words, found.prices) == (words, prices)


def test_negations_relations_and_cheap() -> None:
    assert read("yogurt without sugar").negated == ["sugar"]
    assert read("wallet, not black") == read("wallet, not black")._replace(words="wallet", negated=["black"])
    assert read("alternative to nutella")[::4] == ("nutella", "substitutes")
    assert read("something that goes with a grill").relation == "complements"
    assert read("cheap usb cable")[:3] == ("usb cable", None, True)
    assert read("  cheap ").words == "cheap"  # nothing else to search for
    for words in ("green tea on sale", "discounted green tea", "green tea at reduced prices"):
        assert (read(words).words, read(words).on_sale) == ("green tea", True)
    for words in ("reduced fat milk", "sale of the century", "wholesale"):
        assert (read(words).words, read(words).on_sale) == (words, False)


def test_the_words_point_to_the_category_whose_items_are_near() -> None:
    snapshot = made_up(40, 1)
    ids, centroids = snapshot.centroids
    place = ids.index("C")
    found = meaning(snapshot, "title 3", Words.of("title 3", centroids[place], snapshot))
    assert next(iter(found.categories)) == "C"
    assert found.confidence == found.categories["C"] <= 1
    assert not found.out_of_scope
    away = meaning(
        snapshot, "opening hours", Words.of("opening hours", np.zeros(6, dtype=np.float32), snapshot)
    )
    assert away.out_of_scope


def test_brands_are_found_as_the_shop_writes_them() -> None:
    snapshot = made_up(40, 1)
    found = meaning(snapshot, "a BRAND 2 title", Words.of("a BRAND 2 title", snapshot.text[0], snapshot))
    assert list(found.brands) == ["brand 2"]
    of_it = snapshot.columns.brand == snapshot.columns.brand_number["brand 2"]
    assert found.brands["brand 2"] == pytest.approx(
        of_it.mean() / (of_it | written(snapshot, "brand 2")).mean(), abs=1e-3
    )


def test_values_of_attributes_are_found_and_doubted_where_the_word_is_common() -> None:
    snapshot = made_up(40, 1)
    of_value = {"dark red": np.array([1, 2]), "dark": np.array([3]), "7": np.array([4])}
    given = replace(
        snapshot,
        columns=snapshot.columns._replace(
            attributes={"color": of_value, "tone": {"dark red": np.array([1])}}
        ),
    )
    found = meaning(given, "7 Dark Red shoes", Words.of("7 Dark Red shoes", snapshot.text[0], given))
    assert found.attributes == {"color": {"dark red": 1.0}, "tone": {"dark red": 1.0}}
    # Every title of this shop has the word "title": that it is a value of one item's attribute says little.
    common = replace(
        snapshot, columns=snapshot.columns._replace(attributes={"sort": {"title": np.array([1])}})
    )
    found = meaning(common, "title", Words.of("title", snapshot.text[0], common))
    assert found.attributes["sort"]["title"] < 0.1


def written(snapshot: Snapshot, words: str) -> npt.NDArray[np.bool_]:
    return snapshot.lexicon.scores(words) > 0


def test_cheap_is_the_lower_third_of_what_the_words_match() -> None:
    snapshot = made_up(40, 1)
    lexical = np.ones(40, dtype=np.float32)
    prices = snapshot.columns.price[np.isfinite(snapshot.columns.price)]
    limit = lower_third(snapshot, lexical)
    assert limit is not None
    assert 0.25 < (prices <= limit).mean() < 0.5
    assert lower_third(snapshot, 0 * lexical) is None
