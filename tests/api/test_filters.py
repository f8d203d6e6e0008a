"""Filters hold for every item, and agree with a plain reading of them."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.filters import LiveItem, allowed, refusals
from api.schemas.conditions import Filters
from api.state.columns import categories_from, columns_from
from api.state.snapshot import Snapshot
from tests.api.arrays import made_up
from tests.api.plain import PlainItem, complies, nested

times = st.integers(0, 1_000).map(lambda s: datetime.fromtimestamp(s, UTC))
plain_filters = st.fixed_dictionaries(
    {},
    optional={
        "category": st.lists(st.sampled_from(["A", "b", "A > B", "C", "unknown"]), max_size=2),
        "brand": st.lists(st.sampled_from(["Brand 0", "BRAND 1", "nobody"]), max_size=2),
        "price": st.fixed_dictionaries(
            {}, optional={"gte": st.none() | st.integers(0, 20), "lte": st.none() | st.integers(0, 20)}
        ),
        "in_stock": st.booleans(),
        "on_sale": st.booleans(),
        "released_after": times,
        "released_before": times,
        "attributes": st.dictionaries(
            st.sampled_from(["color", "SIZE", "tags", "unknown"]),
            st.lists(
                st.sampled_from(["red 1", "RED 2", 1, "2", "new", "sale", True]), min_size=1, max_size=3
            ),
            max_size=2,
        ),
        "exclude_item_ids": st.lists(st.integers(0, 40).map(lambda n: f"item-{n:03d}"), max_size=9),
    },
)
filters = nested(plain_filters, max_leaves=6)


def row(snapshot: Snapshot, n: int) -> list[Any]:
    """The columns of item `n` as the graph gives them."""
    columns = snapshot.columns
    brands = {number: name for name, number in columns.brand_number.items()}
    price, list_price, released = (
        None if np.isnan(values[n]) else float(values[n])
        for values in (columns.price, columns.list_price, columns.released)
    )
    attributes: dict[str, Any] = {}
    for name, values in columns.attributes.items():
        attributes[name] = [value for value, numbers in values.items() if n in numbers]
    return [
        columns.titles[n],
        price,
        bool(columns.in_stock[n]),
        bool(columns.hidden[n]),
        released,
        brands.get(int(columns.brand[n])),
        json.dumps(attributes),
        list_price,
    ]


def live_item(snapshot: Snapshot, n: int) -> LiveItem:
    """Item `n` as the graph would give it."""
    categories = [c for c, members in snapshot.categories.items.items() if n in members]
    return LiveItem(snapshot.ids[n], row(snapshot, n), categories, [])


def plain_item(item: LiveItem) -> PlainItem:
    _, price, in_stock, _, released, brand, attributes, list_price = item.columns
    return PlainItem(
        item.item_id, price, in_stock, released, brand, item.category_ids, json.loads(attributes), list_price
    )


@settings(max_examples=500)
@given(wanted=filters, seed=st.integers(0, 50))
def test_snapshot_live_check_and_a_plain_reading_agree(wanted: dict[str, Any], seed: int) -> None:
    snapshot = made_up(40, seed)
    items = [live_item(snapshot, n) for n in range(40)]
    parsed = Filters.model_validate(wanted)

    verdict = allowed(snapshot, parsed)

    expected = [complies(plain_item(item), wanted) and not item.columns[3] for item in items]
    assert verdict.mask.tolist() == expected
    assert [r is None for r in refusals(items, parsed, snapshot.categories)] == expected
    assert int(verdict.mask.sum()) + sum(verdict.left_out.values()) == 40


def test_reasons_count_each_item_once_in_order() -> None:
    snapshot = made_up(20, 1)
    hidden = int(snapshot.columns.hidden.sum())
    open_ids = [i for i, h in zip(snapshot.ids, snapshot.columns.hidden, strict=True) if not h]

    excluded = {"looked_at": [open_ids[0]], "seen": [*open_ids[:3], "unknown"]}
    verdict = allowed(snapshot, Filters(), excluded)

    assert verdict.left_out == ({"hidden": hidden} if hidden else {}) | {"looked_at": 1, "seen": 2}


def test_unknown_names_are_said() -> None:
    filters = {"category": ["Nowhere"], "not": {"brand": ["Nobody"]}, "attributes": {"taste": ["sour"]}}

    notes = allowed(made_up(5, 1), Filters.model_validate(filters)).notes

    assert notes == [
        "No category 'Nowhere' is known.",
        "No item has the attribute 'taste'.",
        "No item has the brand 'Nobody'.",
    ]


def test_a_filter_may_hold_a_hundred_others_and_no_more() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"not": nested(depth - 1)} if depth else {}

    Filters.model_validate(nested(100))
    for too_much in (nested(101), {"any_of": [{"any_of": [{}] * 9}] * 11}):
        with pytest.raises(ValidationError, match="at most 100 filters within a filter"):
            Filters.model_validate(too_much)


def test_attributes_that_are_no_json_object_hold_nothing() -> None:
    rows = [
        [None, None, True, False, None, None, text, None]
        for text in ("{", "[1]", '{"Size": 2.0, "new": true}')
    ]

    found = columns_from(rows).attributes

    assert {name: {v: n.tolist() for v, n in values.items()} for name, values in found.items()} == {
        "size": {"2": [2]},
        "new": {"true": [2]},
    }


def test_a_category_tree_with_a_circle_ends() -> None:
    tree = [
        {"category_id": "a", "name": "a", "parent_ids": ["b"]},
        {"category_id": "b", "name": "b", "parent_ids": ["a"]},
    ]

    assert categories_from(tree, [], {}).resolve(["A"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"hidden": True}, "hidden"),
        ({"price": None}, "price"),
        ({"price": 9.99}, "price"),
        ({"in_stock": False}, "in_stock"),
        ({"list_price": None}, "on_sale"),
        ({"list_price": 10.0}, "on_sale"),
        ({"brand": None}, "brand"),
        ({"category_ids": ["A"]}, "category"),
        ({"released": None}, "released_after"),
        ({"released": 4}, "released_after"),
        ({"released": 9}, "released_before"),
        ({"attributes": '{"color": "blue"}'}, "attributes.Color"),
        ({"item_id": "out"}, "exclude_item_ids"),
        ({"title": "x", "price": 13.0, "list_price": 20.0}, "not"),
        ({"price": 18.0, "list_price": 20.0}, "any_of"),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, Any], reason: str | None) -> None:
    wanted = Filters.model_validate(
        {
            "category": ["C"],
            "brand": ["ACME"],
            "price": {"gte": 10, "lte": 20},
            "in_stock": True,
            "on_sale": True,
            "released_after": datetime.fromtimestamp(5, UTC),
            "released_before": datetime.fromtimestamp(9, UTC),
            "attributes": {"Color": ["RED", "green"]},
            "exclude_item_ids": ["out"],
            "not": {"price": {"gte": 12, "lte": 14}},
            "any_of": [{"price": {"lte": 15}}, {"price": {"gte": 19}}],
        }
    )
    facts: dict[str, Any] = {
        "item_id": "i",
        "title": None,
        "price": 10.0,
        "in_stock": True,
        "hidden": False,
        "released": 5,
        "brand": "Acme",
        "attributes": '{"color": "Red"}',
        "list_price": 12.0,
        "category_ids": ["C"],
    } | changes
    item_id, category_ids = facts.pop("item_id"), facts.pop("category_ids")

    item = LiveItem(item_id, list(facts.values()), category_ids, [])

    assert refusals([item], wanted, made_up(5, 1).categories) == [reason]
