"""Search, facets, what words change, and why an item is where it is."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.routes.search import facets_of
from kg.driver import Graph
from tests.api import shop


def search(client: TestClient, **params: Any) -> dict[str, Any]:
    response = client.get("/v1/search", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def recommend(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/recommendations", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def explain(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/explain", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_words_find_items_by_how_they_are_written_and_by_what_they_mean(client: TestClient) -> None:
    found = search(client, query="jasmine tea", limit=3, fields=["title"])
    assert found["items"][0]["item_id"] == "tea-3"
    assert set(found["items"][0]["fields"]) == {"title"}
    assert found["intent"]["words"] == "jasmine tea"
    assert {r["type"] for r in found["items"][0]["reasons"]} == {"words"}


def test_facets_count_the_results(client: TestClient, filled: Graph) -> None:
    filled.write(shop.WRITES["set"], item="tools-5", properties={"attributes": "no JSON"})
    facets = search(client, query="tea", limit=2, fields=["title"])["facets"]
    assert facets["counted"] == 18
    assert counts(facets["brand"]) == {"Acme": 9, "Borealis": 9}
    assert counts(facets["category"]) == {"Food": 12, "Tea": 6, "Coffee": 6, "Garden": 6}
    assert facets["price"] == {"lowest": 2.0, "median": 8.0, "highest": 14.0}
    assert {name: counts(values) for name, values in facets["attributes"].items()} == {
        "Pack": {"1 pieces": 6, "2 pieces": 6, "3 pieces": 5},
        "organic": {"true": 9, "false": 8},
    }
    (value,) = (v for v in facets["attributes"]["Pack"] if v["count"] == 5)
    found = recommend(client, filters={"attributes": {"Pack": [value["value"]]}}, limit=18)
    assert len(found["items"]) == 5
    narrowed = search(client, query="tea", limit=18, attribute=[f"Pack:{value['value']}", "organic:true"])
    assert narrowed["facets"]["counted"] == len(narrowed["items"]) == 3
    one = narrowed["items"][0]["item_id"]
    without = search(client, query="tea", limit=18, attribute="organic:true", exclude_item_ids=one)
    assert one not in [item["item_id"] for item in without["items"]]
    assert client.get("/v1/search", params={"query": "tea", "attribute": "Pack"}).status_code == 422


def test_values_count_once_a_result_and_in_any_case() -> None:
    told = [{"Colour": ["Red", "red"], "size": 12.0}, {"colour": "RED", "size": "12"}, {"colour": "blue"}]
    nothing = {"categories": None, "brand": None, "price": None}
    facets = facets_of([nothing | {"attributes": of} for of in told])
    assert {name: counts([v.model_dump() for v in of]) for name, of in facets.attributes.items()} == {
        "Colour": {"Red": 2, "blue": 1},
        "size": {"12": 2},
    }
    assert (facets.category, facets.brand, facets.price) == ([], [], None)


def test_pages_of_a_search_never_repeat_an_item_and_keep_the_facets(client: TestClient) -> None:
    everything = search(client, query="tea", limit=100)
    pages = [search(client, query="tea", limit=7)]
    while token := pages[-1]["next_page_token"]:
        pages.append(search(client, query="tea", limit=7, page_token=token))

    assert [len(page["items"]) for page in pages] == [7, 7, 4]
    shown = [item["item_id"] for page in pages for item in page["items"]]
    assert shown == [item["item_id"] for item in everything["items"]]
    assert [page["facets"] for page in pages] == [everything["facets"]] * 3


def test_a_search_answers_as_the_recommendations_of_its_kind_do(client: TestClient) -> None:
    client.put("/v1/scenarios/home", json={"diversity": 0.6}).raise_for_status()
    for limit in (2, 20):
        found = search(client, query="tea", scenario="home", limit=limit)
        answer = recommend(client, query="tea", kind="search", scenario="home", limit=limit)
        assert found["items"] == answer["items"]
        assert found["notes"] == answer["notes"]
        assert len(found["notes"]) == (limit > 18)


def counts(facet: list[dict[str, Any]]) -> dict[str, int]:
    return {value["value"]: value["count"] for value in facet}


def test_words_alone_are_a_search_and_no_longer_beside_a_past(client: TestClient) -> None:
    def scores(**body: Any) -> dict[str, float]:
        return {
            i["item_id"]: i["score"]
            for i in recommend(client, query="jasmine tea", limit=18, **body)["items"]
        }

    searched = scores(kind="search")
    assert scores() == searched
    assert scores(user_id="nobody") == searched
    assert scores(user_id="ann") != searched


def test_a_bad_query_is_named(client: TestClient) -> None:
    response = client.get("/v1/search", params={"query": ""})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["field"], error["value"]) == ("query", "")


def test_a_price_in_the_words_filters_and_is_told(client: TestClient) -> None:
    answer = recommend(client, query="tea under 6 €", limit=18)
    assert answer["intent"]["prices"] == {"gte": None, "lte": 6.0, "currency": "EUR", "confidence": 0.9}
    assert answer["intent"]["words"] == "tea"
    assert {item["fields"]["price"] for item in answer["items"]} == {2.0, 5.0}
    assert answer["items"][0]["item_id"].startswith("tea-")

    elsewhere = recommend(client, query="tea under $6", limit=18)
    assert elsewhere["notes"] == ["The words name a price in USD, items have EUR: it filters nothing."]

    widened = recommend(client, query="tea under 1 €", limit=3)
    assert len(widened["items"]) == 3
    assert any("price" in note for note in widened["notes"])


def test_negated_words_are_refused(client: TestClient) -> None:
    plain = recommend(client, query="tea", limit=6)["items"]
    assert "tea-2" in {item["item_id"] for item in plain}
    answer = recommend(client, query="tea without mint", limit=18)
    assert "tea-2" not in {item["item_id"] for item in answer["items"]}
    assert (answer["intent"]["negated"], answer["filtered_out"]["refused"]) == (["mint"], 1)


def test_the_relation_in_the_words_becomes_the_kind(client: TestClient) -> None:
    answer = recommend(client, query="something that goes with this", item_ids=["coffee-0"], limit=3)
    assert answer["intent"]["relation"] == "complements"
    assert [item["item_id"] for item in answer["items"]] == ["tools-3"]


def test_the_words_point_to_a_category_or_out_of_the_shop(client: TestClient) -> None:
    intent = recommend(client, query="roast coffee beans")["intent"]
    assert next(iter(intent["categories"])) == "Food > Coffee"
    assert intent["confidence"] > 0.5
    assert not intent["out_of_scope"]
    assert recommend(client, query="opening hours of the museum")["intent"]["out_of_scope"]
    assert (
        recommend(client, query="can I return green tea?")["intent"]["confidences"].get("out_of_scope", 0)
        < 0.6
    )
    for question in ("what are your opening hours?", "where is my order", "how do i return this"):
        assert recommend(client, query=question)["intent"]["out_of_scope"]


@pytest.mark.parametrize(
    ("filters", "item", "removed"),
    [
        ({"price": {"lte": 3}}, "tea-3", "price"),
        ({"brand": ["Acme"]}, "tea-3", "brand"),
        ({}, "tea-0", "seen"),
        ({}, "tools-0", None),
    ],
)
def test_why_not(client: TestClient, filters: dict[str, Any], item: str, removed: str | None) -> None:
    found = explain(client, user_id="ann", filters=filters, limit=3, item_id=item)
    assert (found["returned"], found["removed_by"]) == (False, removed)
    if removed is None:
        assert found["rank"] > 3
        assert found["score"] < found["needed"]
        assert f"{found['needed']:.2f} were needed" in found["summary"]
    assert sum(r["contribution"] for r in found["reasons"]) == pytest.approx(found["score"])


def test_why(client: TestClient) -> None:
    body = {"user_id": "ann", "query": "tea", "limit": 4}
    items = recommend(client, **body)["items"]
    assert len(items) == 4
    for item in items:
        found = explain(client, **body, item_id=item["item_id"])
        assert found["returned"]
        assert found["rank"] == item["rank"]
        assert [r["text"] for r in found["reasons"]] == [r["text"] for r in item["reasons"]]
        assert found["score"] == pytest.approx(item["score"])
    assert client.post("/v1/explain", json=body | {"item_id": "zzz"}).status_code == 404
