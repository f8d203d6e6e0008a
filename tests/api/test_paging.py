"""Page tokens, several widgets and diversity: what is shown once is not shown again."""

import base64
import zlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.paging import shown_by, token_of
from api.problems import InvalidRequestError
from kg.driver import Graph
from tests.api import shop
from tests.api.test_http import problem
from tests.api.test_recommendations import COFFEE, TEA, TOOLS, ask, ids

UNREADABLE = [
    "",
    "x",
    "no token at all",
    base64.urlsafe_b64encode(zlib.compress(b'["a"')).decode(),
    base64.urlsafe_b64encode(zlib.compress(b'{"a": 1}')).decode(),
    base64.urlsafe_b64encode(zlib.compress(b"[1]")).decode(),
    base64.urlsafe_b64encode(zlib.compress(b"[" * 100_000)).decode(),
    base64.urlsafe_b64encode(zlib.compress(b"[" + b" " * 6_000_000 + b"]")).decode(),
    base64.urlsafe_b64encode(zlib.compress(b'["a", "b"]')[:-1]).decode(),
]


def test_a_token_keeps_ids_of_any_kind() -> None:
    shown = ["B004", "", "日本", 'a"b', "\n", "\ud800"]

    assert shown_by(token_of(shown, ["elsewhere"])) == (shown, ["elsewhere"])
    assert shown_by(token_of(shown)) == (shown, [])
    assert shown_by(None) == ([], [])


@pytest.mark.parametrize("token", UNREADABLE)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequestError, match="the next_page_token of an earlier answer"):
        shown_by(token)


def test_a_list_too_long_for_a_token_has_none() -> None:
    assert token_of(["x" * 500] * 20_000) is None
    assert token_of([f"{n * 7919:x}" for n in range(40_000)]) is None


def test_pages_cover_everything_once_whatever_happens_in_between(client: TestClient, filled: Graph) -> None:
    """Each page is followed by events that turn the order around, and an item's deletion."""
    filled.write(shop.WRITES["delete"], item="tools-5")
    pages: list[list[str]] = []
    token = None
    while True:
        answer = ask(client, user_id="ann", query="tea", limit=4, page_token=token, exclude_seen=False)
        pages.append(ids(answer))
        assert [i["rank"] for i in answer["items"]] == list(range(1, len(pages[-1]) + 1))
        token = answer["next_page_token"]
        if token is None:
            break
        shop.events(
            filled, [("ann", f"{('tools', 'coffee')[len(pages) % 2]}-{n}", "BOUGHT", 99) for n in range(5)]
        )

    shown = [item_id for page in pages for item_id in page]
    assert len(shown) == len(set(shown))
    assert set(shown) == (TEA | COFFEE | TOOLS) - {"tools-5"}
    assert [len(page) for page in pages] == [4, 4, 4, 4, 1]
    assert answer["filtered_out"]["shown"] == 16


@pytest.mark.parametrize(("limit", "more"), [(17, True), (18, False), (19, False)])
def test_the_last_page_has_no_token(client: TestClient, limit: int, more: bool) -> None:
    answer = ask(client, query="tea", limit=limit)

    assert (answer["next_page_token"] is not None) == more
    assert bool(answer["notes"]) == (limit > 18)


def test_a_token_goes_through_get_too_and_a_bad_one_is_a_problem(client: TestClient) -> None:
    first = client.get("/v1/users/ann/recommendations", params={"limit": 3}).json()
    second = client.get(
        "/v1/users/ann/recommendations", params={"limit": 3, "page_token": first["next_page_token"]}
    ).json()

    assert not set(ids(first)) & set(ids(second))
    found = problem(client.post("/v1/recommendations", json={"page_token": "nonsense"}))
    assert (found["status"], found["errors"][0]["field"]) == (422, "page_token")


def test_a_batch_shows_no_item_twice_and_each_request_fails_by_itself(client: TestClient) -> None:
    requests: list[dict[str, Any]] = [
        {"user_id": "ann", "limit": 3},
        {"query": "tea leaves", "limit": 4, "exclude_seen": False},
        {"limit": 0},
        {"kind": "similar", "item_ids": ["nothing"]},
        {"kind": "similar"},
        {"filters": {"category": ["Tea"]}, "limit": 10},
    ]

    answers = client.post("/v1/recommendations:batch", json={"requests": requests}).json()["answers"]

    assert ids(answers[0]) == ids(ask(client, **requests[0]))
    shown = [i for answer in answers if "items" in answer for i in ids(answer)]
    assert len(shown) == len(set(shown))
    assert len(ids(answers[1])) == 4
    assert [(a["status"], a["type"], a["instance"]) for a in answers[2:5]] == [
        (422, "/problems/invalid-request", "/v1/recommendations:batch#/requests/2"),
        (404, "/problems/unknown-item", "/v1/recommendations:batch#/requests/3"),
        (422, "/problems/invalid-request", "/v1/recommendations:batch#/requests/4"),
    ]
    assert answers[2]["errors"][0]["field"] == "limit"
    assert set(ids(answers[5])) == TEA - set(shown[:7])
    assert answers[5]["filtered_out"]["shown_elsewhere"] >= len(TEA & set(shown[:7]))


def test_a_widgets_next_page_repeats_none_of_the_widgets_before_it(client: TestClient) -> None:
    first, second = client.post(
        "/v1/recommendations:batch",
        json={"requests": [{"query": "tea", "limit": 3}, {"query": "tea", "limit": 3}]},
    ).json()["answers"]

    following = ask(client, query="tea", limit=18, page_token=second["next_page_token"])

    assert set(ids(following)) == (TEA | COFFEE | TOOLS) - set(ids(first)) - set(ids(second))


@pytest.mark.parametrize("requests", [[], [{}] * 21])
def test_a_batch_holds_one_to_twenty_requests(client: TestClient, requests: list[dict[str, Any]]) -> None:
    found = problem(client.post("/v1/recommendations:batch", json={"requests": requests}))

    assert (found["status"], found["errors"][0]["field"]) == (422, "requests")


def test_diversity_keeps_alike_items_apart_and_scores_true(client: TestClient) -> None:
    plain = ask(client, user_id="ann", limit=18, exclude_seen=False)
    diverse = ask(client, user_id="ann", limit=18, exclude_seen=False, diversity=0.7)

    kinds = [item_id.split("-")[0] for item_id in ids(diverse)]
    assert [i.split("-")[0] for i in ids(plain)[:3]] == ["tea"] * 3
    assert set(kinds[:3]) == {"tea", "coffee", "tools"}
    assert ids(diverse)[0] == ids(plain)[0]
    assert [i["rank"] for i in diverse["items"]] == list(range(1, 19))
    scores = {i["item_id"]: i["score"] for i in plain["items"]}
    for item in diverse["items"]:
        assert item["score"] == pytest.approx(scores[item["item_id"]])
        assert sum(r["contribution"] for r in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)


def test_pages_of_items_kept_apart_go_on_as_one_list(client: TestClient) -> None:
    body = {"user_id": "ann", "diversity": 0.7, "exclude_seen": False}
    first = ask(client, **body, limit=5)
    second = ask(client, **body, limit=5, page_token=first["next_page_token"])
    assert ids(first) + ids(second) == ids(ask(client, **body, limit=10))


def test_what_a_session_looks_at_is_not_similar_to_itself(client: TestClient) -> None:
    for kind in ("similar", "substitutes"):
        answer = ask(client, kind=kind, session_items=["tea-0", "tea-1"], limit=18)
        assert {"tea-0", "tea-1"}.isdisjoint(ids(answer))
        assert answer["filtered_out"]["looked_at"] == 2
