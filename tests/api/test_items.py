"""Items written through the API, on a real Neo4j."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.driver import Graph
from kg.encode import vector_index
from kg.queries import load, parse
from kg.schema import make_keys
from kg.settings import Settings
from tests.api import shop
from tests.api.test_events import send, told
from tests.api.test_http import problem
from tests.api.test_recommendations import ask, ids, wait_for

READ = parse(
    "reading",
    """
// name: item
// An item and what it is linked to.
// params: id
// returns: properties, links
MATCH (i:Item {itemId: $id})
OPTIONAL MATCH (i)-[r]->(x)
WITH i, type(r) AS type, coalesce(x.categoryId, x.name, x.itemId) AS name
ORDER BY type, name
RETURN properties(i) AS properties, collect([type, name]) AS links
""",
)
NEW = {
    "title": "Oolong tea leaves in a tin",
    "brand": "Borealis",
    "categories": ["Food > Tea"],
    "price": 4.5,
    "in_stock": True,
    "released_at": "2026-11-01T00:00:00Z",
    "attributes": {"colour": "green", "organic": True},
    "relations": [{"item_id": "coffee-2", "kind": "COMPLEMENTS"}, {"item_id": "none", "kind": "COMPLEMENTS"}],
}


@pytest.fixture
def client(filled: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The API on the made-up shop with its text index, looking for what is gone at every look."""
    monkeypatch.setattr("api.state.serving._REST", 0)
    make_keys(filled)
    filled.write(load("encode").create_index, options=vector_index(384))
    filled.write(load("ingest").await_indexes)
    with TestClient(create_app(settings)) as running:
        yield running


def put(client: TestClient, item_id: str, **fields: Any) -> dict[str, Any]:
    response = client.put(f"/v1/items/{item_id}", json=fields)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def find(client: TestClient, **body: Any) -> list[str]:
    return ids(ask(client, limit=18, **body))


def test_a_new_item_is_linked_and_found_in_every_way(filled: Graph, client: TestClient) -> None:
    result = put(client, "new", **NEW)

    assert (result["status"], result["attached_events"]) == ("created", 0)
    assert result["notes"] == ["Relations to unknown items were left out: none."]
    (item,) = filled.read(READ["item"], id="new")
    found = item["properties"]
    assert (found["title"], found["price"], found["categories"]) == (NEW["title"], 4.5, ["Food", "Tea"])
    assert found["attributes"] == '{"colour": "green", "organic": true}'
    assert (len(found["textEmbedding"]), found["gnnProvisional"]) == (384, "blue")
    assert np.linalg.norm(found["gnnTargetBlue"]) == pytest.approx(1)
    links = {(kind, name) for kind, name in item["links"]}
    assert {("IN_CATEGORY", "Food > Tea"), ("MADE_BY", "Borealis"), ("COMPLEMENTS", "coffee-2")} <= links
    alike = [name for kind, name in item["links"] if kind == "SIMILAR_TO"]
    assert len(alike) == 10
    assert {f"tea-{n}" for n in range(6)} <= set(alike)
    wait_for(lambda: find(client, query="oolong tea")[0] == "new", seconds=5)
    assert "new" in find(client, user_id="ann")[:4]
    assert "new" in find(client, item_ids=["tea-0"], kind="similar")[:6]
    assert "new" in find(client, item_ids=["coffee-2"], kind="complements")
    assert find(client, item_ids=["new"], kind="similar")[0].startswith("tea")
    assert "new" in find(client, query="tea", filters={"category": ["Tea"], "brand": ["borealis"]})


def test_the_same_again_changes_nothing_and_other_words_move_it(filled: Graph, client: TestClient) -> None:
    put(client, "new", **NEW)
    (before,) = filled.read(READ["item"], id="new")
    assert put(client, "new", **NEW)["status"] == "changed"
    (again,) = filled.read(READ["item"], id="new")
    for item in (before, again):
        item["properties"].pop("revision")
    assert again == before

    put(client, "new", title="Copper spade for digging the garden", categories=[["Garden"]])

    (moved,) = filled.read(READ["item"], id="new")
    assert ("IN_CATEGORY", "Garden") in {(kind, name) for kind, name in moved["links"]}
    assert "price" not in moved["properties"]
    assert {n for kind, n in moved["links"] if kind == "SIMILAR_TO"} >= {f"tools-{n}" for n in range(6)}
    assert ("COMPLEMENTS", "coffee-2") in {(kind, name) for kind, name in moved["links"]}
    wait_for(lambda: find(client, query="copper spade")[0] == "new", seconds=5)
    wait_for(lambda: "new" in find(client, query="spade", filters={"category": ["Garden"]}), seconds=5)
    assert "new" not in find(client, query="tea", filters={"category": ["Tea"]})


