"""An API process follows the graph: items that change, models that go live."""

import time
import weakref
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.state import challenger, serving
from kg.driver import Graph
from kg.models import promote
from kg.queries import Query, load, parse
from tests.api import shop
from tests.api.test_recommendations import ask, ids, wait_for

CHANGES = parse(
    "changes",
    """
// name: price
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.price = 4.51

// name: stock
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.inStock = NOT coalesce(i.inStock, true)

// name: hidden
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.hidden = true

// name: title
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.title = i.title + '!'

// name: released
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.releasedAt = datetime('2031-02-03T00:00:00Z')

// name: traded_prices
// One change.
// params:
// returns: nothing
MATCH (a:Item {itemId: 'tea-1'}), (b:Item {itemId: 'coffee-5'})
WITH a, b, a.price AS price
SET a.price = b.price, b.price = price

// name: loaded
// One change.
// params:
// returns: nothing
CREATE (:Refresh {runId: 'r-1', stage: 'ingest', endedAt: datetime()})

// name: gone
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) DETACH DELETE i

// name: event
// One change.
// params:
// returns: nothing
MERGE (e:Event {eventId: 'e-1'}) SET e.type = 'view'
""",
)


@pytest.mark.parametrize("change", [*CHANGES])
def test_the_sum_of_items_differs_when_one_changes_and_by_nothing_else(filled: Graph, change: str) -> None:
    columns_sum = load("api").columns_sum
    before = filled.read(columns_sum)
    assert filled.read(columns_sum) == before
    filled.write(CHANGES[change])
    assert (filled.read(columns_sum) == before) == (change == "event")


def test_items_are_read_again_only_when_one_has_changed(
    client: TestClient, filled: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200
    looks, readings = [], []
    read, read_columns = Graph.read, serving.read_columns

    def reading(graph: Graph, query: Query, **params: Any) -> Any:
        if query.name.endswith("columns_sum"):
            looks.append(query.name)
        return read(graph, query, **params)

    def reading_columns(graph: Graph) -> Any:
        readings.append(1)
        return read_columns(graph)

    monkeypatch.setattr(Graph, "read", reading)
    monkeypatch.setattr(serving, "read_columns", reading_columns)
    filled.write(CHANGES["event"])
    wait_for(lambda: looks, seconds=30)
    time.sleep(0.5)
    assert readings == []  # the first look after the start included
    filled.write(CHANGES["price"])
    wait_for(lambda: readings, seconds=30)


def test_an_item_that_starts_to_comply_is_found_within_seconds(client: TestClient, filled: Graph) -> None:
    filled.write(shop.WRITES["set"], item="tea-3", properties={"price": 0.5, "title": "Cheap tea"})

    wait_for(lambda: ids(ask(client, query="tea", filters={"price": {"lte": 1}})) == ["tea-3"], seconds=5)


def test_the_live_model_is_followed_within_two_seconds(client: TestClient, filled: Graph) -> None:
    before = ask(client, user_id="ann")
    shop.publish(filled, "model-2", "green", seed=2)

    wait_for(lambda: ask(client, user_id="ann")["model_version"] == "model-2", seconds=2)

    after = ask(client, user_id="ann")
    assert [i["score"] for i in after["items"]] != [i["score"] for i in before["items"]]


def test_the_model_before_is_at_hand_when_the_alias_moves_back(
    client: TestClient, filled: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ask(client, user_id="ann")
    shop.publish(filled, "model-2", "green", seed=2)
    wait_for(lambda: ask(client, user_id="ann")["model_version"] == "model-2", seconds=5)
    after = ask(client, user_id="ann")

    def unread(*_: object) -> None:
        raise AssertionError("it is at hand")

    monkeypatch.setattr(serving, "load_snapshot", unread)
    monkeypatch.setattr(challenger, "read_challenger", unread)
    for version, answer in (("model-1", before), ("model-2", after)):
        promote(filled, version)
        wait_for(lambda v=version: ask(client, user_id="ann")["model_version"] == v, seconds=2)
        again = ask(client, user_id="ann")
        assert [(i["item_id"], i["score"]) for i in again["items"]] == [
            (i["item_id"], i["score"]) for i in answer["items"]
        ]


@pytest.mark.parametrize("vector", [[1.0, 2.0], [float("nan")] * shop.DIM])
def test_broken_vectors_are_refused_and_the_old_model_goes_on(
    client: TestClient, filled: Graph, vector: list[float]
) -> None:
    before = ids(ask(client, user_id="ann"))
    shop.publish(filled, "broken", "green", seed=2, broken={"tea-4": vector})
    time.sleep(2)

    answer = ask(client, user_id="ann")

    assert (answer["model_version"], ids(answer)) == ("model-1", before)
    assert client.get("/readyz").json()["model_version"] == "model-1"


def test_what_was_served_before_goes_when_the_graph_was_built_anew(client: TestClient, filled: Graph) -> None:
    """Also what refers to itself, as the words do, though what stays is kept from the collector."""
    keeper = cast("FastAPI", client.app).state.keeper
    assert client.get("/v1/suggest", params={"q": "te"}).json()["suggestions"]
    before = weakref.ref(keeper.suggester)
    shop.finish_refresh(filled, "run-2")
    wait_for(lambda: ask(client, user_id="u1")["graph_version"] == "run-2", seconds=60)
    shop.finish_refresh(filled, "run-3")  # the words may have been sorted a moment after the first
    wait_for(lambda: before() is None, seconds=60)
