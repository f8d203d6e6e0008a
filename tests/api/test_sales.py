"""What is on sale: wanted, boosted, weighed and asked for in words."""

import math

import pytest
from fastapi.testclient import TestClient

from tests.api import shop
from tests.api.test_http import problem
from tests.api.test_recommendations import TEA, ask, ids, wait_for
from tests.api.test_scenarios import put, rule
from tests.api.test_search import search


def test_what_is_on_sale_can_be_boosted_wanted_and_weighed(client: TestClient) -> None:
    """Items 0 and 3 of each kind cost a fifth less than their list price."""
    reduced = {f"{good}-{n}" for good in shop.GOODS for n in (0, 3)}
    body = {"user_id": "ann", "limit": 18, "exclude_seen": False}
    plain = {i["item_id"]: i["score"] for i in ask(client, **body)["items"]}
    assert set(ids(ask(client, **body, filters={"on_sale": True}))) == reduced
    assert set(ids(ask(client, **body, filters={"on_sale": False}))) == plain.keys() - reduced

    asked = search(client, query="tea on sale", limit=18)
    assert set(ids(asked)) == reduced
    assert ids(asked)[0] in TEA
    assert (asked["intent"]["on_sale"], asked["intent"]["words"]) == (True, "tea")
    none = search(client, query="shovel on sale", limit=18, brand="Nobody")
    assert "Nothing that complies is on sale: that was left out of account." in none["notes"]

    put(client, rules=[rule("sale", "boost", {"on_sale": True}, factor=3)], weights={"discount": 2.0})
    assert client.get("/v1/scenarios/home").json()["rules"][0]["applies_to"]["on_sale"] is True
    answer = ask(client, **body, scenario="home", fields=["price", "list_price"])
    for item in answer["items"]:
        off = item["item_id"] in reduced
        assert item["score"] - plain[item["item_id"]] == pytest.approx(off * (math.log(3) + 0.4), abs=1e-6)
        told = {r["type"]: (r["text"], r["contribution"]) for r in item["reasons"]}
        assert ("discount" in told) == off
        if off:
            assert told["discount"] == ("For costing less than usual.", pytest.approx(0.4))
            assert item["fields"]["price"] == pytest.approx(item["fields"]["list_price"] / 1.25)
    assert {"rule", "discount"} <= set(answer["intent"]["signals"])

    nobody = ask(client, scenario="home", limit=3, kind="for_you")
    assert all(item["reasons"] and item["score"] > 0 for item in nobody["items"])
    assert {"discount", "popularity"} <= set(nobody["intent"]["signals"])

    client.patch("/v1/items/tea-0", json={"price": 99.0})
    client.patch("/v1/items/tea-1", json={"list_price": 99.0})
    assert "tea-0" not in ids(ask(client, **body, filters={"on_sale": True}))
    now = reduced - {"tea-0"} | {"tea-1"}
    wait_for(lambda: set(ids(ask(client, **body, filters={"on_sale": True}))) == now, seconds=10)
    told = problem(client.patch("/v1/items/tea-1", json={"list_price": -1}))
    assert "list_price is less than 0" in told["detail"]
