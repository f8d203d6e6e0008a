"""Suggestions: on made-up titles, then over HTTP."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from api.suggest import Entry, Suggester, suggester_for
from api.words.tokens import fold, join, phrases
from kg.driver import Graph
from tests.api import shop
from tests.api.arrays import titled
from tests.api.test_recommendations import wait_for

TITLES = (
    ("Green tea leaves", "Acme", 5),
    ("Green tea, in bags", "Acme", 4),
    ("Black tea leaves", "Borealis", 3),
    ("Teapot of glass", None, 2),
    ("Crème brûlée set", "L'Étoile", 1),
    ("Crème fraîche", "L'Étoile", 1),
)


@pytest.fixture
def suggester() -> Suggester:
    return Suggester(titled(TITLES))


def texts(suggester: Suggester, typed: str, limit: int = 10) -> list[str]:
    return [e.text for e in suggester.suggest(typed, limit)]


def test_the_last_word_is_completed_and_what_is_bought_most_comes_first(suggester: Suggester) -> None:
    assert suggester.suggest("gre", 2) == [
        Entry("green tea", "keyword", items=2, shoppers=9),
        Entry("Green tea leaves", "title", items=1, shoppers=5),
    ]
    assert texts(suggester, "te", 2) == ["tea leaves", "Green tea leaves"]
    assert "Teapot of glass" in texts(suggester, "te")


def test_a_finished_word_is_followed_by_the_next(suggester: Suggester) -> None:
    assert texts(suggester, "tea ")[0] == "tea leaves"
    assert texts(suggester, "tea")[:2] == ["tea leaves", "Green tea leaves"]
    assert "teapot" not in texts(suggester, "tea ")


def test_words_narrow_in_any_order_and_unknown_ones_narrow_nothing(suggester: Suggester) -> None:
    assert texts(suggester, "leaves bl") == ["Black tea leaves"]
    assert texts(suggester, "tea gre")[0] == "tea green tea"
    assert texts(suggester, "xyzzy gre") == texts(suggester, "gre")
    assert texts(suggester, "xyzzy ") == texts(suggester, "   ") == texts(suggester, "qqq") == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("leavs ", "leaves "),
        ("laeves bl", "leaves bl"),
        ("leaaves gre", "leaves gre"),
        ("tea graen", "tea green"),
        ("borelais", "borealis"),
        ("Boraeli", "boreali"),  # not finished
        ("brullé", "brulé"),
        ("boreblis tea", "borealis tea"),
    ],
)
def test_errors_of_spelling_are_read_as_the_nearest_word(
    typed: str, meant: str, suggester: Suggester
) -> None:
    assert texts(suggester, typed) == texts(suggester, meant) != []


def test_of_many_words_that_the_shop_lacks_the_last_are_read(suggester: Suggester) -> None:
    typed = "graen " + "qqqqqq " * 4
    assert texts(suggester, f"{typed}leav") == texts(suggester, "leav") != []
    assert texts(suggester, "graen qqqqqq leav") == texts(suggester, "green leav") != texts(suggester, "leav")


@pytest.mark.parametrize("typed", ["tae", "grxxn", "l3aves", "boxyzlis"])
def test_what_is_near_to_no_word_or_too_short_is_none(typed: str, suggester: Suggester) -> None:
    assert texts(suggester, typed) == []


def test_a_word_of_other_items_is_completed_without_making_up_a_keyword(suggester: Suggester) -> None:
    assert texts(suggester, "glass gre")[0] == "Green tea leaves"
    assert not [text for text in texts(suggester, "glass gre") if text.startswith("glass")]


@pytest.mark.parametrize("typed", ["CRÈME b", "creme B", "crème b"])
def test_case_and_accents_do_not_matter(suggester: Suggester, typed: str) -> None:
    assert texts(suggester, typed) == ["Crème brûlée set"]


def test_brands_and_categories_with_everything_below(suggester: Suggester) -> None:
    assert suggester.suggest("acm", 1) == [Entry("Acme", "brand", items=2, shoppers=9)]
    assert suggester.suggest("letoile", 1) == [Entry("L'Étoile", "brand", items=2, shoppers=2)]
    assert suggester.suggest("foo", 1) == [Entry("Food", "category", items=6, shoppers=16)]
    assert suggester.suggest("drin", 1) == [Entry("Drinks", "category", items=3, shoppers=9)]
    assert suggester.suggest("empty", 1) == []


def test_titles_without_spaces() -> None:
    titles = [("有机绿茶100克", None, 5), ("绿茶茶叶", None, 4), ("绿豆糕", None, 3), ("绿豆", None, 2)]
    suggester = Suggester(titled(titles))

    assert suggester.suggest("绿", 2) == [
        Entry("绿茶", "keyword", items=2, shoppers=9),
        Entry("绿豆", "keyword", items=2, shoppers=5),
    ]
    assert texts(suggester, "绿豆") == ["绿豆糕", "绿豆"]


def test_a_keyword_does_not_end_with_a_word_that_seldom_ends_a_phrase() -> None:
    goods = ("dogs", "dogs", "cats", "hens")
    suggester = Suggester(titled([(f"Snack for {goods[n % 4]} {n}", None, 1) for n in range(60)]))

    assert texts(suggester, "snack ", 1) == ["snack for dogs"]
    assert "snack for" not in texts(suggester, "snack ")


def test_hidden_items_are_not_suggested() -> None:
    assert texts(Suggester(titled(TITLES, hidden=[2])), "bla") == []


def test_an_empty_shop_suggests_nothing() -> None:
    assert Suggester(titled([])).suggest("a", 5) == []


def test_the_words_are_sorted_again_only_where_they_changed(suggester: Suggester) -> None:
    snapshot = suggester.snapshot
    prices = snapshot.columns._replace(price=snapshot.columns.price + 1)
    titles = snapshot.columns._replace(titles=["New", *snapshot.columns.titles[1:]])

    assert suggester_for(replace(snapshot, columns=prices), suggester) is suggester
    renewed = suggester_for(replace(snapshot, columns=titles), suggester)
    assert texts(renewed, "ne") == ["New"]


def test_words() -> None:
    assert phrases("Crème-brûlée, 2 pcs 绿茶") == [["Crème", "brûlée"], ["2", "pcs", "绿", "茶"]]
    assert (fold("Crème"), fold("L’Oréal"), fold("ＡＢ")) == ("creme", "loreal", "ab")
    assert (join(["green", "tea"]), join(["绿", "茶"]), join(["绿", "tea"])) == (
        "green tea",
        "绿茶",
        "绿 tea",
    )


def test_over_http_and_after_a_title_changed(filled: Graph, client: TestClient) -> None:
    answer = client.get("/v1/suggest", params={"q": "spa", "limit": 2}).json()
    assert answer["suggestions"][0] == {"text": "spade for digging the", "kind": "keyword", "items": 6}
    assert len(answer["suggestions"]) == 2

    filled.write(shop.WRITES["set"], item="tea-0", properties={"title": "Verbena infusion"})

    def changed() -> bool:
        found = client.get("/v1/suggest", params={"q": "verb"}).json()["suggestions"]
        return found == [{"text": "Verbena infusion", "kind": "title", "items": 1}]

    wait_for(changed, seconds=60)  # changes wait while the machine is busy reading


@pytest.mark.parametrize("params", [{}, {"q": ""}, {"q": "tea", "limit": 0}, {"q": "tea", "kind": "title"}])
def test_bad_parameters_are_problems(client: TestClient, params: dict[str, str]) -> None:
    refused = client.get("/v1/suggest", params=params)

    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


def test_a_deleted_item_is_no_longer_suggested(client: TestClient) -> None:
    """Also where nothing else is written afterwards."""
    _, names, what = shop.GOODS["tea"]
    title = f"{names[3]} {what}"

    def suggested() -> list[str]:
        found = client.get("/v1/suggest", params={"q": title, "limit": 10}).json()["suggestions"]
        return [s["text"] for s in found]

    assert title in suggested()
    assert client.delete("/v1/items/tea-3").status_code == 200
    wait_for(lambda: title not in suggested(), seconds=5)
