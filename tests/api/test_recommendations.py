"""What the API answers, on a real Neo4j with the real encoder."""

import math
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.ranking.weights import DEFAULT
from kg.driver import Graph
from tests.api import shop

TEA = {f"tea-{n}" for n in range(6)}
COFFEE = {f"coffee-{n}" for n in range(6)}
TOOLS = {f"tools-{n}" for n in range(6)}


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/recommendations", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_known_user_gets_what_their_past_suggests_without_what_they_bought(client: TestClient) -> None:
    answer = ask(client, user_id="ann", limit=3)

    assert set(ids(answer)) == {"tea-3", "tea-4", "tea-5"}
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    assert answer["items"][0]["source"] == "history"
    assert answer["filtered_out"] == {"seen": 3}
    assert answer["fallback_used"] is None
    assert (answer["model_version"], answer["graph_version"]) == ("model-1", "run-1")


def test_reasons_name_the_past_and_sum_to_the_score(client: TestClient) -> None:
    answer = ask(
        client, user_id="ann", query="roast coffee", item_ids=["tools-1"], session_items=["coffee-2"]
    )

    assert len(answer["items"]) == 10
    for item in answer["items"]:
        assert math.isclose(sum(r["contribution"] for r in item["reasons"]), item["score"], abs_tol=1e-6)
    reasons = {(r["type"], r["item_id"], r["text"]) for r in answer["items"][0]["reasons"]}
    assert ("words", None, "Matches “roast coffee”.") in reasons
    assert (
        "item",
        "tools-1",
        "Suits Wooden spade for digging the garden, which you are looking at.",
    ) in reasons
    assert ("session", "coffee-2", "You looked at Decaf roast coffee beans in this session.") in reasons
    assert ("history", "tea-0", "You bought Green tea leaves in a tin.") in reasons


def test_more_past_items_than_are_named_still_sum_to_the_score(filled: Graph, client: TestClient) -> None:
    shop.events(filled, [("ann", f"{kind}-{n}", "VIEWED", n) for kind in shop.GOODS for n in range(6)])

    (item,) = ask(client, user_id="ann", limit=1)["items"]

    assert len(item["reasons"]) == 6
    assert "13 more of this kind (history), each small." in {r["text"] for r in item["reasons"]}
    assert math.isclose(sum(r["contribution"] for r in item["reasons"]), item["score"], abs_tol=1e-6)


def test_the_same_shopper_with_other_words_gets_other_items(client: TestClient) -> None:
    plain = ask(client, user_id="ann", limit=5)
    with_words = ask(client, user_id="ann", query="  spade for \n digging ", limit=5)

    assert set(ids(with_words)) & TOOLS
    assert not set(ids(plain)[:3]) & TOOLS
    assert with_words["intent"]["words"] == "spade for digging"
    assert with_words["intent"]["signals"] == ["history", "words"]


def test_words_alone_are_a_search(client: TestClient) -> None:
    assert set(ids(ask(client, query="ground coffee beans", limit=6))) == COFFEE


def test_anonymous_session_is_ranked_like_a_user_with_the_same_past(
    client: TestClient, filled: Graph
) -> None:
    shop.events(filled, [("eve", "coffee-1", "BOUGHT", 1), ("eve", "coffee-2", "BOUGHT", 2)])

    known = ask(client, user_id="eve", limit=4)
    anonymous = ask(client, session_items=["coffee-1", "coffee-2"], limit=4)

    assert ids(known) == ids(anonymous)
    assert {r["type"] for item in anonymous["items"] for r in item["reasons"]} == {"session"}


def test_what_a_session_told_by_events_ranks_as_a_past_does(client: TestClient, filled: Graph) -> None:
    past = [("coffee-1", "BOUGHT", 1), ("coffee-2", "VIEWED", 2)]
    shop.events(filled, [(who, *event) for who in ("session:s1", "eve") for event in past])

    known, anonymous = ask(client, user_id="eve", limit=4), ask(client, session_id="s1", limit=4)
    assert [(i["item_id"], i["score"]) for i in known["items"]] == [
        (i["item_id"], i["score"]) for i in anonymous["items"]
    ]
    assert "coffee-1" not in ids(anonymous)  # bought
    told = ask(client, session_id="s1", session_items=["tea-1"], limit=4)
    assert ids(told) == ids(ask(client, session_items=["tea-1"], limit=4))
    assert ask(client, session_id="s2")["fallback_used"]["reason"] == "The graph has no session 's2'."