def test_what_a_patch_lets_in_again_is_in_the_very_next_answer(client: TestClient) -> None:
    cheap = {"filters": {"price": {"lte": 1}}, "query": "tea", "kind": "search"}
    for n in range(4):
        client.patch(f"/v1/items/tea-{n}", json={"price": 0.5})
        assert f"tea-{n}" in ids(ask(client, **cheap))
        client.patch(f"/v1/items/tea-{n}", json={"hidden": True})
        assert f"tea-{n}" not in ids(ask(client, **cheap))
        client.patch(f"/v1/items/tea-{n}", json={"hidden": False})
        assert f"tea-{n}" in ids(ask(client, **cheap))


def test_a_title_with_a_nul_byte_is_refused(client: TestClient) -> None:
    assert "a NUL byte" in problem(client.put("/v1/items/new", json={"title": "a\0b"}))["detail"]


def test_a_patch_that_names_nothing_is_refused(client: TestClient) -> None:
    refused = problem(client.patch("/v1/items/tea-3", json={}))
    assert refused["detail"] == "Item 'tea-3': no field is named, so nothing would change"
    batch = client.post("/v1/items:bulk", json={"whole": False, "items": [{"item_id": "tea-3"}]})
    assert batch.json()["results"][0]["status"] == "rejected"


def test_a_patch_changes_what_it_names_and_counts_at_once(filled: Graph, client: TestClient) -> None:
    assert client.patch("/v1/items/tea-3", json={"in_stock": False}).json()["status"] == "changed"
    assert "tea-3" not in find(client, query="tea", filters={"in_stock": True})
    client.patch("/v1/items/tea-2", json={"price": 99})
    assert "tea-2" not in find(client, query="tea", filters={"price": {"lte": 50}})
    wait_for(lambda: "tea-2" in find(client, query="tea", filters={"price": {"gte": 90}}), seconds=3)
    (item,) = filled.read(READ["item"], id="tea-2")
    assert (item["properties"]["title"], item["properties"]["price"]) == ("Mint tea leaves in a tin", 99)
    assert ["IN_CATEGORY", "Food > Tea"] in item["links"]

    client.patch("/v1/items/tea-1", json={"hidden": True})
    assert "tea-1" not in find(client, query="tea")
    client.patch("/v1/items/tea-1", json={"hidden": False})
    wait_for(lambda: "tea-1" in find(client, query="tea"), seconds=3)


def test_a_deleted_item_is_gone_and_may_come_back(client: TestClient) -> None:
    assert client.delete("/v1/items/tea-3").json()["status"] == "deleted"
    assert "tea-3" not in find(client, query="tea")
    assert problem(client.delete("/v1/items/tea-3"))["type"] == "/problems/unknown-item"
    assert problem(client.patch("/v1/items/tea-3", json={"price": 1}))["status"] == 404
    wait_for(lambda: client.get("/v1/items/tea-3/related").status_code == 404, seconds=5)

    put(client, "tea-3", title="Jasmine tea leaves in a tin")

    wait_for(lambda: "tea-3" in find(client, query="jasmine tea"), seconds=5)
    assert find(client, query="jasmine tea").count("tea-3") == 1


def test_values_are_checked_as_files_are(client: TestClient) -> None:
    for fields, reason in [
        ({"price": -1}, "price is less than 0: -1"),
        ({"brand": "x" * 1_001}, "brand is longer than 1,000 characters"),
        ({"released_at": "2999-01-01T00:00:00Z"}, "released_at is in the future"),
    ]:
        found = problem(client.put("/v1/items/new", json=fields))
        assert (found["status"], reason in found["detail"]) == (422, True), found
    assert problem(client.put("/v1/items/new", json={"colour": 1}))["errors"][0]["field"] == "colour"
    assert problem(client.patch("/v1/items/new", json={"price": 1}))["status"] == 404


def test_bulk_judges_each_item_by_itself(filled: Graph, client: TestClient) -> None:
    many = [{"item_id": f"n{n}", "title": f"{n} cups of tea"} for n in range(5)]
    bad = [{"item_id": "x", "price": "?"}, {"item_id": "y", "price": -1}, {"title": "no id"}, many[0]]
    response = client.post("/v1/items:bulk", json={"items": [*many, *bad]})
    found = [(r["item_id"], r["status"], r["reason"]) for r in response.json()["results"]]
    assert [status for _, status, _ in found] == ["created"] * 5 + ["rejected"] * 4
    assert [reason for _, _, reason in found[5:]] == [
        "price: Input should be a valid number, unable to parse string as a number",
        "price is less than 0: -1.0",
        "item_id is missing",
        "the item stands here twice",
    ]
    (item,) = filled.read(READ["item"], id="n0")
    assert {f"n{n}" for n in range(1, 5)} <= {name for kind, name in item["links"] if kind == "SIMILAR_TO"}
    changes = [{"item_id": "n1", "price": 7}, {"item_id": "none", "price": 7}]
    patched = client.post("/v1/items:bulk", json={"items": changes, "whole": False}).json()["results"]
    assert [r["status"] for r in patched] == ["changed", "unknown"]
    (item,) = filled.read(READ["item"], id="n1")
    assert (item["properties"]["title"], item["properties"]["price"]) == ("1 cups of tea", 7)


