"""Search, facets, what words change, and why an item is where it is."""

from typing import Any

import pytest
from fastapi.testclient import TestClient


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


def test_facets_count_the_results(client: TestClient) -> None:
    facets = search(client, query="tea", limit=2)["facets"]
    assert facets["counted"] == 18
    assert {v["value"]: v["count"] for v in facets["brand"]} == {"Acme": 9, "Borealis": 9}
    assert {v["value"]: v["count"] for v in facets["category"]} == {
        "Food": 12, "Tea": 6, "Coffee": 6, "Garden": 6,
    }  # fmt: skip
    assert facets["price"] == {"lowest": 2.0, "median": 8.0, "highest": 14.0}


def test_a_bad_query_is_named(client: TestClient) -> None:
    response = client.get("/v1/search", params={"query": ""})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["field"], error["value"]) == ("query", "")


def test_a_price_in_the_words_filters_and_is_told(client: TestClient) -> None:
    answer = recommend(client, query="tea under $6", limit=18)
    assert answer["intent"]["prices"] == {"gte": None, "lte": 6.0, "currency": "USD", "confidence": 0.9}
    assert answer["intent"]["words"] == "tea"
    assert {item["fields"]["price"] for item in answer["items"]} == {2.0, 5.0}
    assert answer["items"][0]["item_id"].startswith("tea-")

    widened = recommend(client, query="tea under $1", limit=3)
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
    for item in recommend(client, **body)["items"]:
        found = explain(client, **body, item_id=item["item_id"])
        assert found["returned"]
        assert found["rank"] == item["rank"]
        assert [r["text"] for r in found["reasons"]] == [r["text"] for r in item["reasons"]]
        assert found["score"] == pytest.approx(item["score"])
    assert client.post("/v1/explain", json=body | {"item_id": "zzz"}).status_code == 404
