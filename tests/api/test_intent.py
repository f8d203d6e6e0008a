"""What words ask for."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from api.ranking.score import Scorer
from api.ranking.signals import Signals, Words
from api.ranking.weights import DEFAULT
from api.state.columns import categories_from
from api.state.snapshot import Snapshot
from api.words.intent import Read, Related, lower_third, meaning, read
from api.words.named import attribute_values, brands, categories
from api.words.prices import Prices
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
        ("from 50 to 20 euros", "", Prices(20, 50, "EUR", 0.9)),
        ("iphone 11", "iphone 11", None),
        ("shoes under $1,000", "shoes", Prices(None, 1000, "USD", 0.9)),
        ("tv max 1.000 €", "tv", Prices(None, 1000, "EUR", 0.9)),
        ("tv max 1.299,99 €", "tv", Prices(None, 1299.99, "EUR", 0.9)),
        ("boat up to 1,000,000.50", "boat", Prices(None, 1000000.5, None, 0.9)),
        ("between 1,000 and 2,500 tv", "tv", Prices(1000, 2500, None, 0.9)),
        ("tv under 1\u202f000", "tv", Prices(None, 1000, None, 0.9)),
        ("tv under 1\u00a0299,99 €", "tv", Prices(None, 1299.99, "EUR", 0.9)),
        ("watch over 1'000 chf", "watch", Prices(1000, None, "CHF", 0.9)),
        ("tv under 1 000 €", "tv", Prices(None, 1000, "EUR", 0.9)),
        ("sofa 1 000-2 000 €", "sofa", Prices(1000, 2000, "EUR", 0.6)),
        ("tv under 1 500", "tv under 1 500", None),  # or 1, and 500 of something
        ("stick under $20 128 gb", "stick 128 gb", Prices(None, 20, "USD", 0.9)),
        ("milk under 12,50 €", "milk", Prices(None, 12.5, "EUR", 0.9)),
        ("milk under 12.50", "milk", Prices(None, 12.5, None, 0.9)),
        ("milk under 0.500", "milk", Prices(None, 0.5, None, 0.9)),
        ("tv under 1234.567", "tv", Prices(None, 1234.567, None, 0.9)),
        ("crane under 1,000 kg", "crane under 1,000 kg", None),
        ("crane under 1 000 kg", "crane under 1 000 kg", None),
        ("tv under 2k", "tv under 2k", None),
        ("gift under 20 bucks", "gift", Prices(None, 20, "USD", 0.9)),
        ("watch under 20 francs", "watch", Prices(None, 20, "CHF", 0.9)),
        ("watch under CHF 20", "watch", Prices(None, 20, "CHF", 0.9)),
        ("tea under 5 pounds 200 g", "tea 200 g", Prices(None, 5, "GBP", 0.9)),
        ("5-10 quid gift", "gift", Prices(5, 10, "GBP", 0.6)),
        ("gifts no more than $30", "gifts", Prices(None, 30, "USD", 0.9)),
        ("nothing over 30 € please", "please", Prices(None, 30, "EUR", 0.9)),
        ("shoes not under $30", "shoes", Prices(30, None, "USD", 0.9)),
        ("bag over $30 under $50", "bag", Prices(30, 50, "USD", 0.9)),
        ("bag at least 30 but not more than 50 euros", "bag", Prices(30, 50, "EUR", 0.9)),
        ("hat < us$20", "hat", Prices(None, 20, "USD", 0.9)),
        ("hat $20 or less", "hat", Prices(None, 20, "USD", 0.9)),
        ("gifts $30+", "gifts", Prices(30, None, "USD", 0.9)),
        ("wine max. 20€", "wine", Prices(None, 20, "EUR", 0.9)),
        ("candy under 50 cents", "candy", Prices(None, 0.5, "USD", 0.9)),
        ("coat under 10000 huf", "coat", Prices(None, 10000, "HUF", 0.9)),
        ("switch up to 10 gbps", "switch up to 10 gbps", None),
        # Without a currency the number may count something else.
        ("snacks under 100 calories", "snacks under 100 calories", Prices(None, 100, None, 0.3)),
        ("cream for women over 40", "cream for women over 40", Prices(40, None, None, 0.3)),
        ("books from 1990", "books from 1990", Prices(1990, None, None, 0.3)),
        ("iphone 11 max", "iphone 11 max", Prices(None, 11, None, 0.3)),
        ("gift under 20 for mom", "gift for mom", Prices(None, 20, None, 0.9)),
    ],
)
def test_prices_are_read_and_taken_out(query: str, words: str, prices: Prices | None) -> None:
    found = read(query)
    assert (found.words, found.prices) == (words, prices)


def test_a_sign_that_several_currencies_share_means_the_shops_own() -> None:
    for shop, meant in (({"CAD", "EUR"}, "CAD"), ({"EUR"}, "USD"), (set(), "USD")):
        prices = read("tea under 5 dollars", shop).prices
        assert prices is not None
        assert prices.currency == meant


@pytest.mark.parametrize(
    ("query", "words", "negated"),
    [
        ("yogurt without sugar", "yogurt", {"sugar": 0.9}),
        ("wallet, not black", "wallet", {"black": 0.7}),
        ("yogurt without added sugar", "yogurt", {"sugar": 0.9}),
        ("jelly with no artificial sweeteners", "jelly with", {"sweeteners": 0.7}),
        ("jacket without a hood", "jacket", {"hood": 0.9}),
        ("tea without any sugar or milk", "tea", {"sugar": 0.9, "milk": 0.9}),
        ("not black or white shoes", "shoes", {"black": 0.7, "white": 0.7}),
        ("muesli, no nuts, milk", "muesli", {"nuts": 0.7, "milk": 0.7}),
        ("no nuts, milk chocolate", "milk chocolate", {"nuts": 0.7}),
        ("muesli no nuts, no milk and no added sugar", "muesli", {"nuts": 0.7, "milk": 0.7, "sugar": 0.7}),
        ("shoes not black, size 42", "shoes , size 42", {"black": 0.7}),
        ("biscuits free from gluten, milk, or eggs", "biscuits", {"gluten": 0.9, "milk": 0.9, "eggs": 0.9}),
        ("sugar-free gum", "sugar-free gum", {"sugar": 0.9}),
        ("sugar free gum", "sugar free gum", {"sugar": 0.9}),
        ("paint odour-free", "paint odour-free", {"odour": 0.9}),
        ("shoes free shipping", "shoes free shipping", {}),
        ("eggs free range", "eggs free range", {}),
        ("bread not gluten free", "bread", {"gluten-free": 0.7}),
        ("gum, not sugar-free or fat-free", "gum", {"sugar-free": 0.7, "fat-free": 0.7}),
        ("shoes except for nike", "shoes", {"nike": 0.9}),
        ("bag not made of leather, not from china", "bag", {"leather": 0.7, "china": 0.7}),
        ("anything but black", "", {"black": 0.9}),
        ("cookies without palm oil", "cookies", {"palm oil": 0.9}),
        ("coffee without milk & sugar", "coffee", {"milk": 0.9, "sugar": 0.9}),
        ("shampoo w/o sodium lauryl sulfate for men", "shampoo for men", {"sodium lauryl sulfate": 0.9}),
        ("not only black shoes", "not only black shoes", {}),
        ("not under armour", "not under armour", {}),
        ("forget me not seeds", "forget me not seeds", {}),
        ("perfume no. 5", "perfume no. 5", {}),
    ],
)
def test_negations_are_read_word_by_word(query: str, words: str, negated: dict[str, float]) -> None:
    assert (read(query).words, read(query).negated) == (words, negated)


@pytest.mark.parametrize(
    ("query", "words", "relation"),
    [
        ("alternative to nutella", "nutella", Related("substitutes", "nutella", 0.9)),
        ("something that goes with a grill", "grill", Related("complements", "grill", 0.9)),
        (
            "red shoes to wear with my blue dress",
            "red shoes blue dress",
            Related("complements", "blue dress", 0.9),
        ),
        ("matching pyjamas", "pyjamas", Related("complements", "pyjamas", 0.5)),
        ("like Nivea Creme", "nivea creme", Related("similar", "nivea creme", 0.7)),
        ("similar to nivea creme", "nivea creme", Related("similar", "nivea creme", 0.9)),
        ("more like nivea creme", "nivea creme", Related("similar", "nivea creme", 0.9)),
        ("like new laptop", "like new laptop", None),
        ("table that looks like marble", "table that looks like marble", None),
    ],
)
def test_relations_name_what_they_are_to(query: str, words: str, relation: Related | None) -> None:
    assert (read(query).words, read(query).relation) == (words, relation)


def test_cheap_and_on_sale() -> None:
    assert read("cheap usb cable")[:3] == ("usb cable", None, True)
    assert read("  cheap ").words == ""  # a condition, and nothing to search for
    assert read("on sale under $5")[:2] == ("", Prices(None, 5, "USD", 0.9))
    assert read(" this  one ").words == "this one"
    for words in ("green tea on sale", "discounted green tea", "green tea at reduced prices"):
        assert (read(words).words, read(words).on_sale) == ("green tea", True)
    for words in ("watch not too expensive", "cheaper watch", "cheapest watch"):
        assert read(words)[:3] == ("watch", None, True)
    for words in ("watch not cheap", "watch, not on sale"):
        assert read(words) == Read("watch", None, False, {}, None, False)
    for words in ("reduced fat milk", "sale of the century", "wholesale"):
        assert (read(words).words, read(words).on_sale) == (words, False)


def test_the_words_point_to_the_category_whose_items_are_near() -> None:
    snapshot = made_up(40, 1)
    ids, weights, _ = snapshot.of_categories
    centroids = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    place = ids.index("C")
    found = meaning(snapshot, "title 3", Words.of("title 3", centroids[place], snapshot))
    assert next(iter(found.categories)) == "C"
    assert found.confidence == found.categories["C"] <= 1
    assert not found.out_of_scope
    away = meaning(
        snapshot, "opening hours", Words.of("opening hours", np.zeros(6, dtype=np.float32), snapshot)
    )
    assert (away.out_of_scope, away.known) == (1.0, 0.0)
    half = meaning(snapshot, "title hours", Words.of("title hours", centroids[place], snapshot))
    assert (half.out_of_scope, half.known) == (0.0, 0.5)


def with_names(*names: str) -> Snapshot:
    """Categories of these names, each below the one before, and one item, from item-000 on, in each."""
    snapshot = made_up(40, 1)
    tree = [
        {"category_id": name, "name": name, "parent_ids": list(above)}
        for name, above in zip(names, [(), *((name,) for name in names)], strict=False)
    ]
    members = [{"item_id": snapshot.ids[n], "category_ids": [name]} for n, name in enumerate(names)]
    return replace(snapshot, categories=categories_from(tree, members, snapshot.number))


def test_categories_are_named_by_their_words_alone_or_beside_a_brand() -> None:
    snapshot = with_names("Beauty", "Hair Care & Styling", "Conditioners")

    assert categories(snapshot, "conditioner") == ["Conditioners"]
    assert categories(snapshot, "styling and hair-care") == ["Hair Care & Styling"]
    assert categories(snapshot, "brand 2 Conditioners") == ["Conditioners"]
    assert categories(snapshot, "hair care") == categories(snapshot, "mild conditioner") == []


def test_items_of_a_named_category_and_of_those_below_it_come_first() -> None:
    snapshot = with_names("Beauty", "Hair Care & Styling", "Conditioners")

    said = Words.of("hair care & styling", np.zeros(6, dtype=np.float32), snapshot)

    assert said.named[:4].tolist() == [0, 1, 1, 0]
    found = meaning(snapshot, "hair care & styling", said)
    assert next(iter(found.categories)) == "Hair Care & Styling"
    plain, kind = DEFAULT.model_copy(update={"named": 0.0}), DEFAULT.kinds["for_you"]
    gained = (
        Scorer(snapshot, Signals(words=said), kind, DEFAULT).all
        - Scorer(snapshot, Signals(words=said), kind, plain).all
    )
    assert gained[:4] == pytest.approx([0, DEFAULT.named, DEFAULT.named, 0])


def test_brands_are_found_as_the_shop_writes_them() -> None:
    snapshot = made_up(40, 1)
    found = brands(snapshot, "a BRAND 2 title")
    assert list(found) == ["brand 2"]
    of_it = snapshot.columns.brand == snapshot.columns.brand_number["brand 2"]
    assert found["brand 2"] == pytest.approx(
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
    assert attribute_values(given, "7 Dark Red shoes") == {
        "color": {"dark red": 1.0},
        "tone": {"dark red": 1.0},
    }
    # Every title of this shop has the word "title": that it is a value of one item's attribute says little.
    common = replace(
        snapshot, columns=snapshot.columns._replace(attributes={"sort": {"title": np.array([1])}})
    )
    assert attribute_values(common, "title")["sort"]["title"] < 0.1


def written(snapshot: Snapshot, words: str) -> npt.NDArray[np.bool_]:
    return snapshot.lexicon.scores(words) > 0


def test_cheap_is_the_lower_third_of_what_the_words_match() -> None:
    snapshot = made_up(40, 1)
    lexical = np.ones(40, dtype=np.float32)
    prices = snapshot.columns.price[np.isfinite(snapshot.columns.price)]
    limit = lower_third(snapshot, lexical)
    assert limit is not None
    assert 0.25 < (prices <= limit).mean() < 0.5
    assert lower_third(snapshot, 0 * lexical) == limit  # they match none: of all
