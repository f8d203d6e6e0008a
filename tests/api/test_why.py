"""What is said of an item is what the recommendations do, whatever their order is made of."""

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.problems import ApiError
from api.reads import Reads
from api.schemas.why import ExplainRequest
from api.state.served import load_serving
from api.why import explained
from kg.driver import Graph
from kg.queries import load, parse
from kg.settings import Settings
from tests.api import shop
from tests.api.test_recommendations import COFFEE, TEA, TOOLS, ask, ids, wait_for
from tests.api.test_scenarios import put, rule
from tests.api.test_search import explain

ITEMS = sorted(TEA | COFFEE | TOOLS)
COME = parse(
    "come",
    """
// name: item
// An item that no snapshot has yet.
// params:
// returns:
CREATE (:Item {itemId: 'tea-9', title: 'Oolong tea'})
""",
)


def places(client: TestClient, **body: Any) -> dict[str, Any]:
    """The places of the items that are returned, as the explanations of all items have it."""
    found = {item: explain(client, **body, item_id=item) for item in ITEMS}
    return {item: why["rank"] for item, why in found.items() if why["returned"]}


@pytest.mark.parametrize(
    "body",
    [
        {"query": "tea", "diversity": 0.7, "limit": 5},
        {"user_id": "ann", "diversity": 0.3, "limit": 4},
        {"query": "tea", "scenario": "home", "limit": 5},
        {"kind": "new_arrivals", "query": "tea", "limit": 4},
        {"kind": "new_arrivals", "user_id": "ann", "limit": 10},
    ],
)
def test_the_items_returned_and_their_ranks_are_those_of_the_recommendations(
    client: TestClient, filled: Graph, body: dict[str, Any]
) -> None:
    put(client, rules=[rule("second", "pin", {"item_ids": ["tools-2"]}, position=2)], diversity=0.6)
    first_come(client, filled, 7)

    assert places(client, **body) == {i["item_id"]: i["rank"] for i in ask(client, **body)["items"]}


def first_come(client: TestClient, graph: Graph, newest: int) -> None:
    """Have new arrivals rank so many of the newest before all others."""
    weights = json.dumps({"newest": newest})
    told = {"weights": weights, "metrics": "{}", "model": "model-1", "beside_words": 1.0}
    graph.write(load("ranking").adopt, kind="new_arrivals", **told)
    wait_for(lambda: ask(client, kind="new_arrivals", limit=1)["ranking"] is not None, seconds=3)


def test_where_alike_items_are_kept_apart_no_score_would_do(client: TestClient) -> None:
    body = {"query": "tea", "diversity": 0.7, "limit": 3}
    scores = {i["item_id"]: i["score"] for i in ask(client, **body | {"diversity": 0, "limit": 18})["items"]}
    kept_apart = next(i for i in list(scores)[:3] if i not in ids(ask(client, **body)))

    why = explain(client, **body, item_id=kept_apart)

    assert (why["returned"], why["removed_by"], why["needed"]) == (False, None, None)
    assert why["rank"] > 3
    assert why["score"] == pytest.approx(scores[kept_apart])
    assert why["summary"].endswith("; alike items are kept apart.")
    ranks = [explain(client, **body, item_id=item)["rank"] for item in ITEMS]
    assert sorted(ranks) == list(range(1, 19))


def test_an_item_that_newer_ones_come_before_needs_no_score(client: TestClient, filled: Graph) -> None:
    """Of each kind of goods n came n seconds after the first: of the newest six none is number 3."""
    first_come(client, filled, 6)
    body = {"kind": "new_arrivals", "query": "jasmine tea", "limit": 4}

    why = explain(client, **body, item_id="tea-3")

    assert (why["returned"], why["needed"]) == (False, None)
    by_score = ids(ask(client, **body | {"limit": 18}))
    assert why["rank"] == 7 + [i for i in by_score if i[-1] not in "45"].index("tea-3")
    assert why["summary"].endswith("; newer items come first.")
    *_, behind = ids(ask(client, **body | {"limit": 6}))
    assert explain(client, **body, item_id=behind)["needed"] == ask(client, **body)["items"][-1]["score"]


def test_ranks_count_what_the_graph_refuses_at_this_moment(client: TestClient, filled: Graph) -> None:
    """The answer moves up before any snapshot has followed."""
    body = {"query": "tea", "limit": 3, "filters": {"in_stock": True}}
    first, *_, last = ids(ask(client, **body | {"limit": 4}))
    assert not explain(client, **body, item_id=last)["returned"]

    filled.write(shop.WRITES["set"], item=first, properties={"inStock": False})

    why = explain(client, **body, item_id=last)
    assert (why["returned"], why["rank"]) == (True, 3)
    assert explain(client, **body, item_id=first)["removed_by"] == "in_stock"


def test_a_pin_needs_no_edge(client: TestClient) -> None:
    put(client, rules=[rule("late", "pin", {"item_ids": ["tools-0"]}, position=5)])
    body = {"kind": "complements", "item_ids": ["coffee-0"], "scenario": "home"}
    assert ids(ask(client, **body)) == ["tools-3", "tools-0"]

    why = explain(client, **body, limit=1, item_id="tools-0")

    assert (why["rank"], why["returned"], why["pinned_by"]) == (2, False, "late")
    assert explain(client, **body, item_id="tea-0")["removed_by"] == "no_edge"


def test_it_tells_what_the_recommendations_tell(client: TestClient) -> None:
    body = {"user_id": "nobody", "query": "tea under $1", "session_items": ["zzz"], "limit": 18}
    answer = ask(client, **body)

    why = explain(client, **body, item_id="tools-0")

    assert len(answer["notes"]) == 2
    for field in ("notes", "fallback_used", "sources_left_out"):
        assert why[field] == answer[field]


def test_an_item_that_came_after_the_snapshot_is_said_to_have_come(filled: Graph, settings: Settings) -> None:
    serving = load_serving(filled, settings)
    filled.write(COME["item"])

    async def why(item_id: str) -> ApiError:
        reads = Reads(filled)
        with pytest.raises(ApiError) as caught:
            await explained(ExplainRequest(item_id=item_id), serving, reads)
        await reads.close()
        return caught.value

    came = asyncio.run(why("tea-9"))
    assert (came.status, came.kind) == (404, "not-ranked-yet")
    assert came.detail == "Item 'tea-9' came just now and is not ranked yet: ask again in some seconds."
    assert asyncio.run(why("zzz")).kind == "unknown-item"