def test_an_item_out_of_stock_gets_substitutes_in_stock(client: TestClient, filled: Graph) -> None:
    for one, other in (("tea-0", "tea-4"), ("tea-4", "tools-4"), ("tea-4", "tea-1")):
        shop.edge(filled, one, other, "SUBSTITUTES", 0.9, 3)

    def asked(item_id: str, **filters: bool) -> dict[str, Any]:
        return ask(client, kind="substitutes", item_ids=[item_id], limit=3, filters=filters)

    assert ids(asked("tea-0"))[0] == "tea-4"
    instead = asked("tea-4")
    assert set(ids(instead)[:2]) == {"tea-0", "tea-1"}
    assert not set(ids(instead)) & {"tools-4", "coffee-4"}
    assert instead["notes"][0].endswith("' is out of stock: only substitutes in stock.")
    assert "tools-4" in ids(asked("tea-4", in_stock=False))


def test_where_no_edge_leads_to_what_may_be_returned_something_else_stands_in(
    client: TestClient, filled: Graph
) -> None:
    shop.edge(filled, "tea-0", "tea-1", "SUBSTITUTES", 0.9, 3)
    answer = ask(
        client, kind="substitutes", item_ids=["tea-0"], limit=3, filters={"exclude_item_ids": ["tea-1"]}
    )
    assert len(answer["items"]) == 3
    assert answer["fallback_used"] == {
        "to": "similar",
        "reason": "No SUBSTITUTES edge of the items named leads to an item that may be returned.",
    }


def test_unknown_user_falls_back_to_what_is_popular_and_says_so(client: TestClient) -> None:
    answer = ask(client, user_id="nobody", limit=4)

    assert answer["fallback_used"] == {"to": "popular", "reason": "The graph has no user 'nobody'."}
    assert ids(answer) == ["tools-0", "tools-1", "tools-2", "tools-3"]
    assert answer["items"][0]["reasons"][0]["text"] == "Chosen by 5 shoppers."


def test_unknown_user_with_words_falls_back_to_the_words(client: TestClient) -> None:
    answer = ask(client, user_id="nobody", query="coffee", limit=6)

    assert answer["fallback_used"] == {"to": "words", "reason": "The graph has no user 'nobody'."}
    assert set(ids(answer)) == COFFEE


def test_user_without_a_past_and_a_request_without_anything(client: TestClient, filled: Graph) -> None:
    filled.write(shop.WRITES["user"], user="new")

    assert ask(client, user_id="new")["fallback_used"]["reason"] == "There is no past yet of user 'new'."
    nothing = ask(client)["fallback_used"]
    assert nothing == {"to": "popular", "reason": "The request names no user, items or words to go by."}


def test_similar_items_are_of_the_same_kind_and_never_the_item_itself(client: TestClient) -> None:
    answer = ask(client, kind="similar", item_ids=["tea-0"], limit=5)

    assert set(ids(answer)) == TEA - {"tea-0"}
    assert answer["filtered_out"] == {"looked_at": 1}


def test_bought_together_puts_edges_first(client: TestClient) -> None:
    answer = ask(client, kind="bought_together", item_ids=["tea-0"], limit=3)

    assert ids(answer)[:2] == ["coffee-1", "tools-5"]
    assert answer["items"][0]["source"] == "edge"
    assert (
        answer["items"][0]["reasons"][0]["text"]
        == "Bought together with Green tea leaves in a tin (12 times)."
    )


def test_complements_come_from_their_edges_or_from_what_is_bought_together(client: TestClient) -> None:
    found = ask(client, kind="complements", item_ids=["coffee-0"])
    missing = ask(client, kind="complements", item_ids=["tea-0"], limit=1)

    assert ids(found) == ["tools-3"]
    assert found["notes"] == [
        "1 of 10 items: the graph has no more COMPLEMENTS edges to items that may be returned."
    ]
    assert ids(missing) == ["coffee-1"]
    assert missing["fallback_used"]["to"] == "bought_together"


