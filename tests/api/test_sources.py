"""Sources that fail or are late are left out and named; what cannot be answered without them is a problem."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.problems import ApiError
from api.reads import Answer, Reads
from api.sources import Sources, Timeouts
from kg.driver import Graph
from kg.errors import GraphError
from kg.queries import Query
from kg.settings import Settings
from tests.api.test_http import problem
from tests.api.test_recommendations import COFFEE, TEA, ask, ids

NO_TIME = 1e-9


@pytest.fixture
def api(filled: Graph, settings: Settings) -> Callable[..., Any]:
    """The API with some settings of its own."""
    assert filled.connection.uri == settings.neo4j_uri

    @contextmanager
    def running(**own: Any) -> Iterator[TestClient]:
        with TestClient(create_app(settings.model_copy(update=own))) as client:
            yield client

    return running


def left_out(answer: dict[str, Any]) -> dict[str, str]:
    return {s["source"]: s["reason"] for s in answer["sources_left_out"]}


def test_all_sources_answer_in_time(client: TestClient) -> None:
    answer = ask(client, user_id="ann", item_ids=["tea-0"], query="coffee", kind="bought_together")
    assert left_out(answer) == {}


def test_a_late_history_is_left_out_and_told(api: Callable[..., Any]) -> None:
    with api(history_timeout=NO_TIME) as client:
        answer = ask(client, user_id="ann", query="coffee", limit=6)
        assert left_out(answer) == {"history": "no answer in 1e-09 s (SHOPGRAPH_HISTORY_TIMEOUT)"}
        assert set(ids(answer)) == COFFEE
        assert {r["type"] for i in answer["items"] for r in i["reasons"]} == {"words"}
        assert answer["fallback_used"]["reason"].startswith("The past of user 'ann' is not known: no answer")
        assert "What the user bought may be among the items" in answer["notes"][0]
        alone = ask(client, user_id="ann")
        assert (alone["fallback_used"]["to"], list(left_out(alone))) == ("popular", ["history"])
        # who says that nothing seen may come is not answered with a guess
        found = problem(
            client.post("/v1/recommendations", json={"user_id": "ann", "exclude_seen": True, "query": "tea"})
        )
        assert (found["status"], found["type"]) == (503, "/problems/source-late")
        assert "SHOPGRAPH_HISTORY_TIMEOUT" in found["detail"]


def test_what_is_late_is_not_broken_off() -> None:
    finished: list[str] = []

    async def slow() -> str:
        await asyncio.sleep(0.05)
        finished.append("history")
        raise GraphError("which nobody waits for")

    async def asking() -> None:
        sources = Sources(Timeouts(history=0.01), frozenset())
        assert await sources.ask("history", slow(), "nothing") == "nothing"
        assert list(sources.left_out) == ["history"]
        assert finished == []
        await asyncio.sleep(0.1)

    asyncio.run(asking())
    assert finished == ["history"]


def test_late_edges_are_left_out_unless_nothing_else_will_do(api: Callable[..., Any]) -> None:
    with api(edges_timeout=NO_TIME) as client:
        answer = ask(client, kind="bought_together", item_ids=["tea-0"], limit=3)
        assert list(left_out(answer)) == ["edges"]
        assert len(ids(answer)) == 3
        found = problem(
            client.post("/v1/recommendations", json={"kind": "complements", "item_ids": ["coffee-0"]})
        )
        assert (found["status"], found["type"]) == (503, "/problems/source-late")


def test_late_words_are_left_out_unless_they_are_all_there_is(api: Callable[..., Any]) -> None:
    with api(words_timeout=NO_TIME) as client:
        answer = ask(client, user_id="ann", query="coffee", limit=3)
        assert set(ids(answer)) == TEA - {"tea-0", "tea-1", "tea-2"}
        assert list(left_out(answer)) == ["words"]
        for found in (
            problem(client.get("/v1/search", params={"query": "coffee"})),
            problem(client.post("/v1/recommendations", json={"query": "coffee"})),
        ):
            assert found["type"] == "/problems/source-late"


def test_late_items_are_a_problem_since_nobody_knows_whether_they_exist(api: Callable[..., Any]) -> None:
    with api(items_timeout=NO_TIME) as client:
        body = {"item_ids": ["not-in-the-snapshot"], "kind": "similar"}
        assert problem(client.post("/v1/recommendations", json=body))["type"] == "/problems/source-late"


class Failing(Reads):
    """Reads that fail for some queries."""

    def __init__(self, graph: Graph, *names: str) -> None:
        super().__init__(graph)
        self._names = names

    async def answer(self, query: Query, **params: Any) -> Answer:
        if query.name in self._names:
            raise GraphError(f"{query.name} is out of order")
        return await super().answer(query, **params)


def test_a_source_that_fails_is_left_out_with_its_error(
    client: TestClient, filled: Graph, settings: Settings
) -> None:
    from api.recommender import recommend
    from api.schemas import RecommendationRequest
    from api.state.served import load_serving

    assert client.get("/readyz").status_code == 200
    serving = load_serving(filled, settings)

    async def asked(**body: Any) -> Any:
        reads = Failing(filled, "api.history", "api.edges")
        try:
            return await recommend(RecommendationRequest(**body), serving, reads)
        finally:
            await reads.close()

    answer = asyncio.run(asked(user_id="ann", item_ids=["tea-0"], kind="bought_together"))
    assert {(s.source, s.reason) for s in answer.sources_left_out} == {
        ("history", "api.history is out of order"),
        ("edges", "api.edges is out of order"),
    }
    with pytest.raises(GraphError, match="edges is out of order"):
        asyncio.run(asked(item_ids=["coffee-0"], kind="complements"))


def test_what_the_request_itself_says_wrong_is_no_failure_of_a_source() -> None:
    async def wrong() -> int:
        raise ApiError(404, "unknown-item", "There is no such item.")

    async def missing() -> int:
        raise ApiError(503, "no-encoder", "No encoder.")

    async def run() -> dict[str, str]:
        sources = Sources(Timeouts(), frozenset({"items"}))
        with pytest.raises(ApiError, match="no such item"):
            await sources.ask("history", wrong(), 0)
        assert await sources.ask("words", missing(), 7) == 7
        with pytest.raises(ApiError, match="No encoder"):
            await sources.ask("items", missing(), 0)
        return {**sources.left_out}

    assert asyncio.run(run()) == {"words": "No encoder."}
