"""Events one by one end in the graph that files end in, whatever their order."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.checksum import measure
from kg.dataset import from_graph
from kg.driver import Graph
from kg.ingest import ingest
from kg.live.event_shape import judged
from kg.live.events import Event, attach_all, store
from kg.live.items import remove
from kg.queries import parse
from kg.schema import make_keys
from tests.conftest import empty
from tests.kg.made_up import read_csv, write_csv, write_shop

ITEMS = ["a", "b", "c"]
READ = parse(
    "events",
    """
// name: items
// Items without anything.
// params: ids
// returns:
UNWIND $ids AS id
MERGE (:Item {itemId: id})

// name: cost
// Prices of items.
// params: ids, price, currency
// returns:
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
SET i.price = $price, i.currency = $currency

// name: edges
// All that users did.
// params:
// returns: user, type, item, properties
MATCH (u:User)-[r]->(i:Item)
RETURN u.userId AS user, type(r) AS type, i.itemId AS item, properties(r) AS properties
ORDER BY user, type, item

// name: log
// The log.
// params:
// returns: id, pending, properties
MATCH (e:Event)
RETURN e.eventId AS id, e:Pending AS pending, properties(e) AS properties
ORDER BY id

// name: ordered
// A user who bought items in an order, without times.
// params: items
// returns:
CREATE (u:User {userId: 'ann'})
WITH u
UNWIND range(0, size($items) - 1) AS n
MATCH (i:Item {itemId: $items[n]})
CREATE (u)-[:BOUGHT {count: 1, weight: 1.0, position: n}]->(i)

