"""What is chosen lately and what is new."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.state.activity import newest, novelty, read_activity
from kg.driver import Graph
from kg.queries import parse
from kg.settings import Settings
from tests.api.test_recommendations import TEA, ask, ids, wait_for

NOW = datetime.fromtimestamp(int(time.time()), UTC)
WRITES = parse(
    "activity",
    """
// name: edges
// What users did, with all that ingest stores of it.
// params: rows
// returns:
CYPHER 25
UNWIND $rows AS row
MERGE (u:User {userId: row.user})
MERGE (i:Item {itemId: row.item})
MERGE (u)-[e:$(row.type)]->(i)
SET e += row.properties

// name: forget_releases
// No item has a release date.
// params:
// returns:
MATCH (i:Item)
REMOVE i.releasedAt
""",
)


def edge(user: str, item: str, type_: str, days: list[float], times: bool = True) -> dict[str, Any]:
    """Events of a user with an item, so many days before now; without `times` only the last is known."""
    moments = sorted(NOW - timedelta(days=d) for d in days)
    properties = {"count": len(days), "firstAt": moments[0], "lastAt": moments[-1]}
    if times:
        properties["times"] = [int(m.timestamp()) for m in moments]
    return {"user": user, "item": item, "type": type_, "properties": properties}


def test_trend_by_hand(graph: Graph) -> None:
    rows = [
        edge("u", "a", "BOUGHT", [1, 3]),  # 1 + 0.9 ** 2: the newest event of all is a day old
        edge("v", "a", "VIEWED", [2, 2], times=False),  # 0.4 * 2 * 0.9
        edge("u", "b", "BOUGHT", [90, 60]),  # 0.9 ** 59; ninety days are too long ago
        edge("u", "c", "BOUGHT", [-5]),  # lies ahead
        edge("u", "gone", "BOUGHT", [1]),
    ]
    graph.write(WRITES["edges"], rows=rows)

    found = read_activity(graph, {"a": 0, "b": 1, "c": 2}, 3, {"purchase": 1.0, "view": 0.4})

    np.testing.assert_allclose(found.trend, [1 + 0.81 + 0.72, 0.9**59, 0], rtol=1e-9)
    first = [(NOW - timedelta(days=d)).timestamp() for d in (3, 90)]
    np.testing.assert_array_equal(found.first_seen, [*first, np.nan])


def test_newest_and_novelty() -> None:
    day = 86_400.0
    arrived = np.array([0, 60 * day, np.nan, 30 * day, 60 * day])
    everything = np.ones(5, dtype=np.bool_)

    usual = (1 / 3 + 1 + 0.5 + 1) / 4
    assert novelty(arrived).tolist() == pytest.approx([1 / 3, 1, usual, 0.5, 1])
    assert novelty(arrived[2:3]).tolist() == [0]
    assert newest(arrived, everything, 1).tolist() == [False, True, False, False, True]
    assert newest(arrived, everything, 3).tolist() == [False, True, False, True, True]
    assert newest(arrived, np.array([True, False, True, False, False]), 1).tolist() == [True, *[False] * 4]
    assert newest(arrived, everything, 4).tolist() == [True, True, False, True, True]
    assert newest(arrived, everything, 5).tolist() == [True, True, False, True, True]
    assert not newest(arrived[2:3], everything[:1], 1).any()
    assert not newest(arrived, everything, 0).any()


def test_trending_follows_what_is_chosen_now(
    filled: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.state.serving._TREND_SECONDS", 0)
    filled.write(WRITES["edges"], rows=[edge(f"u{n}", "coffee-2", "BOUGHT", [0]) for n in range(3)])
    filled.write(WRITES["edges"], rows=[edge("u0", "tea-1", "BOUGHT", [0])])
    with TestClient(create_app(settings)) as client:
        answer = ask(client, kind="trending", limit=3)
        tea = ask(client, kind="trending", limit=1, filters={"category": ["Tea"]})

        # tools-0 has no recent event, but the most shoppers
        assert ids(answer) == ["coffee-2", "tea-1", "tools-0"]
        assert (answer["items"][0]["source"], answer["fallback_used"]) == ("trend", None)
        assert answer["items"][0]["reasons"][0]["text"] == "Chosen more than others of late."
        assert ids(tea) == ["tea-1"]

        filled.write(WRITES["edges"], rows=[edge(f"v{n}", "tea-5", "VIEWED", [0]) for n in range(20)])
        wait_for(lambda: ids(ask(client, kind="trending", limit=1)) == ["tea-5"], seconds=20)


def test_new_arrivals_are_personal_and_say_so_where_nothing_is_known(client: TestClient) -> None:
    answer = ask(client, user_id="ann", kind="new_arrivals", limit=3, exclude_seen=True)
    nobody = ask(client, kind="new_arrivals", limit=3)

    assert set(ids(answer)) == TEA - {"tea-0", "tea-1", "tea-2"}
    assert "novelty" in {r["type"] for r in answer["items"][0]["reasons"]}
    assert [i[-1] for i in ids(nobody)] == ["5", "5", "5"]
    assert nobody["intent"]["signals"] == ["novelty"]


def test_without_release_dates_an_item_is_as_new_as_its_first_event(
    filled: Graph, settings: Settings
) -> None:
    filled.write(WRITES["forget_releases"])
    with TestClient(create_app(settings)) as client:
        ann = ask(client, user_id="ann", kind="new_arrivals")
        nobody = ask(client, kind="new_arrivals")
    filled.write(
        WRITES["edges"], rows=[edge("u", "tools-5", "VIEWED", [50]), edge("u", "tea-1", "VIEWED", [1])]
    )
    with TestClient(create_app(settings)) as client:
        known = ask(client, kind="new_arrivals", limit=2)

    unknown = "The graph has no release dates and no times of events, so what is new is not known."
    assert ann["fallback_used"] == {"to": "for_you", "reason": unknown}
    nothing = "The request names no user, items or words to go by."
    assert nobody["fallback_used"] == {"to": "popular", "reason": f"{unknown} {nothing}"}
    assert ids(known) == ["tea-1", "tools-5"]
