"""In which weeks of the year categories are wanted, by hand and in the graph."""

import numpy as np
import pytest

from kg.driver import Graph
from kg.queries import parse
from kg.seasons import DOUBT, WEEKS, YEAR, seasons, store_seasons, week_of_year
from tests.kg import shop

DAY = 86_400
TEST = parse(
    "test",
    """
// name: tree
// Tea lies in Drinks, Drinks in All; the drill in All itself.
// params:
// returns:
MERGE (all:Category {categoryId: 'All'})
MERGE (drinks:Category {categoryId: 'Drinks'})
MERGE (drinks)-[:CHILD_OF]->(all)
MERGE (empty:Category {categoryId: 'Empty'})
WITH all, drinks
MATCH (tea:Item {itemId: 'tea'}), (drill:Item {itemId: 'drill'})
MERGE (tea)-[:IN_CATEGORY]->(drinks)
MERGE (drill)-[:IN_CATEGORY]->(all)

// name: told
// The seasons.
// params:
// returns: id, season
MATCH (c:Category)
WHERE c.season IS NOT NULL
RETURN c.categoryId AS id, c.season AS season
ORDER BY id

// name: forget
// One event is left.
// params:
// returns:
MATCH (:User)-[e]->(:Item)
SET e.times = e.times[..1], e.lastAt = e.firstAt

// name: stamp
// First and last time of each edge, as ingest writes them.
// params:
// returns:
MATCH (:User)-[e]->(:Item)
SET e.firstAt = datetime({epochSeconds: e.times[0]}), e.lastAt = datetime({epochSeconds: e.times[-1]})
""",
)


def test_a_week_with_more_than_its_share_is_in_season() -> None:
    # Two years of one event a day with item 0; with item 1 ten a day in the tenth week of 1970 and of 1971.
    days = np.arange(2 * YEAR)
    warm = days[week_of_year(days) == 10]
    item = np.concatenate([np.zeros_like(days), np.ones_like(warm)])
    events = np.concatenate([np.ones_like(days), np.full_like(warm, 10)])
    found = seasons(item, np.concatenate([days, warm]), events, [np.array([1]), np.array([0, 1])], 2)
    assert found is not None
    assert found.shape == (2, WEEKS)
    np.testing.assert_allclose(found[1], 1.0)  # all there is
    share = 70 / (YEAR + 70)
    around = share * 2 * (3 * 7 + 70)
    assert found[0, 10] == pytest.approx((140 + DOUBT) / (around + DOUBT))
    assert found[0, 9] == found[0, 11] == found[0, 10]  # a week is told with its neighbours
    assert found[0, 30] == pytest.approx(DOUBT / (share * 2 * 21 + DOUBT))


def test_growth_is_no_season() -> None:
    """A category of which twice as much is sold each year, alike in all weeks of a year."""
    days = np.arange(3 * YEAR)
    events = np.concatenate([np.full(len(days), 100), 100 * 2 ** (days // YEAR)])
    item = np.repeat([0, 1], len(days))
    found = seasons(item, np.tile(days, 2), events, [np.array([1])], 2)
    assert found is not None
    np.testing.assert_allclose(found, 1.0, atol=0.02)  # the years of a calendar are a day longer


def test_less_than_a_year_tells_nothing() -> None:
    days = np.arange(YEAR - 1)
    assert seasons(np.zeros_like(days), days, np.ones_like(days), [np.array([0])], 1) is None
    none = np.zeros(0, dtype=np.int64)
    assert seasons(none, none, none, [], 0) is None


def test_seasons_are_on_the_categories_and_the_same_events_change_nothing(graph: Graph) -> None:
    tea = [
        day * DAY for day in range(0, 2 * YEAR) if week_of_year(np.array([day]))[0] == 3 for _ in range(20)
    ]
    drill = [day * DAY for day in range(2 * YEAR)]
    events = [
        {"user": "ann", "item": "tea", "kind": "BOUGHT", "times": tea, "baskets": []},
        {"user": "bob", "item": "drill", "kind": "VIEWED", "times": drill, "baskets": []},
    ]
    shop.write(graph, events=events)
    graph.write(TEST["tree"])
    graph.write(TEST["stamp"])
    assert store_seasons(graph) == (2, 2, 0)
    told = {row["id"]: row["season"] for row in graph.read(TEST["told"])}
    assert list(told) == ["All", "Drinks"]
    assert told["All"] == [1.0] * WEEKS
    assert max(told["Drinks"]) == told["Drinks"][3] > 2 > 1 > told["Drinks"][20]
    assert store_seasons(graph) == (2, 0, 0)
    graph.write(TEST["forget"])
    assert store_seasons(graph) == (0, 0, 2)
    assert graph.read(TEST["told"]) == []
