"""The line that requests stand in."""

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.admission import Admission
from api.app import create_app
from api.problems import ApiError
from api.writer import Writer
from kg.settings import Settings


def test_no_more_are_answered_at_once_than_it_says() -> None:
    line, now, most = Admission(at_once=3, patience=10), 0, 0

    async def one() -> None:
        nonlocal now, most
        async with line:
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    asyncio.run(all_of_them())
    assert (most, now) == (3, 0)


def test_who_waits_too_long_is_refused_and_told_when_to_come_back() -> None:
    line = Admission(at_once=1, patience=0.01)

    async def crowd() -> None:
        async with line:
            with pytest.raises(ApiError) as refused:
                async with line:
                    raise AssertionError("there was no place")
        assert (refused.value.status, refused.value.kind) == (503, "overloaded")
        assert refused.value.headers == {"Retry-After": "1"}
        async with line:  # whoever was refused holds no place
            pass

    asyncio.run(crowd())


def test_a_place_is_free_again_after_an_error() -> None:
    line = Admission(at_once=1, patience=0.01)

    async def twice() -> None:
        with pytest.raises(ValueError, match="failed"):
            async with line:
                raise ValueError("failed")
        async with line:
            pass

    asyncio.run(twice())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/users/u1/recommendations", None),
        ("GET", "/v1/items/i1/related", None),
        ("GET", "/v1/search?query=tea", None),
        ("POST", "/v1/recommendations", {}),
        ("POST", "/v1/recommendations:batch", {"requests": [{}]}),
        ("POST", "/v1/explain", {"item_id": "i1"}),
    ],
)
def test_the_refusal_is_a_problem_document_and_health_stands_in_no_line(
    method: str, path: str, body: object
) -> None:
    app = create_app(Settings())
    app.state.admission = Admission(at_once=0, patience=0.01)
    client = TestClient(app)
    refused = client.request(method, path, json=body)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert client.get("/healthz").status_code == 200


def test_writes_wait_for_each_other_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.writer._PATIENCE", 0.05)
    slow, begun = threading.Event(), threading.Event()

    def transact(_: str, work: Callable[[Any], Any]) -> Any:
        begun.set()
        slow.wait(10)
        return work(None)

    monkeypatch.setattr("api.writer.make_keys", lambda _: None)
    keeper = SimpleNamespace(graph=SimpleNamespace(transact=transact), problem=None)
    writer = Writer(keeper)  # type: ignore[arg-type]  # a stand-in for the keeper

    async def two() -> None:
        first = asyncio.create_task(writer.transact("first", lambda _: "done"))
        await asyncio.to_thread(begun.wait, 10)
        with pytest.raises(ApiError) as refused:
            await writer.transact("second", lambda _: "never")
        assert refused.value.kind == "overloaded"
        keeper.problem = "Neo4j is gone."
        with pytest.raises(ApiError, match=r"Neo4j is gone\.") as gone:
            await writer.transact("third", lambda _: "never")
        assert gone.value.kind == "graph-unreachable"
        begun_before = asyncio.create_task(writer.transact("begun", lambda _: "too", begun=True))
        await asyncio.sleep(0.2)
        slow.set()
        assert await begun_before == "too"
        assert await first == "done"
        assert await writer.transact("third", lambda _: "then") == "then"

    asyncio.run(two())
    writer.close()
