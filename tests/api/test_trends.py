"""Which categories are hot, by hand and over HTTP."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.schemas.trends import TrendOptions
from api.state.activity import Activity
from api.state.columns import categories_from
from api.trends import Heat, hot_categories
from kg.driver import Graph
from kg.seasons import store_seasons
from kg.settings import Settings
from shopgraph.client import Client
from tests.api.arrays import titled
from tests.api.test_activity import WRITES, edge
from tests.api.test_recommendations import TEA, ask
from tests.api.test_scenarios import put


def test_heat_and_rise_by_hand() -> None:
    # Items 0 and 2 are drinks, 1 and 3 other food; item 3 is hidden.
    snapshot = titled([("a", None, 30), ("b", None, 10), ("c", None, 10), ("d", None, 99)], hidden=[3])
    second_week = 8 * 86_400
    activity = Activity(np.array([4.0, 6.0, 0.0, 50.0]), np.full(4, np.nan), second_week)
    categories = snapshot.categories._replace(seasons={"d": np.array([1.0, 1.7] + [0.9] * 50)})
    snapshot = replace(snapshot, activity=activity, categories=categories)
    usual = 10 / 50
    assert hot_categories(snapshot) == [
        Heat("d", 4.0, pytest.approx((4 + usual * 5) / (usual * (40 + 5))), 1.7, 2),
        Heat("f", 10.0, pytest.approx(1.0), None, 3),
    ]
    np.testing.assert_allclose(snapshot.season, [np.log(1.7), 0, np.log(1.7), 0])
    assert [c.category_id for c in hot_categories(snapshot, "FOOD")] == ["d"]
    assert hot_categories(snapshot, "Drinks") == []


@pytest.mark.parametrize(
    "season", [None, [], [1.0] * 51, [0.0] * 52, [float("inf")] * 52, ["warm"] * 52, "summer", 1.0]
)
def test_a_season_that_was_broken_by_hand_says_nothing(season: object) -> None:
    tree = [{"category_id": "f", "name": "Food", "parent_ids": [], "season": season}]
    assert categories_from(tree, [], {}).seasons == {}


@pytest.fixture
def client(filled: Graph, settings: Settings) -> Iterator[TestClient]:
    rows = [edge(f"u{n}", "tea-1", "BOUGHT", [n]) for n in range(20)]
    filled.write(WRITES["edges"], rows=[*rows, edge("u1", "coffee-1", "VIEWED", [1])])
    with TestClient(create_app(settings)) as running:
        yield running


def test_categories_come_the_hottest_first_and_unknown_ones_are_told(client: TestClient) -> None:
    answer = client.get("/v1/trends", params={"limit": 3})
    assert answer.status_code == 200, answer.text
    found = answer.json()["categories"]
    assert [c["name"] for c in found[:2]] == ["Food", "Tea"]
    assert [c["heat"] for c in found] == sorted((c["heat"] for c in found), reverse=True)
    assert {"category_id", "name", "heat", "rise", "season", "items"} == set(found[0])
    rising = client.get("/v1/trends", params={"by": "rise"}).json()["categories"]
    assert [c["rise"] for c in rising] == sorted((c["rise"] for c in rising), reverse=True)
    missing = client.get("/v1/trends", params={"category": "Spaceships"})
    assert missing.status_code == 404
    assert missing.json()["type"].endswith("unknown-category")
    assert "Spaceships" in missing.json()["detail"]
    assert client.get("/v1/trends", params={"limit": 0}).status_code == 422


def test_the_client_asks_for_trends(client: TestClient) -> None:
    assert Client(http=client).trends(TrendOptions(limit=1)).categories[0].heat > 0


def test_the_season_of_the_newest_event_counts(filled: Graph, settings: Settings) -> None:
    """Tea is wanted in the weeks around now, of this year and of the last; coffee all the year."""
    days = [day for year in (0, 1, 2) for day in range(max(365 * year - 9, 0), 365 * year + 10)]
    rows = [edge(f"t{n}", f"tea-{n % 3}", "BOUGHT", days) for n in range(30)]
    rows += [edge(f"c{n}", f"coffee-{n % 3}", "BOUGHT", list(range(0, 740, 5))) for n in range(30)]
    filled.write(WRITES["edges"], rows=rows)
    assert store_seasons(filled).categories > 0
    with TestClient(create_app(settings)) as client:
        found = client.get("/v1/trends", params={"by": "season"}).json()["categories"]
        assert found[0]["name"] == "Tea"
        by_name = {c["name"]: c["season"] for c in found}
        assert by_name["Tea"] > 1.5 > 1 > by_name["Coffee"]
        put(client, kind="trending", weights={"season": 100.0})
        (first, *_) = ask(client, scenario="home", limit=1)["items"]
        assert first["item_id"] in TEA
        (season,) = (r for r in first["reasons"] if r["type"] == "season")
        assert season["text"] == "For the time of the year."
        assert season["contribution"] == pytest.approx(100 * np.log(by_name["Tea"]), rel=1e-3)
