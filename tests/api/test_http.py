"""Health, keys, problem documents and the documentation."""

import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from neo4j.time import Date

from api.app import create_app
from kg.driver import Graph
from kg.queries import parse
from kg.settings import Settings
from tests.api import shop
from tests.api.test_recommendations import wait_for

WITHDRAW = parse(
    "withdraw",
    """
// name: withdraw
// No model is live any more.
// params:
// returns:
MATCH (a:Alias)
DETACH DELETE a
""",
)["withdraw"]


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    return body


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"limit": 0}, [("limit", 0, "Input should be greater than or equal to 1")]),
        (
            {"limit": "many"},
            [("limit", "many", "Input should be a valid integer, unable to parse string as an integer")],
        ),
        (
            {"filters": {"price": {"lte": -1}}},
            [("filters.price.lte", -1, "Input should be greater than or equal to 0")],
        ),
        ({"user": "ann"}, [("user", "ann", "no field of this name; see /docs")]),
        ({"kind": "similar"}, [("item_ids", [], "an item, here or in session_items, for kind 'similar'")]),
        ([], [("body", "[]", "Input should be a valid dictionary or object to extract fields from")]),
    ],
)
def test_bad_fields_are_named(client: TestClient, body: Any, errors: list[tuple[str, Any, str]]) -> None:
    found = problem(client.post("/v1/recommendations", json=body))

    assert (found["type"], found["status"]) == ("/problems/invalid-request", 422)
    assert [(e["field"], e["value"], e["expected"]) for e in found["errors"]] == errors


@pytest.mark.parametrize("content", [b"{", b'{"limit": NaN}', b'{"user_id": "\\ud800"}', b"\xff\xfe", b""])
def test_bodies_that_are_no_valid_json_are_problems(client: TestClient, content: bytes) -> None:
    response = client.post(
        "/v1/recommendations", content=content, headers={"content-type": "application/json"}
    )

    assert problem(response)["status"] in (400, 422)


def test_what_is_missing_is_said_to_be(client: TestClient) -> None:
    found = problem(client.get("/v1/search", params={"q": "tea"}))
    assert found["detail"] == "query is missing; q is 'tea': no field of this name; see /docs"
    assert found["errors"][0] == {"field": "query", "value": None, "expected": "Field required"}


def test_unknown_item_unknown_page_and_wrong_method(client: TestClient) -> None:
    item = problem(client.get("/v1/items/nothing/related"))
    assert (item["status"], item["type"]) == (404, "/problems/unknown-item")
    assert item["detail"] == "There is no item 'nothing' in the graph."
    assert item["instance"] == "/v1/items/nothing/related"
    assert problem(client.get("/v1/nothing"))["status"] == 404
    assert problem(client.put("/v1/recommendations"))["status"] == 405


def test_health_and_models(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["model_version"], ready["items"]) == ("ready", "model-1", 18)
    (model,) = client.get("/v1/models").json()["models"]
    assert (model["version"], model["live"], model["metrics"]) == ("model-1", True, {"recall@10": 0.5})


def test_the_api_starts_before_there_is_a_model_and_follows_when_it_comes(
    graph: Graph, settings: Settings, query_encoder: Any
) -> None:
    with TestClient(create_app(settings)) as client:
        for response in (client.get("/readyz"), client.post("/v1/recommendations", json={})):
            found = problem(response)
            assert (found["status"], found["type"]) == (503, "/problems/no-model")
            assert "shopgraph graph ingest" in found["detail"]

        shop.write(graph, query_encoder)

        wait_for(lambda: client.get("/readyz").status_code == 200, seconds=5)
        assert client.post("/v1/recommendations", json={"user_id": "ann"}).status_code == 200


def test_without_a_model_text_and_popularity_rank(filled: Graph, settings: Settings) -> None:
    filled.write(WITHDRAW)
    with TestClient(create_app(settings)) as client:
        assert problem(client.get("/readyz"))["type"] == "/problems/no-model"
        answer = client.post("/v1/recommendations", json={"query": "mint tea", "user_id": "ann"}).json()
        assert answer["model_version"] == "none"
        assert answer["items"][0]["item_id"].startswith("tea-")
        assert {r["type"] for r in answer["items"][0]["reasons"]} == {"words", "history"}
        related = client.get("/v1/items/coffee-0/related").json()["items"]
        assert {item["item_id"].split("-")[0] for item in related[:3]} == {"coffee"}


def test_a_graph_that_does_not_answer_is_a_problem_and_not_a_crash(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"neo4j_uri": "bolt://127.0.0.1:9"})
    with TestClient(create_app(nowhere)) as client:
        found = problem(client.post("/v1/recommendations", json={}))
        assert (found["status"], found["type"]) == (503, "/problems/graph-unreachable")
        assert "bolt://127.0.0.1:9" in found["detail"]
        assert client.get("/healthz").status_code == 200


def test_words_without_an_exported_encoder_say_what_to_run(
    filled: Graph, settings: Settings, tmp_path: Any
) -> None:
    assert filled.connection.uri == settings.neo4j_uri
    with TestClient(create_app(settings.model_copy(update={"home": tmp_path}))) as client:
        found = problem(client.post("/v1/recommendations", json={"query": "tea"}))
        assert (found["status"], found["type"]) == (503, "/problems/no-encoder")
        assert "shopgraph graph encode" in found["detail"]
        assert client.post("/v1/recommendations", json={"user_id": "ann"}).status_code == 200
        assert problem(client.get("/readyz"))["type"] == "/problems/no-encoder"


