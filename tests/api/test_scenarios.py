"""Scenarios over HTTP, on a real Neo4j: what rules do, and which are refused."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from kg.driver import Graph
from kg.queries import parse
from kg.settings import Settings
from tests.api import shop
from tests.api.test_http import problem
from tests.api.test_recommendations import COFFEE, TEA, TOOLS, ask, ids, wait_for
from tests.api.test_search import explain, search

BY_HAND = parse(
    "by_hand",
    """
// name: seen
// The rules as an analyst sees them.
// params:
// returns: rule, effect, scenario, label, key
MATCH (s:Scenario)<-[:OF]-(r:Rule)-[:APPLIES_TO]->(t)
RETURN r.ruleId AS rule, r.effect AS effect, s.name AS scenario, labels(t)[0] AS label,
       coalesce(t.itemId, t.categoryId, t.name) AS key
ORDER BY rule, label, key

// name: hide
// A rule made in Neo4j Browser.
// params:
// returns:
MERGE (s:Scenario {name: 'by-hand'})
CREATE (r:Rule {name: 'by-hand/no-tools', ruleId: 'no-tools', effect: 'hide'})-[:OF]->(s)
WITH r
MATCH (c:Category {categoryId: 'Garden'})
CREATE (r)-[:APPLIES_TO]->(c)

