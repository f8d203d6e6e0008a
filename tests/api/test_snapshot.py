"""Versions, columns and classifiers of the snapshot."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from neo4j.time import DateTime

from api.encoder import QueryEncoder
from api.state.columns import seconds
from api.state.loading import load_snapshot
from api.state.snapshot import with_columns
from api.state.version import Version, version_from
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load
from tests.api.arrays import made_up

STATE = {
    "model_version": "m1",
    "slot": "green",
    "dim": 8,
    "temperature": 0.1,
    "serving": '{"event_weights": {"purchase": 1.0, "view": 0.25, "unheard-of": 3}}',
    "graph_version": "run-1",
}


def test_a_version_knows_its_properties_and_event_weights() -> None:
    version = version_from(STATE)

    assert version == Version("m1", "run-1", "green", 8, 0.1, (("purchase", 1.0), ("view", 0.25)))
    assert version.properties == {"context_property": "gnnContextGreen", "target_property": "gnnTargetGreen"}
    assert not version_from(STATE | {"model_version": None}).trained


@pytest.mark.parametrize(
    "change",
    [
        {"slot": "red"},
        {"slot": None},
        {"dim": None},
        {"temperature": "warm"},
        {"serving": "{"},
        {"serving": "[]"},
    ],
)
def test_a_broken_model_node_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="The node of model 'm1' is broken"):
        version_from(STATE | change)


def test_newer_columns_keep_the_vectors_and_other_items_do_not_fit() -> None:
    snapshot = made_up(2, 1)
    rows = [
        ["item-000", "New title", 5, True, False, None, None, None, 8],
        ["item-001", None, None, False, True, 7, "Acme", None, None],
    ]

    newer = with_columns(snapshot, rows)

    assert newer is not None
    assert newer.target is snapshot.target
    assert newer.columns.titles == ["New title", None]
    np.testing.assert_array_equal(newer.columns.price, [5, np.nan])
    np.testing.assert_allclose(newer.columns.discount, [0.375, 0])
    assert newer.columns.brand_number == {"acme": 0}
    assert with_columns(snapshot, [rows[0], ["other", *rows[1][1:]]]) is None


def test_an_item_that_is_gone_is_hidden_and_unknown() -> None:
    newer = with_columns(made_up(2, 1), [["item-001", "Title", 5, True, False, None, None, None, None]])

    assert newer is not None
    assert newer.number == {"item-001": 1}
    np.testing.assert_array_equal(newer.columns.hidden, [True, False])


def test_release_times_may_be_numbers_or_date_times() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    assert seconds(7) == 7
    assert seconds(moment) == seconds(DateTime.from_native(moment)) == moment.timestamp()
    assert np.isnan(seconds(None))


def test_classifiers_are_read_without_labels_that_are_gone(
    filled: Graph, query_encoder: QueryEncoder
) -> None:
    assert load_snapshot(filled).trained == {}
    vector = query_encoder.embed("green tea")
    stored = {"labels": ["gone", "acme"], "weights": [*(2 * vector).tolist(), *vector.tolist()]}
    store = load("classify").store
    stored |= {"bias": [0.1, 0.2], "metrics": "{}", "sizes": []}
    filled.write(store, kind="brand", model=query_encoder.name, **stored)
    filled.write(store, kind="category", model="of another encoder", **stored)
    trained = load_snapshot(filled).trained
    assert list(trained) == ["brand"]
    assert trained["brand"].labels == ["acme"]
    assert np.allclose(trained["brand"].weights, vector[None])
    assert np.allclose(trained["brand"].bias, [0.2])