def test_a_key_is_asked_for_where_one_is_set(filled: Graph, settings: Settings) -> None:
    assert filled.connection.uri == settings.neo4j_uri
    locked = Settings.model_validate({**settings.model_dump(), "api_key": "secret"})
    with TestClient(create_app(locked)) as client:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            refused = client.post("/v1/recommendations", json={}, headers=headers)
            assert problem(refused)["status"] == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        allowed = client.post("/v1/recommendations", json={}, headers={"authorization": "Bearer secret"})
        assert allowed.status_code == 200
        assert client.get("/readyz").status_code == 200


def test_nothing_under_v1_answers_without_the_key() -> None:
    locked = create_app(Settings.model_validate({"api_key": "secret"}))
    client = TestClient(locked)
    asked = 0
    for path, methods in locked.openapi()["paths"].items():
        for method in methods:
            if path.startswith("/v1"):
                asked += 1
                answer = client.request(method, path.replace("{", "").replace("}", ""), json={"items": [{}]})
                # A body or a name that is wrong by itself may be told before the key is asked for.
                assert answer.status_code in (401, 422), (method, path)
                right = client.request(method, path, headers={"authorization": "Bearer secret"})
                assert right.status_code != 401, (method, path)
    assert asked > 20
    for path in ("/healthz", "/readyz"):
        assert client.get(path).status_code != 401


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users//recommendations",
        "/v1/items//related",
        "/v1/items/tea-0/related?" + "&".join(f"category={n}" for n in range(101)),
        "/v1/search?query=tea&" + "&".join(f"attribute=a{n}:1" for n in range(51)),
        f"/v1/search?query=tea&attribute={'a' * 600}:1",
        f"/v1/search?query=tea&attribute=a:{'1' * 600}",
        "/v1/search?query=tea&attribute=%20:1",
        "/v1/users/ann/recommendations?" + "&".join(f"brand={n}" for n in range(1_001)),
    ],
)
def test_bad_parameters_of_a_get_are_problems_of_the_request(client: TestClient, path: str) -> None:
    assert problem(client.get(path))["type"] == "/problems/invalid-request"


def test_a_body_without_its_content_type_is_told_which_one_to_send(client: TestClient) -> None:
    found = problem(client.post("/v1/recommendations", content=b'{"user_id": "ann"}'))
    assert found["status"] == 415
    assert "Content-Type: application/json" in found["detail"]


def test_one_thing_that_nobody_foresaw_does_not_end_the_watch(
    client: TestClient, filled: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("never seen before")

    with monkeypatch.context() as patched:
        patched.setattr("api.state.serving.with_columns", broken)
        patched.setattr("api.state.serving._REST", 0)
        filled.write(shop.WRITES["set"], item="tea-3", properties={"price": 0.5})
        wait_for(lambda: "never seen before" in str(client.get("/readyz").json()["problem"]), seconds=10)
        assert client.post("/v1/recommendations", json={"user_id": "ann"}).status_code == 200
    wait_for(lambda: client.get("/readyz").json()["problem"] is None, seconds=10)


def test_a_lasting_fault_is_told_once_while_the_rest_is_followed(
    client: TestClient, filled: Graph, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def broken(*_: object) -> None:
        tries.append(1)
        time.sleep(0.5)  # so long that it is not tried again with each look
        raise RuntimeError("words that never end")

    with monkeypatch.context() as patched:
        patched.setattr("api.state.suggesting.suggester_for", broken)
        wait_for(lambda: len(tries) > 2, seconds=20)
        assert "words that never end" in client.get("/readyz").json()["problem"]
        filled.write(shop.WRITES["set"], item="tea-3", properties={"price": 0.25})
        cheap = {"query": "tea", "filters": {"price": {"lte": 0.3}}}
        wait_for(lambda: client.post("/v1/recommendations", json=cheap).json()["items"], seconds=20)
    told = [r for r in caplog.records if r.exc_info and "words that never end" in str(r.exc_info[1])]
    assert len(told) == 1
    wait_for(lambda: client.get("/readyz").json()["problem"] is None, seconds=10)


def test_what_somebody_typed_into_neo4j_browser_stops_nothing(client: TestClient, filled: Graph) -> None:
    odd = {"price": "cheap", "listPrice": 1e300, "brand": 7, "title": 3, "attributes": 5, "inStock": "no"}
    filled.write(shop.WRITES["set"], item="tea-4", properties=odd | {"releasedAt": Date(2026, 1, 2)})
    filled.write(shop.WRITES["set"], item="tea-5", properties={"hidden": "yes"})
    filled.write(shop.WRITES["set"], item="tools-5", properties={"releasedAt": 1_767_312_000_000})
    filled.write(shop.WRITES["set"], item="tea-3", properties={"title": "Cheapest tea", "price": 0.25})

    def cheapest() -> Any:
        body = {"query": "tea", "filters": {"price": {"lte": 0.3}}}
        return client.post("/v1/recommendations", json=body).json()["items"]

    wait_for(lambda: [item["fields"]["title"] for item in cheapest()] == ["Cheapest tea"], seconds=20)
    assert client.get("/readyz").json()["problem"] is None
    every = {"query": "tea", "limit": 18, "fields": ["title", "price", "released_at", "attributes"]}
    answer = client.post("/v1/recommendations", json=every)
    assert answer.status_code == 200
    shown = {item["item_id"]: item["fields"] for item in answer.json()["items"]}
    tea = {"title": "3", "price": None, "released_at": "2026-01-02T00:00:00Z", "attributes": {}}
    assert shown["tea-4"] == tea
    assert shown["tools-5"]["released_at"] is None
    assert "tea-5" not in shown


def test_the_api_loads_no_torch() -> None:
    code = (
        "import sys, api.app, api.cli, api.table, api.recommender\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'torch_geometric'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