// name: break
// A rule that cannot be read.
// params:
// returns:
MATCH (r:Rule {ruleId: 'no-tools'})
SET r.effect = 'vanish'
""",
)


def rule(rule_id: str, effect: str, target: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rule_id": rule_id, "effect": effect, "applies_to": target, **more}


def put(client: TestClient, name: str = "home", **body: Any) -> dict[str, Any]:
    response = client.put(f"/v1/scenarios/{name}", json=body)
    assert response.status_code == 200, response.text
    saved: dict[str, Any] = response.json()
    return saved


def refused(client: TestClient, *rules: dict[str, Any]) -> dict[str, Any]:
    """The problem with these rules; what was there before stays."""
    before = client.get("/v1/scenarios").json()
    found = problem(client.put("/v1/scenarios/home", json={"rules": rules}))
    assert client.get("/v1/scenarios").json() == before
    return found


def day(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_a_scenario_is_saved_read_and_deleted_and_seen_in_the_graph(
    client: TestClient, filled: Graph
) -> None:
    assert client.get("/v1/scenarios").json() == {"scenarios": []}
    told = {
        "kind": "for_you",
        "weights": {"popularity": 0.5, "edges": {"BOUGHT_WITH": 3.0}},
        "filters": {"not": {"brand": ["Nobody"]}, "price": {"lte": 20.0}},
        "diversity": 0.25,
        "note": "The first page.",
    }
    rules = [
        rule("up", "boost", {"category": ["tea"], "brand": ["ACME"]}, factor=3.0, note="Tea month."),
        rule("out", "hide", {"item_ids": ["coffee-1"], "attributes": {"pack": ["3 pieces"]}}),
    ]

    saved = put(client, **told, rules=rules)

    assert saved["rules"][0]["applies_to"]["category"] == ["Food > Tea"]
    assert saved["rules"][0]["applies_to"]["brand"] == ["Acme"]
    read = client.get("/v1/scenarios/home").json()
    assert {k: read[k] for k in ("kind", "weights", "diversity", "note")} == {
        k: told[k] for k in ("kind", "weights", "diversity", "note")
    }
    assert (read["filters"]["price"], read["filters"]["not"]["brand"]) == ({"lte": 20.0}, ["Nobody"])
    by_id = {r["rule_id"]: r for r in read["rules"]}
    assert by_id == {r["rule_id"]: r for r in saved["rules"]}
    assert by_id["out"]["applies_to"]["attributes"] == {"pack": ["3 pieces"]}
    seen = [tuple(row.values()) for row in filled.read(BY_HAND["seen"])]
    assert seen == [
        ("out", "hide", "home", "Item", "coffee-1"),
        ("up", "boost", "home", "Brand", "Acme"),
        ("up", "boost", "home", "Category", "Food > Tea"),
    ]
    # saved again without rules: they stay; with none: they go
    assert len(put(client, note="other")["rules"]) == 2
    assert "diversity" not in client.get("/v1/scenarios/home").json()
    assert put(client, rules=[])["rules"] == []
    assert client.delete("/v1/scenarios/home").json() == {"name": "home"}
    assert problem(client.get("/v1/scenarios/home"))["type"] == "/problems/unknown-scenario"
    assert problem(client.delete("/v1/scenarios/home"))["status"] == 404


def test_single_rules_are_saved_and_deleted(client: TestClient) -> None:
    put(client, note="x")
    path = "/v1/scenarios/home/rules/no-tea"
    body = {"effect": "hide", "applies_to": {"category": ["Tea"]}}
    assert client.put(path, json=body).json()["rules"][0]["rule_id"] == "no-tea"
    assert not TEA & set(ids(ask(client, scenario="home", limit=18)))
    assert client.delete(path).json() == {"name": "home", "rule_id": "no-tea"}
    assert set(ids(ask(client, scenario="home", limit=18))) >= TEA
    assert problem(client.delete(path))["type"] == "/problems/unknown-rule"
    nowhere = problem(client.put("/v1/scenarios/nowhere/rules/a", json=body))
    assert (nowhere["status"], nowhere["type"]) == (404, "/problems/unknown-scenario")


def test_an_unknown_scenario_is_refused_by_name(client: TestClient) -> None:
    nothing = problem(client.post("/v1/recommendations", json={"scenario": "hme"}))
    assert "the shop has no scenarios" in nothing["detail"]
    put(client, "home")
    put(client, "cart")
    for response in (
        client.post("/v1/recommendations", json={"scenario": "hme"}),
        client.get("/v1/search", params={"query": "tea", "scenario": "hme"}),
        client.get("/v1/users/ann/recommendations", params={"scenario": "hme"}),
        client.get("/v1/items/tea-0/related", params={"scenario": "hme"}),
    ):
        found = problem(response)
        assert (found["status"], found["errors"][0]["field"]) == (422, "scenario")
        assert found["errors"][0]["expected"] == "one of cart, home"
    (answer,) = client.post("/v1/recommendations:batch", json={"requests": [{"scenario": "hme"}]}).json()[
        "answers"
    ]
    assert answer["status"] == 422


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        ({"item_ids": ["tea-3"]}, {"tea-3"}),
        ({"category": ["Food"]}, TEA | COFFEE),
        ({"category": ["Food > Tea"], "item_ids": ["tools-0"]}, TEA | {"tools-0"}),
        ({"brand": ["acme"]}, {f"{k}-{n}" for k in ("tea", "coffee", "tools") for n in (0, 2, 4)}),
        (
            {"attributes": {"Pack": ["3 PIECES"]}},
            {f"{k}-{n}" for k in ("tea", "coffee", "tools") for n in (2, 5)},
        ),
    ],
)
def test_hidden_items_never_come_and_the_answer_names_the_rule(
    client: TestClient, target: dict[str, Any], gone: set[str]
) -> None:
    put(client, rules=[rule("gone", "hide", target)])

    answer = ask(client, scenario="home", query="tea", limit=18)

    assert set(ids(answer)) == (TEA | COFFEE | TOOLS) - gone
    assert (answer["scenario"], answer["filtered_out"]) == ("home", {"rule.gone": len(gone)})
    item = min(gone)
    why = explain(client, scenario="home", query="tea", item_id=item)
    assert (why["removed_by"], why["rank"]) == ("rule.gone", None)
    assert "Removed by rule.gone" in why["summary"]
    found = search(client, query="tea", scenario="home", limit=18)
    assert set(ids(found)) == set(ids(answer))


def test_an_item_that_comes_into_a_hidden_brand_is_gone_at_once(client: TestClient, filled: Graph) -> None:
    put(client, rules=[rule("gone", "hide", {"brand": ["Acme"]})])
    filled.write(shop.WRITES["set"], item="tea-1", properties={"brand": "Acme"})
    assert "tea-1" not in ids(ask(client, scenario="home", limit=18))


def test_boosts_and_buries_are_parts_of_the_score(client: TestClient) -> None:
    body = {"user_id": "ann", "query": "tea", "limit": 18, "exclude_seen": False}
    plain = {i["item_id"]: i["score"] for i in ask(client, **body)["items"]}
    put(
        client,
        rules=[
            rule("up", "boost", {"category": ["Garden"]}, factor=1000),
            rule("acme", "boost", {"brand": ["Acme"]}, factor=2),
            rule("down", "bury", {"item_ids": ["tea-3"]}, factor=50),
        ],
    )

    answer = ask(client, **body, scenario="home")

    for item in answer["items"]:
        number = int(item["item_id"][-1])
        expected = plain[item["item_id"]]
        expected += math.log(1000) * item["item_id"].startswith("tools") + math.log(2) * (number % 2 == 0)
        expected -= math.log(50) * (item["item_id"] == "tea-3")
        assert item["score"] == pytest.approx(expected, abs=1e-6)
        assert sum(r["contribution"] for r in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)
        named = {r["name"]: r for r in item["reasons"] if r["type"] == "rule"}
        assert ("up" in named) == item["item_id"].startswith("tools")
    scores = [i["score"] for i in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert "rule" in answer["intent"]["signals"]
    (tea,) = (i for i in answer["items"] if i["item_id"] == "tea-3")
    (buried,) = (r for r in tea["reasons"] if r["type"] == "rule")
    assert (buried["name"], buried["text"]) == ("down", "Buried by the rule 'down', by a factor of 50.")
    assert buried["contribution"] == pytest.approx(-math.log(50))
    why = explain(client, **body | {"limit": 3}, scenario="home", item_id="tea-3")
    assert (why["returned"], why["removed_by"]) == (False, None)
    assert "Buried by the rule 'down', by a factor of 50 (-3.91)." in why["summary"]


def test_pins_take_their_positions_and_obey_the_filters(client: TestClient) -> None:
    put(
        client,
        rules=[
            rule("first", "pin", {"item_ids": ["tools-2"]}, position=1),
            rule("third", "pin", {"category": ["Coffee"]}, position=3),
            rule("late", "pin", {"item_ids": ["tea-3"]}, position=6),
        ],
    )
    plain = [i for i in ids(ask(client, query="tea", limit=18)) if i not in ("tools-2", "tea-3")]
    coffee = next(i for i in plain if i in COFFEE)
    plain.remove(coffee)
    order = ["tools-2", plain[0], coffee, *plain[1:3], "tea-3", *plain[3:]]

    answer = ask(client, query="tea", scenario="home", limit=4)
    after = ask(client, query="tea", scenario="home", limit=4, page_token=answer["next_page_token"])

    assert ids(answer) + ids(after) == order[:8]
    assert [i["rank"] for i in answer["items"]] == [1, 2, 3, 4]
    assert [i["pinned_by"] for i in answer["items"]] == ["first", None, "third", None]
    assert [i["pinned_by"] for i in after["items"]] == [None, "late", None, None]
    assert ids(ask(client, query="tea", scenario="home", limit=18)) == order
    for n, item in enumerate(order, start=1):
        why = explain(client, query="tea", scenario="home", limit=4, item_id=item)
        assert (why["rank"], why["returned"]) == (n, n <= 4), item
    assert (
        "Pinned there by the rule 'first'."
        in explain(client, query="tea", scenario="home", item_id="tools-2")["summary"]
    )
    # what the filters refuse leaves its place to the next, and nothing is padded
    cheap = ask(client, query="tea", scenario="home", limit=18, filters={"price": {"lte": 6}})
    assert "tools-2" not in ids(cheap)
    assert cheap["items"][2]["pinned_by"] == "third"
    one = ask(client, scenario="home", filters={"category": ["Tea"], "price": {"gte": 10, "lte": 11}})
    assert [(i["item_id"], i["rank"], i["pinned_by"]) for i in one["items"]] == [("tea-3", 1, "late")]


def test_pins_hold_with_diversity_in_a_batch_and_for_what_was_seen(client: TestClient) -> None:
    pin = rule("first", "pin", {"item_ids": ["tea-0"]}, position=2)
    put(client, rules=[pin], diversity=0.4)
    mixed = ask(client, scenario="home", query="tea", limit=5)
    assert ids(mixed)[1] == "tea-0"
    assert ids(mixed) != ids(ask(client, query="tea", limit=5))
    assert "tea-0" not in ids(ask(client, scenario="home", user_id="ann", limit=5))  # she bought it
    one, two = client.post(
        "/v1/recommendations:batch",
        json={"requests": [{"scenario": "home", "limit": 3}, {"scenario": "home", "limit": 3}]},
    ).json()["answers"]
    assert (ids(one)[1], "tea-0" in ids(two)) == ("tea-0", False)


def test_pins_keep_their_places_on_the_pages_after_a_batch(client: TestClient) -> None:
    """Places are counted over the pages of one list; what other lists show takes none of them."""
    put(client, rules=[rule("late", "pin", {"item_ids": ["coffee-5"]}, position=5)])
    body = {"scenario": "home", "query": "tea", "limit": 3}
    *_, second = client.post(
        "/v1/recommendations:batch", json={"requests": [{"limit": 3}, {"limit": 3}, body]}
    ).json()["answers"]
    after = ask(client, **body, page_token=second["next_page_token"])
    assert [i["pinned_by"] for i in after["items"]] == [None, "late", None]


def test_rules_hold_within_their_window_alone(client: TestClient) -> None:
    hide = {"category": ["Tea"]}
    put(
        client,
        rules=[
            rule("past", "hide", {"category": ["Coffee"]}, until=day(-1)),
            rule("future", "hide", {"category": ["Garden"]}, **{"from": day(1)}),
            rule("now", "hide", hide, **{"from": day(-1), "until": day(1)}),
        ],
    )
    assert set(ids(ask(client, scenario="home", limit=18))) == COFFEE | TOOLS
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    put(client, rules=[rule("ends", "hide", hide, until=soon)])
    assert not TEA & set(ids(ask(client, scenario="home", limit=18)))
    wait_for(lambda: set(ids(ask(client, scenario="home", limit=18))) >= TEA, seconds=4)


def test_kind_weights_filters_and_diversity_of_the_scenario(client: TestClient) -> None:
    put(client, "product", kind="bought_together", weights={"edges": {"BOUGHT_WITH": 50}})
    related = client.get("/v1/items/tea-0/related", params={"scenario": "product", "limit": 1}).json()
    assert ids(related) == ["coffee-1"]
    (edge,) = (r for r in related["items"][0]["reasons"] if r["type"] == "edge")
    assert edge["contribution"] == pytest.approx(65)  # 50, and the floor of 15
    assert ids(ask(client, scenario="product", item_ids=["tea-0"], limit=1)) == ["coffee-1"]
    put(client, "product", weights={})
    named = ask(client, scenario="product", kind="similar", item_ids=["tea-0"], limit=5)
    assert set(ids(named)) == TEA - {"tea-0"}

    put(client, "cheap", filters={"price": {"lte": 6}, "category": ["Food"]}, weights={"popularity": 2.0})
    answer = ask(client, scenario="cheap", user_id="ann", exclude_seen=False, limit=18)
    assert set(ids(answer)) == {"tea-0", "tea-1", "coffee-0", "coffee-1"}
    assert answer["filtered_out"]["scenario.category"] == 6
    assert any(r["type"] == "popularity" for i in answer["items"] for r in i["reasons"])
    both = ask(client, scenario="cheap", filters={"brand": ["Acme"], "price": {"gte": 1}}, limit=18)
    assert set(ids(both)) == {"tea-0", "coffee-0"}


def test_what_is_set_in_the_graph_is_followed_within_two_seconds(client: TestClient, filled: Graph) -> None:
    filled.write(BY_HAND["hide"])
    wait_for(
        lambda: client.post("/v1/recommendations", json={"scenario": "by-hand"}).status_code == 200, seconds=2
    )
    assert set(ids(ask(client, scenario="by-hand", limit=18))) == TEA | COFFEE
    filled.write(BY_HAND["break"])
    wait_for(lambda: set(ids(ask(client, scenario="by-hand", limit=18))) >= TOOLS, seconds=2)
    (note,) = ask(client, scenario="by-hand", limit=18)["notes"]
    assert note.startswith("The rule 'no-tools' does nothing, since it cannot be read: effect: Input should")


@pytest.fixture
def other(client: TestClient, settings: Settings) -> Iterator[TestClient]:  # noqa: ARG001 - after the first
    with TestClient(create_app(settings)) as running:
        yield running


def test_another_process_follows_within_two_seconds(client: TestClient, other: TestClient) -> None:
    put(client, rules=[rule("gone", "hide", {"category": ["Tea"]})])
    wait_for(
        lambda: other.post("/v1/recommendations", json={"scenario": "home"}).status_code == 200, seconds=2
    )
    assert not TEA & set(ids(ask(other, scenario="home", limit=18)))
    client.delete("/v1/scenarios/home")
    wait_for(
        lambda: other.post("/v1/recommendations", json={"scenario": "home"}).status_code == 422, seconds=2
    )


def test_what_does_nothing_is_told_when_it_is_saved(client: TestClient) -> None:
    over = rule("over", "boost", {"item_ids": ["tea-0"]}, factor=2.0, until="2020-01-01T00:00:00Z")
    saved = put(client, filters={"brand": ["nope"]}, rules=[over])
    assert "The rule 'over' has ended (2020-01-01 00:00 UTC): it does nothing." in saved["notes"]
    assert "Filters: No item has the brand 'nope'." in saved["notes"]
    assert client.get("/v1/scenarios/home").json()["notes"] == saved["notes"]
