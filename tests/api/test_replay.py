"""Answers are kept and can be replayed, by any process, for a day; an erased user's are gone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.ledger import Ledger
from kg.driver import Graph
from kg.feedback.answers import expire
from kg.queries import parse
from kg.settings import Settings
from tests.api import shop
from tests.api.test_http import problem
from tests.api.test_recommendations import ask, ids, wait_for
from tests.api.test_scenarios import put

KEPT = parse(
    "kept",
    """
// name: answers
// The answers of the graph.
// params:
// returns: id, user, scenario, kind, items, body, replayable
MATCH (a:Answer)
RETURN a.recommendationId AS id, a.userId AS user, a.scenario AS scenario, a.kind AS kind, a.items AS items,
       a.body IS NOT NULL AS body, a:Replayable AS replayable
ORDER BY a.at

// name: age
// Let all answers be older.
// params: hours
// returns:
MATCH (a:Answer)
SET a.at = a.at - duration({hours: $hours})

// name: refuse
// Let no second answer of a kind be written.
// params:
// returns:
CREATE CONSTRAINT one_a_kind FOR (a:Answer) REQUIRE a.kind IS UNIQUE

// name: take
// Let all answers be written again.
// params:
// returns:
DROP CONSTRAINT one_a_kind
""",
)


@pytest.fixture
def other(client: TestClient, settings: Settings) -> Iterator[TestClient]:  # noqa: ARG001 - after the first
    with TestClient(create_app(settings)) as running:
        yield running


def replay(client: TestClient, answer: dict[str, Any]) -> Any:
    return client.get(f"/v1/recommendations/{answer['recommendation_id']}")


def kept(graph: Graph, number: int) -> list[dict[str, Any]]:
    wait_for(lambda: len(graph.read(KEPT["answers"])) == number, seconds=10)
    return graph.read(KEPT["answers"])


def test_every_kind_of_answer_is_replayed_by_any_process_as_it_was(
    filled: Graph, client: TestClient, other: TestClient
) -> None:
    put(client, "home", kind="trending")
    both = {"requests": [{"scenario": "home"}, {"kind": "similar"}, {"session_id": "s", "limit": 3}]}
    one, bad, three = client.post("/v1/recommendations:batch", json=both).json()["answers"]
    assert bad["status"] == 422
    answers = [
        one,
        three,
        ask(client, user_id="ann", explain="paths", query="tea"),
        client.get("/v1/users/ann/recommendations").json(),
        client.get("/v1/items/tea-0/related").json(),
        client.get("/v1/search", params={"query": "tea"}).json(),
    ]
    assert [replay(client, a).json() for a in answers] == answers  # at once

    found = kept(filled, 6)

    assert [(row["id"], row["items"]) for row in found] == [(a["recommendation_id"], ids(a)) for a in answers]
    assert [(row["user"], row["scenario"], row["kind"]) for row in found] == [
        (None, "home", "trending"),
        ("session:s", None, "for_you"),
        ("ann", None, "for_you"),
        ("ann", None, "for_you"),
        (None, None, "similar"),
        (None, None, "search"),
    ]
    shop.publish(filled, "model-2", "green", seed=2)
    wait_for(lambda: ask(other)["model_version"] == "model-2", seconds=4)
    assert [replay(other, a).json() for a in answers] == answers
    assert {a["model_version"] for a in answers} == {"model-1"}


def test_an_answer_of_more_than_a_day_ago_is_said_to_be_too_old(filled: Graph, client: TestClient) -> None:
    answer = ask(client, user_id="ann", limit=2)
    kept(filled, 1)

    filled.write(KEPT["age"], hours=23.9)
    assert replay(client, answer).json() == answer
    filled.write(KEPT["age"], hours=0.2)
    found = problem(replay(client, answer))

    assert (found["status"], found["type"]) == (404, "/problems/expired-recommendation")
    assert "more than 24 hours ago" in found["detail"]
    now = datetime.now(UTC)
    expire(filled, now)
    (row,) = filled.read(KEPT["answers"])
    assert (row["items"], row["body"], row["replayable"]) == (ids(answer), False, False)
    assert problem(replay(client, answer))["type"] == "/problems/expired-recommendation"
    expire(filled, now + timedelta(days=88))
    assert len(filled.read(KEPT["answers"])) == 1
    expire(filled, now + timedelta(days=90))
    assert filled.read(KEPT["answers"]) == []
    assert problem(replay(client, answer))["type"] == "/problems/unknown-recommendation"


def test_an_unknown_answer_is_404(client: TestClient) -> None:
    found = problem(client.get("/v1/recommendations/nothing"))
    assert (found["status"], found["type"]) == (404, "/problems/unknown-recommendation")
    assert "There is no answer 'nothing'" in found["detail"]


def test_erasure_takes_answers_also_those_on_their_way(
    filled: Graph, client: TestClient, other: TestClient
) -> None:
    before, stays = ask(client, user_id="ann"), ask(client, user_id="user-1")
    kept(filled, 2)
    waits, on_its_way = ask(client, user_id="ann"), ask(other, user_id="ann")

    told = client.delete("/v1/users/ann").json()

    assert told["deleted"]["Answer"] >= 1
    assert told["left"]["Answer"] == 0
    late = ask(other, user_id="user-2")
    wait_for(lambda: late["recommendation_id"] in {r["id"] for r in filled.read(KEPT["answers"])}, seconds=2)
    assert {row["user"] for row in filled.read(KEPT["answers"])} == {"user-1", "user-2"}
    for gone in (before, waits, on_its_way):
        assert problem(replay(client, gone))["status"] == 404
    assert replay(other, stays).json() == stays


def test_what_finds_no_room_is_dropped_and_counted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger: Ledger = cast(FastAPI, client.app).state.ledger
    monkeypatch.setattr(ledger, "_room", 3_000)
    small, large = ask(client, limit=1, explain="none"), ask(client, limit=18)
    assert replay(client, small).json() == small
    assert replay(client, large).status_code == 404
    assert client.get("/readyz").json()["answers_dropped"] == 1


def test_a_batch_that_the_graph_refuses_three_times_is_dropped_and_counted(
    filled: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ledger._PAUSE", 3_600)  # nothing is written but by the flushes of this test
    with TestClient(create_app(settings)) as running:

        def flushed() -> int:
            assert running.portal is not None
            running.portal.call(cast(FastAPI, running.app).state.ledger.flush)
            return int(running.get("/readyz").json()["answers_dropped"])

        first = ask(running)
        assert flushed() == 0
        filled.write(KEPT["refuse"])
        lost = [ask(running, user_id="ann"), ask(running, user_id="user-1")]
        for _ in range(2):
            assert flushed() == 0
            assert [replay(running, answer).json() for answer in lost] == lost
        assert flushed() == 2
        assert [replay(running, answer).status_code for answer in lost] == [404, 404]
        later = ask(running, user_id="ann")
        assert flushed() == 2  # its first try failed
        filled.write(KEPT["take"])
        assert flushed() == 2
    written = [row["id"] for row in filled.read(KEPT["answers"])]
    assert written == [answer["recommendation_id"] for answer in (first, later)]


def test_what_was_answered_last_is_written_when_the_process_ends(filled: Graph, settings: Settings) -> None:
    with TestClient(create_app(settings)) as running:
        answer = ask(running, user_id="ann")
    assert [row["id"] for row in filled.read(KEPT["answers"])] == [answer["recommendation_id"]]
