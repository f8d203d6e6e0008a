"""Audiences: the scores of recommendations turned round, on the made-up shop."""

import json
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from api import audience
from api.audience import Goal, Past, goal_of_item, goal_of_text
from api.encoder import QueryEncoder
from api.history import seed
from api.ranking.score import Scorer
from api.ranking.signals import Signals
from api.ranking.weights import DEFAULT
from api.state.columns import Floats
from kg.driver import Graph
from kg.queries import load, parse
from tests.api import shop
from tests.api.arrays import made_up
from tests.api.test_http import problem
from tests.api.test_recommendations import ask, wait_for

BY_HAND = parse(
    "by_hand",
    """
// name: place
// An event that has a place among others and no time.
// params:
// returns:
MATCH (u:User {userId: 'zoe'})
MATCH (i:Item {itemId: 'tea-5'})
CREATE (u)-[:BOUGHT {position: 1}]->(i)
""",
)


def find(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/audiences", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_scores_are_those_of_ranking() -> None:
    snapshot = made_up(30, seed=3)
    random = np.random.default_rng(5)
    pasts = []
    for k in range(12):
        n = 1 + k % 5
        numbers = random.choice(30, n, replace=False).tolist()
        pasts.append(Past(f"u{k}", numbers, [1.0, 0.5, 0.2, 0.1, 0.05][:n], ["BOUGHT"] * n))
    goal = goal_of_item(snapshot, 7, 0.06)
    assert goal is not None

    members = list(audience.Scorer(snapshot, goal, DEFAULT).members(pasts))

    for past, member in zip(pasts, members, strict=True):
        scores = _scores(snapshot, past)
        assert member.score == pytest.approx(float(scores[7]), abs=1e-4)
        assert member.item_id in {snapshot.ids[n] for n in past.numbers}
        if len(past.numbers) == 1:
            assert member.contribution == pytest.approx(member.score)


def _scores(snapshot: Any, past: Past) -> Floats:
    seeds = [
        seed(snapshot, snapshot.ids[n], "history", w) for n, w in zip(past.numbers, past.weights, strict=True)
    ]
    signals = Signals([s for s in seeds if s is not None])
    return Scorer(snapshot, signals, DEFAULT.kinds["for_you"], DEFAULT).all.astype(np.float64)


def test_a_text_is_stood_for_by_its_nearest_items() -> None:
    snapshot = made_up(30, seed=3)

    goal = goal_of_text(snapshot, snapshot.text[4], 1e-4)

    assert goal is not None
    assert goal.item_ids[0] == "item-004"
    np.testing.assert_allclose(goal.target, snapshot.target[4], atol=1e-6)
    np.testing.assert_allclose(goal.linear, snapshot.linear[:, [4]].toarray()[:, 0], atol=1e-6)
    assert goal_of_text(snapshot, np.zeros(6, dtype=np.float32), 0.06) is None


def test_hidden_items_stand_for_nothing() -> None:
    snapshot = made_up(60, 3)
    goal = goal_of_text(snapshot, snapshot.text[5], 0.05)
    assert goal is not None
    hidden = np.array([i in goal.item_ids[:3] for i in snapshot.ids])
    without = goal_of_text(
        replace(snapshot, columns=snapshot.columns._replace(hidden=hidden)), snapshot.text[5], 0.05
    )
    assert without is not None
    assert not set(goal.item_ids[:3]) & set(without.item_ids)


def test_all_histories_are_in_the_order_of_one(filled: Graph) -> None:
    """An event that a file gave in an order without times is older than one with a time."""
    shop.events(filled, [("zoe", f"tea-{n}", "BOUGHT", 1_700_000_000 + n) for n in range(3)])
    filled.write(BY_HAND["place"])
    queries = load("api")
    (one,) = filled.read(queries.history, user_id="zoe", most=9)
    every = {row["user_id"]: row["events"] for row in filled.read(queries.histories, most=9)}
    assert every["zoe"] == one["events"]
    assert one["events"][-1] == ["tea-5", "BOUGHT"]


def test_an_item_without_a_learned_vector_is_stood_for_by_those_that_read_alike() -> None:
    snapshot = made_up(30, seed=3)
    snapshot.target[4] = 0

    goal = goal_of_item(snapshot, 4, 0.06)

    assert isinstance(goal, Goal)
    assert goal.item_ids == ("item-004",)
    assert np.linalg.norm(goal.target) == pytest.approx(1)


def test_who_suits_an_item_with_the_scores_of_recommendations(filled: Graph, client: TestClient) -> None:
    shop.publish(filled, "model-2", "green", seed=2, leads_to=[("tea-0", "tea-3", 0.5)], fade=0.3)
    wait_for(lambda: client.get("/readyz").json()["model_version"] == "model-2", seconds=60)

    answer = find(client, item_id="tea-3")

    assert answer["model_version"] == "model-2"
    assert (answer["stands_for"], answer["users_scored"]) == (["tea-3"], 21)
    best = answer["members"][0]
    assert best["user_id"] == "ann"
    (same,) = (i for i in ask(client, user_id="ann")["items"] if i["item_id"] == "tea-3")
    assert best["score"] == pytest.approx(same["score"], abs=1e-6)
    assert best["reason"]["item_id"] == same["reasons"][0]["item_id"]
    assert best["reason"]["contribution"] == pytest.approx(same["reasons"][0]["contribution"], abs=1e-6)
    scores = [member["score"] for member in answer["members"]]
    assert scores == sorted(scores, reverse=True)


def test_buyers_are_left_out_unless_asked_for(client: TestClient) -> None:
    assert find(client, item_id="tea-1")["users_scored"] == 20
    answer = find(client, item_id="tea-1", exclude_buyers=False, limit=1)
    assert (answer["users_scored"], answer["members"][0]["user_id"]) == (21, "ann")
    assert answer["members"][0]["reason"]["event"] == "BOUGHT"


def test_who_has_a_need(client: TestClient) -> None:
    answer = find(client, query="spade for digging", limit=5, exclude_buyers=False)

    assert len(answer["members"]) == 5
    assert "ann" not in {member["user_id"] for member in answer["members"]}
    assert answer["stands_for"][0].startswith("tools-")


def test_json_lines_for_large_answers_or_on_request(client: TestClient) -> None:
    document = find(client, item_id="coffee-1", limit=30)
    asked = client.post(
        "/v1/audiences", json={"item_id": "coffee-1", "limit": 30}, headers={"accept": "application/x-ndjson"}
    )
    large = client.post("/v1/audiences", json={"item_id": "coffee-1", "limit": 1_000_000})

    for response in (asked, large):
        assert response.headers["content-type"] == "application/x-ndjson"
        assert response.headers["x-model-version"] == "model-1"
        assert _lines(response) == document["members"]


def _lines(response: httpx.Response) -> list[Any]:
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_new_item_finds_those_who_like_what_reads_alike(
    filled: Graph, client: TestClient, query_encoder: QueryEncoder
) -> None:
    item = shop._item("tea", 0, query_encoder)
    item["properties"]["itemId"] = "tea-new"
    filled.write(shop.WRITES["items"], rows=[item])

    answer = find(client, item_id="tea-new", limit=1)

    assert (answer["stands_for"], answer["members"][0]["user_id"]) == (["tea-new"], "ann")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"item_id": "tea-0", "query": "tea"}, 422),
        ({"item_id": "tea-0", "limit": 1_000_001}, 422),
        ({"query": " "}, 422),
        ({"item_id": "tea-0", "intent_id": "need"}, 422),
        ({"item_id": "nothing"}, 404),
        ({"intent_id": "nothing"}, 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client: TestClient, body: dict[str, Any], status: int) -> None:
    refused = client.post("/v1/audiences", json=body)

    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")


def test_words_of_an_audience_are_obeyed(client: TestClient) -> None:
    assert any(item.startswith("coffee") for item in find(client, query="coffee", limit=1)["stands_for"])
    without = find(client, query="something hot, not coffee", limit=1)["stands_for"]
    assert without
    assert not any(item.startswith("coffee") for item in without)
    told = find(client, query="tea over 9 € under 2 €", limit=1)["notes"]
    assert told == ["No price is 9 or more and 2 or less: it filters nothing."]
    refused = client.post("/v1/audiences", json={"query": "under 5 €"})
    assert "these set conditions alone" in problem(refused)["detail"]
