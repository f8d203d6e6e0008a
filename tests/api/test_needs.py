"""Intents of the graph in answers: found by their vectors, counted in the score, and obeyed when edited."""

import json
import math
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.encoder import QueryEncoder
from kg.driver import Graph
from kg.queries import parse
from kg.words.intents import mine_with
from tests.api.test_cli import environment, shopgraph  # noqa: F401 - a fixture
from tests.api.test_events import send, told
from tests.api.test_recommendations import ask, ids, wait_for
from tests.api.test_search import explain, search

BY_HAND = parse(
    "by_hand",
    """
// name: rename
// Another name.
// params: text, name
// returns:
MATCH (t:Intent {text: $text})
SET t.text = $name

// name: reject
// Refuse an edge.
// params: text, item
// returns:
MATCH (:Intent {text: $text})-[r:SATISFIED_BY]->(:Item {itemId: $item})
SET r.rejected = true

// name: delete
// Delete a need.
// params: text
// returns:
MATCH (t:Intent {text: $text})
DETACH DELETE t
""",
)
QUERY = "something for a gentle evening"
BODY: dict[str, Any] = {"query": QUERY, "limit": 18}


@pytest.fixture
def mined(client: TestClient, filled: Graph, query_encoder: QueryEncoder) -> TestClient:
    """Shoppers searched, over HTTP, and bought spades after words that no spade is written in."""
    rows = []
    for n, (user, item) in enumerate([("u1", "tools-4"), ("u2", "tools-4"), ("u3", "tools-1")]):
        rows += [
            told(f"s{n}", "search", user=user, query=QUERY.title(), at=1_700_000_000),
            told(f"p{n}", user=user, item=item, at=1_700_000_100 + n),
        ]
    send(client, *rows)
    mine(filled, query_encoder)
    wait_for(lambda: ask(client, query=QUERY)["intent"]["needs"], seconds=2)
    return client


def mine(graph: Graph, encoder: QueryEncoder) -> Any:
    return mine_with(graph, lambda texts: np.stack([encoder.embed(t) for t in texts]), encoder.name)


def reason(answer: dict[str, Any], item_id: str) -> dict[str, Any] | None:
    (item,) = (i for i in answer["items"] if i["item_id"] == item_id)
    assert sum(r["contribution"] for r in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)
    return next((r for r in item["reasons"] if r["type"] == "intent"), None)


def test_what_others_chose_after_such_words_is_a_reason(mined: TestClient) -> None:
    answer = ask(mined, **BODY)

    (need,) = answer["intent"]["needs"]
    assert (need["text"], need["support"]) == (QUERY.title(), 3)
    assert need["closeness"] > 0.9
    assert "intent" in answer["intent"]["signals"]
    first, second = reason(answer, "tools-4"), reason(answer, "tools-1")
    assert first is not None
    assert second is not None
    assert first["text"] == f"Chosen by others who asked for “{QUERY.title()}”."
    assert first["name"] == QUERY.title()
    assert math.isclose(first["contribution"], 3 * need["closeness"], rel_tol=1e-2)
    assert math.isclose(second["contribution"], first["contribution"] / 2, rel_tol=1e-4)
    assert reason(answer, "tea-0") is None
    near = ask(mined, query="for a gentle evening", limit=18)["intent"]["needs"]
    assert [0.2 < n["closeness"] < 1 for n in near] == [True]
    assert ask(mined, query="roast coffee")["intent"]["needs"] == []


def test_its_way_through_the_graph_can_be_opened(mined: TestClient, filled: Graph) -> None:
    answer = ask(mined, **BODY, explain="paths")

    (item,) = (i for i in answer["items"] if i["item_id"] == "tools-4")
    way = next(p for p in item["paths"] if p["relationships"] == ["SATISFIED_BY"])
    assert way["nodes"] == [f"Intent:{QUERY.title()}", "Item:tools-4"]
    (found,) = filled.driver.execute_query(way["cypher"]).records
    assert found["p"].relationships[0]["support"] == 2