def test_bulk_deletes_beside_what_it_stores(filled: Graph, client: TestClient) -> None:
    told = [
        {"item_id": "tea-3", "delete": True, "price": -1},
        {"item_id": "new", **NEW},
        {"item_id": "none", "delete": True},
        {"item_id": "tea-3", "title": "Twice"},
        {"item_id": "tea-2", "delete": "?"},
        {"delete": True},
    ]
    results = client.post("/v1/items:bulk", json={"items": told}).json()["results"]
    assert [(r["item_id"], r["status"]) for r in results] == [
        ("tea-3", "deleted"),
        ("new", "created"),
        ("none", "unknown"),
        ("tea-3", "rejected"),
        ("tea-2", "rejected"),
        (None, "rejected"),
    ]
    assert filled.read(READ["item"], id="tea-3") == []
    assert filled.read(READ["item"], id="tea-2") != []
    assert "tea-3" not in find(client, query="tea")
    assert problem(client.put("/v1/items/tea-2", json={"delete": True}))["errors"][0]["field"] == "delete"


def test_purchases_come_back_with_a_deleted_item(client: TestClient) -> None:
    put(client, "new", **NEW)
    send(client, told("1", item="new", user="eve"))
    wait_for(lambda: ask(client, user_id="eve")["fallback_used"] is None, seconds=5)
    client.delete("/v1/items/new")
    wait_for(lambda: ask(client, user_id="eve")["fallback_used"] is not None, seconds=5)

    assert put(client, "new", **NEW)["attached_events"] == 1

    wait_for(lambda: ask(client, user_id="eve")["fallback_used"] is None, seconds=5)


def test_purchases_that_waited_are_attached(client: TestClient) -> None:
    assert send(client, told("1", item="new", user="eve"))[0] == ("pending", None)
    assert ask(client, user_id="eve")["fallback_used"] is not None

    assert put(client, "new", **NEW)["attached_events"] == 1

    wait_for(lambda: ask(client, user_id="eve")["fallback_used"] is None, seconds=5)
    assert "new" not in find(client, user_id="eve")
    assert find(client, user_id="eve")[0].startswith("tea")


def test_a_deleted_item_is_never_returned_to_a_request_that_came_after(client: TestClient) -> None:
    deleted: set[str] = set()
    done = threading.Event()

    def read() -> list[set[str]]:
        found = []
        while not done.is_set():
            gone = set(deleted)
            found.append(gone.intersection(find(client, query="tea coffee spade")))
        return found

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for n in range(6):
            for good in shop.GOODS:
                assert client.delete(f"/v1/items/{good}-{n}").status_code == 200
                deleted.add(f"{good}-{n}")
        done.set()
        answers = [wrong for reader in readers for wrong in reader.result()]
    assert len(answers) >= 10
    assert not set().union(*answers)
    assert find(client, query="tea") == []


def test_an_attribute_may_have_several_values_and_goes_out_as_it_came_in(client: TestClient) -> None:
    given = {"size": ["S", "M"], "ean": 4006381333931, "weight": 0.5, "organic": True}
    put(client, "shirt", title="A shirt", attributes=given, released_at="2026-01-02T03:04:05+01:00")

    for value in ("s", "M"):
        wait_for(lambda v=value: find(client, filters={"attributes": {"size": [v]}}) == ["shirt"], seconds=5)
    assert find(client, filters={"attributes": {"ean": ["4006381333931"]}}) == ["shirt"]
    (item,) = ask(client, filters={"attributes": {"size": ["L", "S"]}}, fields=["attributes", "released_at"])[
        "items"
    ]
    assert item["fields"] == {"attributes": given, "released_at": "2026-01-02T02:04:05Z"}
    facets = client.get("/v1/search?query=shirt").json()["facets"]["attributes"]
    assert {value["value"] for value in facets["size"]} == {"S", "M"}
    several = "&".join(f"attribute=%20size:{n}" for n in range(60))
    found = client.get(f"/v1/search?query=shirt&{several}&attribute=size:m").json()
    assert [item["item_id"] for item in found["items"]] == ["shirt"]


def test_a_price_that_no_item_has_is_refused(client: TestClient) -> None:
    for method in ("PUT", "PATCH"):
        for field in ("price", "list_price"):
            found = problem(client.request(method, "/v1/items/tea-0", json={field: 1e16}))
            assert (found["status"], found["errors"][0]["field"]) == (422, field)


def test_an_id_is_the_same_with_spaces_around_it(client: TestClient) -> None:
    put(client, " new ", title="White tea")
    send(client, told("e-1", "purchase", " new ", " zoe "))
    asked: dict[str, Any] = {"user_id": "zoe ", "item_ids": ["new "]}
    wait_for(lambda: ask(client, **asked)["fallback_used"] is None, seconds=5)  # once the item has been read
    assert "new" not in ids(ask(client, **asked))