def test_trending_is_by_shoppers_where_there_are_no_times(client: TestClient) -> None:
    answer = ask(client, kind="trending", limit=4)

    assert ids(answer) == ["tools-0", "tools-1", "tools-2", "tools-3"]
    assert answer["fallback_used"]["to"] == "popular"
    assert answer["intent"]["signals"] == ["popularity"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"category": ["food"]}, TEA | COFFEE),
        ({"category": ["Food > Tea"]}, TEA),
        ({"category": ["Coffee", "Garden"]}, COFFEE | TOOLS),
        ({"brand": ["ACME"], "category": ["Tea"]}, {"tea-0", "tea-2", "tea-4"}),
        ({"price": {"gte": 5, "lte": 8}}, {f"{k}-{n}" for k in shop.GOODS for n in (1, 2)}),
        ({"in_stock": False}, {"tea-4", "coffee-4", "tools-4"}),
        ({"in_stock": True, "category": ["Garden"]}, TOOLS - {"tools-4"}),
        ({"released_after": "2023-11-14T22:13:24Z"}, {f"{k}-{n}" for k in shop.GOODS for n in (4, 5)}),
        ({"brand": ["Nobody"]}, set()),
        (
            {"released_before": "2023-11-14T22:13:22Z", "exclude_item_ids": ["tea-0"]},
            {f"{k}-{n}" for k in shop.GOODS for n in (0, 1)} - {"tea-0"},
        ),
        ({"attributes": {"pack": ["3 PIECES"], "Organic": [False]}}, {"tea-5", "coffee-5", "tools-5"}),
        (
            {"not": {"category": ["Food"], "attributes": {"organic": [True]}}},
            {"tools-1", "tools-3", "tools-5"},
        ),
        ({"not": {"any_of": [{"category": ["Food"], "brand": ["Acme"]}]}, "price": {"lte": 3}}, {"tools-0"}),
        ({"any_of": [{"category": ["Tea"], "price": {"lte": 2}}, {"brand": ["Nobody"]}]}, {"tea-0"}),
    ],
)
def test_filters_return_exactly_what_complies(
    client: TestClient, filters: dict[str, Any], expected: set[str]
) -> None:
    answer = ask(client, query="tea", filters=filters, limit=20)

    assert set(ids(answer)) == expected
    assert sum(answer["filtered_out"].values()) == 18 - len(expected)
    assert answer["notes"][-1].startswith(f"{len(expected)} of 20 items: no other item is left in the shop")


def test_seen_items_come_back_on_request(client: TestClient) -> None:
    answer = ask(client, user_id="ann", exclude_seen=False, limit=6)

    assert set(ids(answer)) == TEA


def test_what_was_seen_is_what_was_bought_or_whatever_was_touched(client: TestClient) -> None:
    """ann bought tea-0, tea-1 and tea-2 and looked at coffee-0."""
    food = {"category": ["Food"]}
    bought = ask(client, user_id="ann", filters=food, limit=20)
    touched = ask(client, user_id="ann", filters=food, limit=20, seen="touched")
    get = client.get(
        "/v1/users/ann/recommendations", params={"limit": 20, "category": "Food", "seen": "touched"}
    )

    assert set(ids(bought)) == (TEA | COFFEE) - {"tea-0", "tea-1", "tea-2"}
    assert set(ids(touched)) == set(ids(bought)) - {"coffee-0"}
    assert touched["filtered_out"]["seen"] == 4
    assert ids(get.json()) == ids(touched)


def test_price_stock_and_deletion_count_at_once(client: TestClient, filled: Graph) -> None:
    body = {"query": "tea", "filters": {"price": {"lte": 6}, "in_stock": True}, "limit": 6}
    assert set(ids(ask(client, **body))) == {f"{k}-{n}" for k in shop.GOODS for n in (0, 1)}

    filled.write(shop.WRITES["set"], item="tea-0", properties={"price": 60.0})
    filled.write(shop.WRITES["set"], item="tea-1", properties={"inStock": False})
    filled.write(shop.WRITES["set"], item="coffee-0", properties={"hidden": True})
    filled.write(shop.WRITES["delete"], item="coffee-1")

    assert set(ids(ask(client, **body))) == {"tools-0", "tools-1"}


def test_a_purchase_counts_at_once(client: TestClient, filled: Graph) -> None:
    assert ask(client, user_id="dan")["fallback_used"]["to"] == "popular"

    shop.events(filled, [("dan", "coffee-3", "BOUGHT", 5)])

    answer = ask(client, user_id="dan", limit=5)
    assert set(ids(answer)) == COFFEE - {"coffee-3"}
    assert answer["fallback_used"] is None


def test_taking_the_first_named_past_item_away_sinks_the_item_most(client: TestClient) -> None:
    past = ["tea-0", "tea-1", "coffee-0", "tools-2"]
    (top,) = ask(client, session_items=past, limit=1)["items"]
    named = top["reasons"][0]["item_id"]

    def score_without(gone: str) -> float:
        answer = ask(client, session_items=[p for p in past if p != gone], limit=18, exclude_seen=False)
        return float(next(i["score"] for i in answer["items"] if i["item_id"] == top["item_id"]))

    assert min(past, key=score_without) == named
    assert score_without(named) < top["score"]