def test_it_counts_in_search_in_explanations_and_as_a_scenario_wants(mined: TestClient) -> None:
    assert any(r["type"] == "intent" for r in search(mined, query=QUERY, limit=18)["items"][0]["reasons"])
    why = explain(mined, query=QUERY, item_id="tools-4")
    assert any(r["type"] == "intent" for r in why["reasons"])
    for weight, present in ((0, False), (9, True)):
        mined.put("/v1/scenarios/home", json={"weights": {"intents": weight}})
        found = reason(ask(mined, **BODY, scenario="home"), "tools-4")
        assert (found is not None) == present


def test_an_audience_for_it(mined: TestClient, filled: Graph) -> None:
    """Those who like what satisfied it, but for who bought that."""
    (need,) = ask(mined, **BODY)["intent"]["needs"]
    body = {"intent_id": need["intent_id"], "limit": 3}
    answer = mined.post("/v1/audiences", json=body).json()
    assert set(answer["stands_for"]) == {"tools-4", "tools-1"}
    assert not {"u1", "u2", "u3"} & {m["user_id"] for m in answer["members"]}
    assert {m["reason"]["item_id"].split("-")[0] for m in answer["members"]} == {"tools"}

    filled.write(BY_HAND["delete"], text=QUERY.title())
    gone = mined.post("/v1/audiences", json=body)
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/unknown-intent")


def test_suggestions_list_it(mined: TestClient) -> None:
    def typed() -> list[dict[str, Any]]:
        found = mined.get("/v1/suggest", params={"q": "something for a g"}).json()["suggestions"]
        return [s for s in found if s["kind"] == "intent"]

    wait_for(typed, seconds=2)
    assert typed() == [{"text": QUERY.title(), "kind": "intent", "items": 2}]


def test_the_next_answer_obeys_who_edits_it(
    mined: TestClient, filled: Graph, query_encoder: QueryEncoder
) -> None:
    filled.write(BY_HAND["rename"], text=QUERY.title(), name="Wind down")
    answer = ask(mined, **BODY)
    assert [n["text"] for n in answer["intent"]["needs"]] == ["Wind down"]

    filled.write(BY_HAND["reject"], text="Wind down", item="tools-1")
    answer = ask(mined, **BODY)
    assert reason(answer, "tools-1") is None
    assert reason(answer, "tools-4") is not None

    mine(filled, query_encoder)
    assert [n["text"] for n in ask(mined, **BODY)["intent"]["needs"]] == ["Wind down"]
    assert reason(ask(mined, **BODY), "tools-1") is None

    filled.write(BY_HAND["delete"], text="Wind down")
    answer = ask(mined, **BODY)
    assert answer["intent"]["needs"] == []
    assert reason(answer, "tools-4") is None
    assert mine(filled, query_encoder).kept_away == 1
    assert ask(mined, **BODY)["intent"]["needs"] == []


def test_an_item_that_satisfies_it_but_may_not_be_returned_is_not(mined: TestClient) -> None:
    body = {"query": QUERY, "filters": {"in_stock": True}, "limit": 18}
    assert "tools-4" not in ids(ask(mined, **body))


def test_the_command_mines_phrases_where_nobody_searched(
    client: TestClient,
    environment: dict[str, str],  # noqa: F811 - the fixture
) -> None:
    done = shopgraph(environment, "graph", "intents", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["source"], found["written"]) == ("phrases", found["needs"])
    assert found["needs"] >= 3
    wait_for(lambda: ask(client, query="roast coffee beans")["intent"]["needs"], seconds=2)
    again = shopgraph(environment, "graph", "intents")
    assert f"{found['needs']} needs" in again.stdout
    assert "0 written, 0 deleted, 0 kept away" in " ".join(again.stdout.split())
