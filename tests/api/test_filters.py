"""Filters hold for every item, and agree with a plain reading of them."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.columns import categories_from
from api.filters import LiveItem, allowed, refusal
from api.schemas import Filters, PriceRange
from api.snapshot import Snapshot
from tests.api.arrays import made_up

filters = st.builds(
    Filters,
    category=st.lists(st.sampled_from(["A", "b", "A > B", "C", "unknown"]), max_size=2),
    brand=st.lists(st.sampled_from(["Brand 0", "BRAND 1", "nobody"]), max_size=2),
    price=st.none()
    | st.builds(PriceRange, gte=st.none() | st.integers(0, 20), lte=st.none() | st.integers(0, 20)),
    in_stock=st.none() | st.booleans(),
    released_after=st.none() | st.integers(0, 1_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
)


def live_item(snapshot: Snapshot, n: int) -> LiveItem:
    """Item `n` as the graph would give it."""
    columns = snapshot.columns
    brands = {number: name for name, number in columns.brand_number.items()}
    price, released = float(columns.price[n]), float(columns.released[n])
    return LiveItem(
        snapshot.ids[n],
        None if np.isnan(price) else price,
        bool(columns.in_stock[n]),
        bool(columns.hidden[n]),
        None if np.isnan(released) else released,
        brands.get(int(columns.brand[n])),
        [c for c, members in snapshot.categories.items.items() if n in members],
        [],
    )


@given(wanted=filters, seed=st.integers(0, 50))
def test_the_mask_is_what_each_item_by_itself_says(wanted: Filters, seed: int) -> None:
    snapshot = made_up(40, seed)
    categories = snapshot.categories.resolve(wanted.category)

    verdict = allowed(snapshot, wanted)

    assert verdict.mask.tolist() == [
        refusal(live_item(snapshot, n), wanted, categories) is None for n in range(40)
    ]
    assert int(verdict.mask.sum()) + sum(verdict.left_out.values()) == 40


def test_reasons_count_each_item_once_in_order() -> None:
    snapshot = made_up(20, 1)
    hidden = int(snapshot.columns.hidden.sum())
    open_ids = [i for i, h in zip(snapshot.ids, snapshot.columns.hidden, strict=True) if not h]

    verdict = allowed(snapshot, Filters(), looked_at=[open_ids[0]], seen=[*open_ids[:3], "unknown"])

    assert verdict.left_out == ({"hidden": hidden} if hidden else {}) | {"looked_at": 1, "seen": 2}


def test_unknown_names_are_said() -> None:
    notes = allowed(made_up(5, 1), Filters(category=["Nowhere"], brand=["Nobody"])).notes

    assert notes == ["No category 'Nowhere' is known.", "No item has the brand 'Nobody'."]


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
        ({"brand": None}, "brand"),
        ({"category_ids": ["y"]}, "category"),
        ({"released_at": None}, "released_after"),
        ({"released_at": 4}, "released_after"),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, Any], reason: str | None) -> None:
    wanted = Filters(
        category=["x"],
        brand=["ACME"],
        price=PriceRange(gte=10, lte=20),
        in_stock=True,
        released_after=datetime.fromtimestamp(5, UTC),
    )
    item = LiveItem("i", 10.0, True, False, 5, "Acme", ["x"], [])

    assert refusal(item._replace(**changes), wanted, frozenset({"x"})) == reason