def test_edges_of_the_linear_term_add_to_the_score_and_are_the_reason(
    client: TestClient, filled: Graph
) -> None:
    """ann bought tea-0, tea-1, tea-2 and then looked at coffee-0."""
    fade = math.log(2)
    shop.publish(filled, "model-2", "green", seed=1, fade=fade)
    wait_for(lambda: ask(client, user_id="ann")["model_version"] == "model-2", seconds=3)
    plain = {i["item_id"]: i["score"] for i in ask(client, user_id="ann", limit=18)["items"]}
    links = [("tea-0", "tools-5", 4.0), ("tea-0", "coffee-1", -1.0)]
    shop.publish(filled, "model-3", "blue", seed=1, leads_to=links, fade=fade)
    wait_for(lambda: ask(client, user_id="ann")["model_version"] == "model-3", seconds=3)

    answer = ask(client, user_id="ann", limit=18)

    top = answer["items"][0]
    assert top["item_id"] == "tools-5"
    assert (top["reasons"][0]["item_id"], top["reasons"][0]["type"]) == ("tea-0", "history")
    scores = {i["item_id"]: i["score"] for i in answer["items"]}
    # linear 2, divided by the temperature 0.1; tea-0 is the last but three, so it counts exp(-3 fade).
    weight = DEFAULT.kinds["for_you"].gnn
    assert scores["tools-5"] - plain["tools-5"] == pytest.approx(weight * 2 * 4 / 0.1 / 8, rel=1e-4)
    assert scores["coffee-1"] - plain["coffee-1"] == pytest.approx(-weight * 2 * 1 / 0.1 / 8, rel=1e-4)
    assert scores["tea-4"] == pytest.approx(plain["tea-4"], rel=1e-5)
    for item in answer["items"]:
        assert math.isclose(sum(r["contribution"] for r in item["reasons"]), item["score"], abs_tol=1e-6)


def test_a_new_item_is_looked_at_before_the_snapshot_has_it(client: TestClient, filled: Graph) -> None:
    filled.write(
        shop.WRITES["items"],
        rows=[{"properties": {"itemId": "new", "title": "New", "brand": "Acme"}, "category": "Garden"}],
    )

    assert ask(client, item_ids=["new"])["fallback_used"]["to"] == "popular"
    wait_for(lambda: "new" in ids(ask(client, filters={"category": ["Garden"]}, limit=20)), seconds=5)


def test_fields_are_those_asked_for(client: TestClient) -> None:
    (item,) = ask(client, query="green tea leaves", limit=1, fields=["title", "released_at", "in_stock"])[
        "items"
    ]

    assert item["fields"] == {
        "title": "Green tea leaves in a tin",
        "released_at": "2023-11-14T22:13:20Z",
        "in_stock": True,
    }


def test_explain_none_has_no_reasons(client: TestClient) -> None:
    answer = ask(client, user_id="ann", explain="none", limit=2)

    assert [(i["reasons"], i["paths"], i["source"]) for i in answer["items"]] == [([], None, "history")] * 2


def test_paths_lead_from_the_user_to_the_item_and_their_cypher_runs(
    client: TestClient, filled: Graph
) -> None:
    shop.events(filled, [("o'neil", "tea-0", "BOUGHT", 1)])
    for slot, end in (("blue", "tea-3"), ("green", "tea-4")):  # blue is live
        filled.write(shop.WRITES["leads_to"], rows=[{"a": "tea-0", "b": end, "weight": 1.5}], slot=slot)

    answer = ask(client, user_id="o'neil", explain="paths", limit=18)

    by_id = {i["item_id"]: i["paths"] for i in answer["items"]}
    (path,) = by_id["coffee-1"]
    assert path["nodes"] == ["User:o'neil", "Item:tea-0", "Item:coffee-1"]
    assert path["relationships"] == ["BOUGHT", "BOUGHT_WITH"]
    found = filled.driver.execute_query(path["cypher"]).records
    assert [(r["b"]["itemId"], r["learned"]) for r in found] == [("coffee-1", None)]
    assert by_id["tea-3"][0]["relationships"] == ["BOUGHT", "LEADS_TO"]
    (shown,) = filled.driver.execute_query(by_id["tea-3"][0]["cypher"]).records
    assert shown["learned"].relationships[0]["weight"] == 1.5
    assert "LEADS_TO" not in by_id["tea-4"][0]["relationships"]
    assert by_id["tea-1"][0]["nodes"][1:] == ["Item:tea-0", "Category:Food > Tea", "Item:tea-1"]
    (shown,) = filled.driver.execute_query(by_id["tea-1"][0]["cypher"]).records
    assert [r.type for r in shown["shared"].relationships] == ["IN_CATEGORY", "IN_CATEGORY"]


def test_unknown_session_items_are_noted_not_fatal(client: TestClient) -> None:
    answer = ask(client, session_items=["gone", "tea-0"], limit=1)

    assert answer["notes"] == ["Ignored 1 unknown session items, the first is 'gone'."]
    assert answer["fallback_used"] is None


def test_get_routes_answer_like_post(client: TestClient) -> None:
    user = client.get("/v1/users/ann/recommendations", params={"limit": 2, "category": "Tea"}).json()
    related = client.get("/v1/items/tea-0/related", params={"kind": "bought_together", "limit": 1}).json()

    assert ids(user) == ids(ask(client, user_id="ann", limit=2, filters={"category": ["Tea"]}))
    assert ids(related) == ["coffee-1"]


def wait_for(condition: Any, seconds: float) -> None:
    """Until the condition holds, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