// name: forget
// Remove users and events.
// params:
// returns:
MATCH (n)
WHERE n:User OR n:Event
DETACH DELETE n
""",
)
TOLD = st.builds(
    Event,
    event_id=st.integers(0, 10**9).map(str),
    type=st.sampled_from(["view", "cart", "purchase", "rating"]),
    user_id=st.sampled_from(["ann", "bob"]),
    item_id=st.sampled_from(ITEMS),
    at=st.integers(100, 104).map(lambda s: datetime.fromtimestamp(s, UTC)),
    basket=st.sampled_from([None, "x"]),
    weight=st.sampled_from([0.0, 1.0, 0.1, 2.5, 1 / 3]).map(lambda w: round(w, 6)),
)


@pytest.fixture
def shop(graph: Graph) -> Graph:
    make_keys(graph)
    graph.write(READ["items"], ids=ITEMS)
    return graph


def tell(graph: Graph, *events: Event) -> list[str]:
    return list(graph.transact("events", lambda tx: store(tx, events)))


def edges(graph: Graph) -> list[dict[str, Any]]:
    return graph.read(READ["edges"])


def event(
    event_id: str, type_: str = "purchase", item: str | None = "a", at: int = 100, **more: Any
) -> Event:
    return Event(event_id, type_, "ann", item, datetime.fromtimestamp(at, UTC), **more)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(TOLD, max_size=12, unique_by=lambda e: e.event_id), seed=st.integers())
def test_any_order_and_repetition_ends_in_the_same_edges(shop: Graph, events: list[Event], seed: int) -> None:
    shop.write(READ["forget"])
    tell(shop, *events)
    once = edges(shop)
    shop.write(READ["forget"])
    draw = random.Random(seed)
    again = draw.sample(events * 2, len(events) * 2)
    while again:
        part = [again.pop() for _ in range(min(len(again), draw.randint(1, 4)))]
        tell(shop, *part)

    assert edges(shop) == once
    assert len(shop.read(READ["log"])) == len(events)


def test_messages_and_files_end_in_the_same_graph(graph: Graph, tmp_path: Path) -> None:
    draw = random.Random(3)
    told = [
        Event(
            str(n), draw.choice(["view", "purchase"]), f"u{draw.randrange(4)}", draw.choice(ITEMS),
            datetime.fromtimestamp(100 + draw.randrange(50), UTC), f"o{n % 7}", float(1 + n % 3),
        )
        for n in range(200)
    ]  # fmt: skip
    told = list({(e.user_id, e.type, e.item_id, e.at, e.basket): e for e in told}.values())
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.toml").write_text(
        'name = "messages"\nitems = {files = "items.csv", id = "id"}\n'
        '[[interactions]]\nfiles = "events.csv"\nuser = "user"\nitem = "item"\ntype = "type"\n'
        'time = "time"\nbasket = "basket"\nweight = "weight"\n'
    )
    write_csv(folder / "items.csv", ["id"], [[i] for i in ITEMS])
    rows = [[e.user_id, e.item_id, e.type, int(e.at.timestamp()), e.basket, e.weight] for e in told]
    header = ["user", "item", "type", "time", "basket", "weight"]

    write_csv(folder / "events.csv", header, rows)
    ingest(graph, folder, tmp_path)
    by_file = measure(graph)
    assert tell(graph, *told) == ["accepted"] * len(told)
    assert measure(graph) == by_file

    empty(graph)
    write_csv(folder / "events.csv", header, rows[:90])
    ingest(graph, folder, tmp_path)
    tell(graph, *told[60:])
    assert measure(graph) == by_file


def test_a_purchase_in_a_file_and_by_its_order_number_is_one(graph: Graph, tmp_path: Path) -> None:
    make_keys(graph)
    shop = write_shop(tmp_path / "shop")
    ingest(graph, shop, tmp_path / "home")
    before = graph.read(READ["edges"])
    user, item, kind, at, amount, receipt, _ = next(
        row for row in read_csv(shop / "sales.csv") if row[2] == "purchase"
    )
    told = {
        "event_id": "1", "type": kind, "user_id": user, "session_id": "visit", "item_id": item,
        "at": int(at), "weight": int(amount), "basket": receipt,
    }  # fmt: skip
    event = judged(told, datetime.now(UTC))
    assert isinstance(event, Event)
    assert graph.transact("event", lambda tx: store(tx, [event])) == ["accepted"]
    assert graph.read(READ["edges"]) == before


def test_a_second_delivery_changes_nothing(shop: Graph) -> None:
    assert tell(shop, event("1"), event("1"), event("2", at=90)) == ["accepted", "duplicate", "accepted"]
    before = edges(shop)
    assert tell(shop, event("2", at=90, weight=7.0), event("1", "view", "b")) == ["duplicate", "duplicate"]
    assert edges(shop) == before
    (edge,) = before
    assert (edge["type"], edge["properties"]["count"], edge["properties"]["times"]) == (
        "BOUGHT",
        2,
        [90, 100],
    )
    assert [edge["properties"][end].to_native().timestamp() for end in ("firstAt", "lastAt")] == [90, 100]


def test_of_one_moment_the_largest_weight_counts(shop: Graph) -> None:
    tell(shop, event("1", weight=2.0))
    tell(shop, event("2", weight=1.0), event("3", weight=5.0), event("4", weight=3.0))
    (edge,) = edges(shop)
    assert (edge["properties"]["count"], edge["properties"]["weight"]) == (1, 5.0)


def test_searches_and_impressions_are_logged_and_make_no_edge(shop: Graph) -> None:
    search = event("1", "search", None, query="green tea", recommendation_id="r1")
    assert tell(shop, search, event("2", "impression", recommendation_id="r1")) == ["accepted"] * 2
    assert edges(shop) == []
    found = [row["properties"] for row in shop.read(READ["log"])]
    assert [(e["type"], e["recommendationId"], e.get("query")) for e in found] == [
        ("search", "r1", "green tea"),
        ("impression", "r1", None),
    ]


def test_an_event_of_an_unknown_item_waits_for_it(shop: Graph) -> None:
    assert tell(shop, event("1", item="new"), event("2", item="new", at=90)) == ["pending"] * 2
    assert (edges(shop), attach_all(shop)) == ([], 0)
    shop.write(READ["items"], ids=["new"])
    assert tell(shop, event("3", item="new", weight=4.0)) == ["accepted"]

    assert attach_all(shop) == 2

    (edge,) = edges(shop)
    assert edge["properties"]["times"] == [90, 100]
    assert edge["properties"]["weight"] == 5.0
    assert [row["pending"] for row in shop.read(READ["log"])] == [False] * 3
    assert tell(shop, event("1", item="new")) == ["duplicate"]


def test_what_was_told_of_an_item_comes_back_with_it(shop: Graph) -> None:
    told = [event("1"), event("2", at=90, weight=2.0), event("3", "view"), event("4", item="b")]
    tell(shop, *told, event("5", "impression"), event("6", "search", None, query="a"))
    before = edges(shop)
    shop.transact("removal", lambda tx: remove(tx, ["a"]))
    assert [e["item"] for e in edges(shop)] == ["b"]
    assert [row["id"] for row in shop.read(READ["log"]) if row["pending"]] == ["1", "2", "3"]
    assert tell(shop, event("1")) == ["duplicate"]
    shop.write(READ["items"], ids=["a"])

    assert attach_all(shop) == 3

    assert edges(shop) == before
    assert not any(row["pending"] for row in shop.read(READ["log"]))


def test_a_purchase_keeps_the_price_of_its_moment(shop: Graph) -> None:
    def prices() -> dict[str, tuple[float | None, str | None]]:
        rows = {row["id"]: row["properties"] for row in shop.read(READ["log"])}
        return {id_: (e.get("price"), e.get("currency")) for id_, e in rows.items()}

    def cost(price: float, currency: str | None, *ids: str) -> None:
        shop.write(READ["items"], ids=ids)
        shop.write(READ["cost"], ids=ids, price=price, currency=currency)

    cost(2.5, "EUR", "a")
    tell(shop, event("1"), event("2", price=2.0), event("3", "view"), event("4", item="b"))
    tell(shop, event("5", item="new"), event("6", item="new", price=7.0))
    found = {"1": (2.5, "EUR"), "2": (2.0, "EUR"), "3": (None, None), "4": (None, None)}
    assert prices() == found | {"5": (None, None), "6": (7.0, None)}
    cost(99.0, "USD", "a", "new")
    attach_all(shop)
    found |= {"5": (99.0, "USD"), "6": (7.0, "USD")}
    assert prices() == found
    shop.transact("removal", lambda tx: remove(tx, ["a"]))
    cost(1.0, "JPY", "a", "new")
    attach_all(shop)
    assert prices() == found


def test_ingest_attaches_what_waits_for_its_items(shop: Graph, tmp_path: Path) -> None:
    tell(shop, event("1", item="z"))
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.toml").write_text('name = "late"\nitems = {files = "items.csv", id = "id"}\n')
    write_csv(folder / "items.csv", ["id"], [["z"]])
    ingest(shop, folder, tmp_path)
    assert [(e["user"], e["item"]) for e in edges(shop)] == [("ann", "z")]


def test_in_training_an_event_comes_after_what_a_file_put_in_order(shop: Graph) -> None:
    shop.write(READ["ordered"], items=["b", "a"])
    tell(shop, event("1", item="c", at=1_700_000_000))
    data = from_graph(shop)
    assert data.items["item_id"][data.interactions["item"]].tolist() == ["b", "a", "c"]
    assert not data.has_time


@pytest.mark.parametrize("inner", ["", "\0"])
def test_what_is_nested_deeply_is_judged_as_anything_else(inner: str) -> None:
    told: Any = inner
    for _ in range(5_000):
        told = [told]
    now = datetime.now(UTC)
    said = judged({"event_id": "1", "type": "view", "user_id": "u", "item_id": "i", "x": told}, now)
    assert said == ("a NUL byte" if inner else "there is no field x")
