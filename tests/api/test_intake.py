"""Single items in a snapshot, on arrays alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from neo4j.time import Date

from api.state.activity import novelty
from api.state.columns import columns_from
from api.state.intake import with_items
from api.suggest import Suggester, suggester_for
from kg.errors import ModelError
from tests.api.arrays import made_up

TREE = [
    {"category_id": "A", "name": "A", "parent_ids": []},
    {"category_id": "A > B", "name": "B", "parent_ids": ["A"]},
    {"category_id": "D", "name": "D", "parent_ids": []},
]


def row(item_id: str, categories: list[str], brand: str | None = "Brand 1", **more: Any) -> dict[str, Any]:
    return {
        "item_id": item_id, "text_model": "made-up", "text": [1.0] * 6, "context": [2.0] * 8, "target": None,
        "shoppers": 7, "columns": [item_id, 5.0, True, False, None, brand, '{"color": "Teal"}', 10.0],
        "written": [f"quokka {item_id}", None], "category_ids": categories, **more,
    }  # fmt: skip


def test_items_come_at_the_end_or_in_their_place_and_the_old_snapshot_stays() -> None:
    snapshot = made_up(3, 1)
    text = snapshot.text.copy()

    newer = with_items(snapshot, [row("item-001", ["D"], "New"), row("new", ["A > B", "D"])], TREE)

    assert newer is not None
    assert newer.ids == ["item-000", "item-001", "item-002", "new"]
    assert (newer.number["new"], newer.columns.titles[1], newer.columns.titles[3]) == (3, "item-001", "new")
    np.testing.assert_array_equal(newer.text[[1, 3]], np.ones((2, 6)))
    np.testing.assert_array_equal(newer.text[[0, 2]], text[[0, 2]])
    np.testing.assert_array_equal(newer.target[[1, 3]], np.zeros((2, 8)))
    np.testing.assert_array_equal(newer.shoppers[[1, 3]], [7, 7])
    assert newer.columns.brand[1] == newer.columns.brand_number["new"]
    np.testing.assert_array_equal(newer.categories.items["D"], [1, 3])
    assert all(1 not in held for name, held in newer.categories.items.items() if name != "D")
    assert newer.linear.shape == (4, 4)
    np.testing.assert_array_equal(newer.columns.attributes["color"]["teal"], [1, 3])
    assert all(1 not in held for name, of in newer.columns.attributes.items() for value, held in of.items()
               if value != "teal")  # fmt: skip
    assert newer.columns.brand_names[newer.columns.brand[1]] == "New"
    np.testing.assert_array_equal(newer.lexicon.scores("quokka") > 0, [False, True, False, True])
    assert newer.lexicon.scores("title")[1] == 0 < newer.lexicon.scores("title")[0]
    assert snapshot.lexicon.known("quokka") == []
    assert np.isnan(newer.activity.first_seen[3])
    assert newer.activity.trend.shape == (4,)
    np.testing.assert_array_equal(newer.linear.toarray()[:3, :3], snapshot.linear.toarray())
    assert (len(snapshot.ids), "new" in snapshot.number, len(snapshot.text)) == (3, False, 3)
    np.testing.assert_array_equal(snapshot.text, text)


def test_a_text_of_another_encoder_is_none_and_a_vector_of_another_size_is_told() -> None:
    newer = with_items(made_up(3, 1), [row("new", [], text_model="other", text=[1.0, 2.0])], TREE)
    assert newer is not None
    assert not newer.text[3].any()
    with pytest.raises(ModelError, match="Item 'new': context has 2 numbers, expected 8"):
        with_items(made_up(3, 1), [row("new", [], context=[1.0, 2.0])], TREE)


def test_another_price_leaves_all_but_the_columns_as_they_are() -> None:
    first = with_items(made_up(3, 1), [row("item-001", ["A > B"])], TREE)
    assert first is not None
    suggester = Suggester(first)
    dearer = row("item-001", ["A > B"], columns=["item-001", 6.0, True, False, None, "Brand 1", None, 10.0])

    newer = with_items(first, [dearer], TREE)

    assert newer is not None
    assert (first.columns.price[1], newer.columns.price[1]) == (5.0, 6.0)
    for name in ("context", "target", "text", "target_codes", "text_codes", "shoppers", "categories"):
        assert getattr(newer, name) is getattr(first, name), name
    assert newer.lexicon._segments is first.lexicon._segments
    assert suggester_for(newer, suggester) is suggester
    moved = with_items(newer, [row("item-001", ["D"])], TREE)
    assert moved is not None
    assert moved.categories is not newer.categories
    assert suggester_for(moved, suggester) is not suggester


def test_what_is_announced_for_a_day_ahead_has_not_come_yet() -> None:
    ahead = (datetime.now(UTC) + timedelta(days=300)).timestamp()
    rows = [
        row(f"item-{n:03}", ["D"], columns=["t", 5.0, True, False, at, None, None, None])
        for n, at in enumerate([0.0, 30 * 86_400.0, ahead])
    ]
    newer = with_items(made_up(3, 1), rows, TREE)
    assert newer is not None
    np.testing.assert_array_equal(np.isnan(newer.arrived), [False, False, True])
    np.testing.assert_allclose(novelty(newer.arrived), [0.5, 1.0, 0.75])


def test_what_somebody_typed_into_a_property_is_read_as_a_text_or_as_missing() -> None:
    columns = columns_from(
        [
            [3, "cheap", "no", 1, "soon", 7, 12, [1.0]],
            ["Tea", 4, None, None, Date(2026, 1, 2), "Acme", '{"color": "red"}', None],
        ]
    )
    assert (columns.titles, columns.brand_names) == (["3", "Tea"], ["7", "Acme"])
    np.testing.assert_array_equal(columns.price, [np.nan, 4.0])
    np.testing.assert_array_equal(columns.list_price, [np.nan, np.nan])
    assert (columns.in_stock.tolist(), columns.hidden.tolist()) == ([True, True], [True, False])
    assert columns.released[1] == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert np.isnan(columns.released[0])
    assert list(columns.attributes) == ["color"]
