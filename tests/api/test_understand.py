"""What the words of a request change about it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from api.gather import Gathered
from api.ranking.signals import Signals, Words
from api.schemas import RecommendationRequest
from api.schemas.intent import Intent
from api.state.columns import columns_from
from api.state.snapshot import Snapshot
from api.words.lexicon import Lexicon
from api.words.named import product
from api.words.scope import out_of_scope
from api.words.understand import Understood, intent_of, understand
from kg.words.classifier import Classifier
from tests.api.arrays import made_up
from tests.api.test_intent import with_names

GOODS = {
    "Coca-Cola Classic 330 ml": 2.0,
    "Lemonade without sugar": 3.0,
    "Sugar Free Gum": 4.0,
    "Oat biscuits, no added sugar": 5.0,
    "Milk chocolate, no nuts": 6.0,
    "Brown sugar no. 5": 7.0,
    "Nivea Creme": 8.0,
    "Nivea Creme Soft 75 ml": 9.0,
    "Nivea Creme Soft 150 ml": 10.0,
}


def shop(goods: dict[str, float] = GOODS) -> Snapshot:
    titles = list(goods)
    rows = [[t, goods[t], True, False, None, t.split()[0], None, None] for t in titles]
    return replace(
        made_up(len(titles), 1),
        ids=titles,
        number={title: n for n, title in enumerate(titles)},
        lexicon=Lexicon(titles),
        columns=columns_from(rows),
    )


def asked(currencies: set[str] | None = None, **body: Any) -> Understood:
    return understand(RecommendationRequest(**body), shop(), currencies=currencies or set())


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("treat without added sugar", {"Brown sugar no. 5"}),
        ("sugar-free treat", {"Brown sugar no. 5"}),
        ("treat not black or brown", {"Brown sugar no. 5"}),
        ("no sugar, nuts", {"Brown sugar no. 5"}),
        ("treat without milk or cola", {"Milk chocolate, no nuts", "Coca-Cola Classic 330 ml"}),
        ("nivea with free gift", set()),
        ("gum, not sugar free", {"Sugar Free Gum"}),
    ],
)
def test_items_that_negate_the_word_themselves_are_not_refused(query: str, refused: set[str]) -> None:
    assert asked(query=query).refused == refused


def test_refusing_everything_is_taken_back() -> None:
    found = understand(RecommendationRequest(query="creme not nivea", filters={"brand": ["Nivea"]}), shop())
    assert found.refused == frozenset()
    assert found.notes == ["Every item is written in nivea: that was left out of account."]


def test_a_brand_is_refused_by_its_whole_name() -> None:
    snapshot = shop()
    named = {"nivea creme soft": 9}
    columns = snapshot.columns._replace(brand_number=snapshot.columns.brand_number | named)
    snapshot = replace(snapshot, columns=columns)
    for words in ("creme not Nivea Creme Soft", "creme, anything but nivea creme soft"):
        found = understand(RecommendationRequest(query=words), snapshot)
        assert found.refused == {"Nivea Creme Soft 75 ml", "Nivea Creme Soft 150 ml"}
        assert (found.request.query, found.notes) == ("creme", [])


def test_free_of_something_is_searched_for_where_items_say_so() -> None:
    assert asked(query="sugar free").request.query == "sugar free"
    found = asked(query="cola-free")
    assert (found.request.query, found.refused) == (None, {"Coca-Cola Classic 330 ml"})
    assert found.notes == ["No item says 'cola-free' of itself: it is not searched for."]
    found = asked(query="gluten-free biscuits")
    assert (found.request.query, found.refused) == ("biscuits", frozenset())
    assert found.notes == [
        "No item is written in 'gluten': whether items are without it is not known.",
        "No item says 'gluten-free' of itself: it is not searched for.",
    ]


def test_conditions_alone_are_not_searched_for() -> None:
    told = "The words set conditions alone: they name nothing to search for."
    for query in ("under $5", "without sugar", "cheap"):
        assert asked(query=query).request.query is None
        assert asked(query=query, kind="search").notes == [told]
    cheap = asked(query="cheap").request.filters.price
    assert cheap is not None
    assert cheap.lte is not None
    assert 4 <= cheap.lte < 6


def test_bounds_that_nothing_meets_are_told() -> None:
    found = asked(query="gum over $5 under $2")
    assert (found.request.query, found.request.filters.price) == ("gum", None)
    assert found.notes == ["No price is 5 or more and 2 or less: it filters nothing."]


def test_what_was_seen_is_not_searched_for() -> None:
    for query in ("what goes well with this?", "something like this", "instead of this"):
        request = asked(query=query, item_ids=["Sugar Free Gum"]).request
        assert request.kind != "for_you"
        assert request.query is None


def test_a_price_in_another_currency_filters_nothing() -> None:
    found = asked({"EUR", "CHF"}, query="gum under $5")
    assert found.request.filters.price is None
    assert found.request.query == "gum"
    assert found.notes == ["The words name a price in USD, items have CHF, EUR: it filters nothing."]
    holding = (
        ({"usd"}, "gum under $5"),
        ({"€"}, "gum under 5 €"),
        (set[str](), "gum under $5"),
        ({"EUR"}, "gum under 5"),
    )
    for currencies, query in holding:
        price = asked(currencies, query=query).request.filters.price
        assert price is not None
        assert price.lte == 5


def test_an_item_that_is_named_is_the_item_looked_at() -> None:
    found = asked(query="like nivea creme")
    assert (found.request.kind, found.request.item_ids) == ("similar", ["Nivea Creme"])
    assert found.request.query is None
    assert found.notes == ["The item looked at is 'Nivea Creme'."]

    drinks = asked(query="lemonade instead of coca cola", session_items=["Nivea Creme"]).request
    assert (drinks.kind, drinks.item_ids) == ("substitutes", ["Coca-Cola Classic 330 ml"])
    assert drinks.query == "lemonade"

    sent = asked(query="like nivea creme", item_ids=["Sugar Free Gum"])
    assert (sent.request.kind, sent.request.item_ids) == ("similar", ["Sugar Free Gum"])
    assert (sent.request.query, sent.notes) == ("nivea creme", [])


@pytest.mark.parametrize(
    "body",
    [
        {"query": "goes with a red dress"},
        {"query": "similar to nivea creme soft"},  # two of them
        {"query": "matching nivea creme"},  # hardly what they are to match
        {"query": "like nivea creme", "kind": "search"},
    ],
)
def test_a_relation_to_no_known_item_is_told(body: dict[str, Any]) -> None:
    found = asked(**body)
    assert (found.request.kind, found.request.item_ids) == (body.get("kind", "for_you"), [])
    (note,) = found.notes
    assert "Send item_ids, with kind for_you." in note


def test_an_item_is_named_by_its_title_or_by_its_beginning() -> None:
    snapshot = shop()
    assert product(snapshot, "nivea creme soft 75") == "Nivea Creme Soft 75 ml"
    for words in ("", "this", "lemonade", "creme soft", "nivea creme soft", "nivea creme for men"):
        assert product(snapshot, words) is None
    twice = snapshot.columns._replace(titles=["Gum", "Gum", *snapshot.columns.titles[2:]])
    doubled = replace(
        snapshot,
        columns=twice,
        lexicon=Lexicon(["Gum", "Gum", *GOODS][: len(GOODS)]),
        shoppers=np.arange(len(GOODS)),
    )
    assert product(doubled, "gums") == snapshot.ids[1]
    hidden = np.arange(len(GOODS)) == 1
    assert product(replace(doubled, columns=twice._replace(hidden=hidden)), "gum") == snapshot.ids[0]


def test_what_goods_are_called_by_is_looked_for_though_it_negates() -> None:
    titles = ["No-Show Socks", "Show jumping socks", "Wool socks"]
    snapshot = replace(shop(), lexicon=Lexicon([*titles, *list(GOODS)[3:]]))
    snapshot = replace(
        snapshot, columns=snapshot.columns._replace(titles=[*titles, *snapshot.columns.titles[3:]])
    )
    found = understand(RecommendationRequest(query="no show socks"), snapshot)
    assert found.request.query == "socks no show"
    assert found.refused == {snapshot.ids[1]}
    plain = understand(RecommendationRequest(query="socks no wool"), snapshot)
    assert (plain.request.query, plain.refused) == ("socks", frozenset({snapshot.ids[2]}))


def test_a_whole_thing_is_refused_not_each_of_its_words() -> None:
    assert asked(query="treat without milk chocolate").refused == {"Milk chocolate, no nuts"}
    assert asked(query="treat without chocolate sugar").refused == set()


def test_a_relation_is_to_what_was_seen_only_where_the_words_mean_that() -> None:
    seen = ["Nivea Creme"]
    assert asked(query="goes with this", session_items=seen).request.kind == "complements"
    for query in ("matching socks", "shoes to wear with a red dress"):
        assert asked(query=query, session_items=seen).request.kind == "for_you"


def test_no_bounds_are_no_price() -> None:
    """As the command line sends where no price is given."""
    price = asked(query="gum under $5", filters={"price": {"gte": None, "lte": None}}).request.filters.price
    assert price is not None
    assert price.lte == 5


def test_questions_for_the_staff_are_out_of_scope_though_items_are_written_in_the_words() -> None:
    snapshot = shop()
    known = Words.of("nivea", snapshot.text[0], snapshot, staff=0.9)
    away = snapshot.text[0] - 2 * snapshot.text.mean(axis=0)
    for vector, staff, sure in ((away, 0.9, 0.9), (away, 0.4, 0.0), (snapshot.text[0], 0.9, 0.0)):
        said = replace(known, vector=(vector / np.linalg.norm(vector)).astype(np.float32), staff=staff)
        assert out_of_scope("nivea", 1.0, said) == sure
    far = replace(known, vector=np.zeros_like(known.vector), staff=0.0)
    assert out_of_scope("who is nivea", 1.0, far) == 0.5


def told(snapshot: Snapshot, vector: bool, **body: Any) -> Intent:
    understood = understand(RecommendationRequest(**body), snapshot)
    words = understood.request.query or ""
    said = Words.of(words, snapshot.text[0], snapshot) if vector else None
    gathered = Gathered(None, Signals(words=said), words, [], {})
    return intent_of(body["query"], understood, gathered, snapshot, "encoder")


def test_without_an_encoder_what_stands_in_the_words_is_told() -> None:
    found = told(shop(), vector=False, query="nivea on sale under 9 not soft, goes with gum")
    assert (found.words, found.encoder, found.breadth) == ("nivea , gum", None, None)
    assert (found.on_sale, found.negated, found.relation) == (True, ["soft"], "complements")
    assert found.prices is not None
    assert found.prices.lte == 9
    assert set(found.brands) == {"nivea"}
    assert found.confidences == {"negated": 0.7, "relation": 0.9, "on_sale": 0.9}
    assert found.categories == {}


def test_findings_say_how_sure_they_are() -> None:
    found = told(shop(), vector=True, query="nivea cars without oil or soap")
    assert found.confidences == {"negated": 0.9, "breadth": 0.5}
    strange = shop()
    strange = replace(strange, text=0 * strange.text)
    assert told(strange, vector=True, query="opening hours of nivea").confidences == {
        "breadth": 0.25,
        "out_of_scope": 0.75,
    }


def test_the_vector_is_told_where_paths_are_asked_for() -> None:
    snapshot = shop()
    assert told(snapshot, vector=True, query="gum").vector is None
    found = told(snapshot, vector=True, query="gum", explain="paths").vector
    assert found is not None
    np.testing.assert_array_equal(np.array(found, dtype=np.float32), snapshot.text[0])


def test_categories_and_brands_are_those_that_a_trained_classifier_points_to() -> None:
    """The words are written in one brand and point to the other."""
    plain = shop()
    along = np.stack([plain.text[0], -plain.text[0]]) * 9
    trained = {
        "category": Classifier(["Sweets", "Care"], along, np.zeros(2, dtype=np.float32)),
        "brand": Classifier(["acme", "nivea"], along, np.zeros(2, dtype=np.float32)),
    }
    found = told(replace(plain, trained=trained), vector=True, query="nivea creme")
    assert list(found.categories) == ["Sweets"]
    assert found.confidence == found.categories["Sweets"] > 0.9
    assert list(found.brands) == ["nivea", "acme"]
    assert found.brands["acme"] > 0.9
    untrained = told(plain, vector=True, query="nivea creme")
    assert list(untrained.brands) == ["nivea"]
    assert "Sweets" not in untrained.categories


def test_a_category_that_the_words_name_is_told_though_no_classifier_learned_it() -> None:
    plain = with_names("Sweets", "Tea")
    trained = {"category": Classifier(["Sweets"], plain.text[:1] * 3, np.zeros(1, dtype=np.float32))}
    found = told(replace(plain, trained=trained), vector=True, query="tea")
    assert list(found.categories) == ["Tea"]
    assert found.categories["Tea"] > 0.9


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("cookies without palm-oil", {"Cookies with palm oil"}),
        ("dress not off-white", {"Off-white dress"}),
    ],
)
def test_words_that_a_hyphen_joins_are_refused_together(query: str, refused: set[str]) -> None:
    goods = shop(
        dict.fromkeys(
            ("Cookies with palm oil", "Cookies with olive oil", "Off-white dress", "White dress"), 5.0
        )
    )
    assert understand(RecommendationRequest(query=query), goods).refused == refused
