"""POST /v1/events on a real Neo4j."""

import threading
from typing import Any, cast

import neo4j
import pytest
from fastapi.testclient import TestClient

from api import writer
from api.app import create_app
from kg.checksum import measure
from kg.driver import Graph
from kg.queries import load, parse
from kg.settings import Settings
from tests.api.test_http import problem
from tests.api.test_recommendations import ask, ids

READ = parse(
    "reading",
    """
// name: edges
// What a user did.
// params: user_id
// returns: type, item, count
MATCH (:User {userId: $user_id})-[r]->(i:Item)
RETURN type(r) AS type, i.itemId AS item, r.count AS count
ORDER BY type, item

// name: events
// Number of events in the log.
// params:
// returns: n
MATCH (e:Event)
RETURN count(e) AS n

// name: prices
// What was paid.
// params:
// returns: price, currency
MATCH (e:Event)
RETURN e.price AS price, e.currency AS currency
ORDER BY e.eventId

// name: ordered
// A user who bought items in an order, without times.
// params: user_id, items
// returns:
CREATE (u:User {userId: $user_id})
WITH u
UNWIND range(0, size($items) - 1) AS n
MATCH (i:Item {itemId: $items[n]})
CREATE (u)-[:BOUGHT {count: 1, weight: 1.0, position: n}]->(i)
""",
)


def send(client: TestClient, *events: Any) -> list[tuple[str, str | None]]:
    response = client.post("/v1/events", json={"events": list(events)})
    assert response.status_code == 200, response.text
    return [(result["status"], result["reason"]) for result in response.json()["results"]]


def told(event_id: str, type_: str = "purchase", item: str = "tea-4", user: str = "new", **more: Any) -> dict:
    return {"event_id": event_id, "type": type_, "item_id": item, "user_id": user, **more}


def test_the_rehearsal_of_writes_asks_all_and_leaves_nothing(filled: Graph) -> None:
    before, asked = measure(filled), []

    class Listening:
        """A transaction that tells what it was asked."""

        def __init__(self, tx: neo4j.ManagedTransaction) -> None:
            self.tx = tx

        def run(self, query: str, *params: Any, **more: Any) -> neo4j.Result:
            asked.append(query)
            return self.tx.run(query, *params, **more)

    with pytest.raises(writer._TakenBackError):
        filled.transact("rehearsal", lambda tx: writer._rehearsal(cast(Any, Listening(tx))))

    assert {load("events").said.text, load("events").log.text, load("items").stamp.text} <= set(asked)
    assert measure(filled) == before
    assert not filled.read(READ["events"])[0]["n"]


def test_an_api_that_starts_rehearses(
    filled: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    del filled  # the shop comes first
    rehearsed = threading.Event()

    def rehearsal(_: neo4j.ManagedTransaction) -> None:
        rehearsed.set()
        raise writer._TakenBackError

    monkeypatch.setattr(writer, "_rehearsal", rehearsal)
    with TestClient(create_app(settings)):
        assert rehearsed.wait(20)


def test_the_next_recommendation_knows_an_event(filled: Graph, client: TestClient) -> None:
    assert ask(client, user_id="new")["fallback_used"]["to"] == "popular"

    response = client.post("/v1/events", json=told("1"))

    assert response.json() == {"results": [{"event_id": "1", "status": "accepted", "reason": None}]}
    answer = ask(client, user_id="new", limit=3)
    assert answer["fallback_used"] is None
    assert "tea-4" not in ids(answer)
    assert answer["items"][0]["reasons"][0]["item_id"] == "tea-4"
    assert send(client, told("1")) == [("duplicate", None)]
    assert filled.read(READ["edges"], user_id="new") == [{"type": "BOUGHT", "item": "tea-4", "count": 1}]


def test_a_purchase_keeps_the_price_that_it_was_told_with(filled: Graph, client: TestClient) -> None:
    send(client, told("1", item="tea-0"), told("2", item="tea-0", price=1.25))
    assert filled.read(READ["prices"]) == [
        {"price": 2.0, "currency": "EUR"},
        {"price": 1.25, "currency": "EUR"},
    ]


def test_a_timed_event_is_newer_than_what_a_file_put_in_order(filled: Graph, client: TestClient) -> None:
    filled.write(READ["ordered"], user_id="eve", items=["tea-1", "tea-2"])
    send(client, told("1", "purchase", "tools-2", "eve"))
    ((_, events),) = (row.values() for row in filled.read(load("api").history, user_id="eve", most=9))
    assert [item for item, _ in events] == ["tools-2", "tea-2", "tea-1"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"type": "view", "user_id": "a", "item_id": "tea-1"}, "event_id is missing"),
        (told("x", "bought"), "type: Input should be 'view', 'cart', 'purchase', 'rating', 'search'"),
        (told("x", user=None), "neither user_id nor session_id is given"),
        (told("x", item=None), "the type purchase needs an item_id"),
        (told("x", "search", item=None), "a search needs its query"),
        (told("x", at="2999-01-01T00:00:00Z"), "2999-01-01 is before 1970 or in the future"),
        (told("x", at="2020-01-01T00:00:00"), "at: Input should have timezone info"),
        (told("x", at=-5), "1969-12-31 is before 1970"),
        (told("x", price=-1), "price: Input should be greater than or equal to 0"),
        (told("x", weight=-1), "weight: Input should be greater than or equal to 0"),
        (told("x", colour="red"), "there is no field colour"),
        ("purchase", "Input should be a valid dictionary"),
    ],
)
def test_a_bad_event_is_told_why_and_blocks_no_good_one(
    filled: Graph, client: TestClient, bad: Any, reason: str
) -> None:
    found = send(client, told("1"), bad, told("2", at=1_700_000_000))

    assert [status for status, _ in found] == ["accepted", "rejected", "accepted"]
    assert reason in (found[1][1] or "")
    assert filled.read(READ["events"]) == [{"n": 2}]


def test_a_thousand_events_at_once_and_no_more(filled: Graph, client: TestClient) -> None:
    many = [
        told(str(n), ["view", "cart"][n % 2], f"tea-{n % 6}", f"u{n % 50}", at=1_700_000_000 + n)
        for n in range(1_000)
    ]

    assert send(client, *many) == [("accepted", None)] * 1_000
    assert (
        sum(row["count"] for n in range(50) for row in filled.read(READ["edges"], user_id=f"u{n}")) == 1_000
    )
    assert send(client, told("nul", user="a\0")) == [("rejected", "a NUL byte")]
    refused = problem(client.post("/v1/events", json={"events": [*many, told("more")]}))
    assert (refused["status"], refused["errors"][0]["field"]) == (422, "events")
    assert problem(client.post("/v1/events", json={"events": []}))["status"] == 422
    assert problem(client.post("/v1/events", json=[]))["status"] == 422


def test_an_anonymous_session_a_search_and_an_impression(filled: Graph, client: TestClient) -> None:
    search = {"event_id": "1", "type": "search", "session_id": "s", "query": "tea", "recommendation_id": "r"}
    seen = {"event_id": "2", "type": "impression", "session_id": "s", "item_id": "tea-1"}
    looked = {"event_id": "3", "type": "view", "session_id": "s", "item_id": "tea-1"}

    assert send(client, search, seen, looked) == [("accepted", None)] * 3
    assert filled.read(READ["edges"], user_id="session:s") == [
        {"type": "VIEWED", "item": "tea-1", "count": 1}
    ]


def test_an_event_of_an_unknown_item_is_pending(client: TestClient) -> None:
    assert send(client, told("1", item="later"), told("1", item="later")) == [
        ("pending", None),
        ("duplicate", None),
    ]
