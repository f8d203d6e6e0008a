"""Whatever the filters, what comes back complies, and as much comes back as there is."""

import json
from datetime import datetime
from typing import Any

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.driver import Graph
from kg.queries import parse
from tests.api import shop
from tests.api.plain import PlainItem, complies, nested
from tests.api.test_recommendations import ask, ids

EVERYTHING = parse(
    "everything",
    """
// name: items
// Every item as the graph has it.
// params:
// returns: id, price, list_price, stock, released, brand, categories, attributes
MATCH (i:Item)
RETURN i.itemId AS id, i.price AS price, i.listPrice AS list_price, coalesce(i.inStock, true) AS stock,
       i.releasedAt AS released, i.brand AS brand, [(i)-[:IN_CATEGORY]->(c) | c.categoryId] AS categories,
       i.attributes AS attributes
ORDER BY id
""",
)
ITEM_IDS = [f"{good}-{n}" for good in shop.GOODS for n in range(6)]
times = st.integers(0, 6).map(lambda n: f"2023-11-14T22:13:{20 + n}Z")
plain_filters = st.fixed_dictionaries(
    {},
    optional={
        "category": st.lists(st.sampled_from(["Food", "Tea", "Food > Coffee", "garden"]), max_size=2),
        "brand": st.lists(st.sampled_from(["ACME", "Borealis", "nobody"]), max_size=2),
        "price": st.fixed_dictionaries({}, optional={"gte": st.integers(0, 15), "lte": st.integers(0, 15)}),
        "in_stock": st.booleans(),
        "on_sale": st.booleans(),
        "released_after": times,
        "released_before": times,
        "attributes": st.dictionaries(
            st.sampled_from(["pack", "Organic"]),
            st.lists(st.sampled_from(["1 pieces", "2 PIECES", True, "false"]), min_size=1, max_size=3),
            max_size=2,
        ),
        "exclude_item_ids": st.lists(st.sampled_from(ITEM_IDS), max_size=9),
    },
)
filters = nested(plain_filters, max_leaves=5)


def test_what_comes_back_complies_and_is_as_much_as_there_is(client: TestClient, filled: Graph) -> None:
    items = [
        PlainItem(
            row["id"],
            row["price"],
            row["stock"],
            row["released"].to_native().timestamp(),
            row["brand"],
            row["categories"],
            json.loads(row["attributes"]),
            row["list_price"],
        )
        for row in filled.read(EVERYTHING["items"])
    ]

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(wanted=filters, limit=st.integers(1, 20), diversity=st.sampled_from([0, 0.5]))
    def check(wanted: dict[str, Any], limit: int, diversity: float) -> None:
        expected = {item.item_id for item in items if complies(item, _timed(wanted))}

        answer = ask(client, query="tea", filters=wanted, limit=limit, diversity=diversity, explain="none")

        assert set(ids(answer)) <= expected
        assert len(set(ids(answer))) == len(ids(answer)) == min(limit, len(expected))

    check()


def _timed(filters: dict[str, Any]) -> dict[str, Any]:
    """The same with times in place of their texts."""
    found = {k: datetime.fromisoformat(v) if k.startswith("released") else v for k, v in filters.items()}
    if "not" in found:
        found["not"] = _timed(found["not"])
    if "any_of" in found:
        found["any_of"] = [_timed(inner) for inner in found["any_of"]]
    return found
