"""Rules that are refused when they are saved."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.test_http import problem
from tests.api.test_scenarios import day, put, refused, rule


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (
            rule("a", "pin", {"item_ids": ["tea-1"]}, position=2),
            rule("b", "pin", {"item_ids": ["tea-2"]}, position=2, until=day(3)),
            "The rules 'a' and 'b' pin to the same position 2.",
        ),
        (
            rule("a", "hide", {"item_ids": ["tea-1"]}),
            rule("b", "pin", {"item_ids": ["tea-1"]}, position=2),
            "The rule 'a' hides the item 'tea-1' that the rule 'b' pins.",
        ),
        (
            rule("a", "boost", {"item_ids": ["tea-1", "coffee-1"]}, factor=2),
            rule("b", "hide", {"category": ["Tea"]}),
            "The rule 'b' hides the item 'tea-1' that the rule 'a' boosts.",
        ),
        (
            rule("a", "boost", {"category": ["Tea"]}, factor=2),
            rule("b", "hide", {"category": ["Food"]}),
            "The rule 'b' hides the category 'Food > Tea' that the rule 'a' boosts.",
        ),
        (
            rule("a", "pin", {"item_ids": ["tea-1"]}, position=1),
            rule("b", "hide", {"brand": ["borealis"]}),
            "The rule 'b' hides the item 'tea-1' that the rule 'a' pins.",
        ),
        (
            rule("a", "boost", {"brand": ["Acme"]}, factor=2),
            rule("b", "bury", {"brand": ["ACME"], "item_ids": ["tea-0"]}, factor=2),
            "The rules 'a' and 'b' boost and bury the same brand 'Acme'.",
        ),
        (
            rule("a", "pin", {"item_ids": ["tea-1"]}, position=1),
            rule("b", "pin", {"item_ids": ["tea-1"]}, position=3),
            "The rules 'a' and 'b' pin the same item 'tea-1' to two positions.",
        ),
        (
            rule("a", "boost", {"on_sale": True}, factor=2),
            rule("b", "hide", {"on_sale": True, "item_ids": ["tea-1"]}),
            "The rule 'b' hides the sale that the rule 'a' boosts.",
        ),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    client: TestClient, one: dict[str, Any], other: dict[str, Any], text: str
) -> None:
    swapped = text.replace("'a' and 'b'", "'b' and 'a'")  # the others say which rule does what
    for rules, said in (((one, other), text), ((other, one), swapped)):
        found = refused(client, *rules)
        assert (found["status"], found["type"]) == (409, "/problems/rule-conflict")
        assert found["detail"] == f"{said} Nothing was saved."
    put(client, rules=[one])
    path = f"/v1/scenarios/home/rules/{other['rule_id']}"
    single = problem(client.put(path, json={k: v for k, v in other.items() if k != "rule_id"}))
    assert single["status"] == 409
    # one after the other they are no contradiction
    apart = [one | {"until": day(1)}, {k: v for k, v in other.items() if k != "until"} | {"from": day(1)}]
    assert len(put(client, rules=apart)["rules"]) == 2


def test_an_exception_from_a_broader_rule_is_no_conflict(client: TestClient) -> None:
    saved = put(
        client,
        rules=[
            rule("boost", "boost", {"category": ["Food"]}, factor=2),
            rule("bury", "bury", {"item_ids": ["tea-1"]}, factor=4),
            rule("hide", "hide", {"item_ids": ["tea-2"]}),
        ],
    )
    expected = ["The rule 'hide' hides some of the category 'Food' that the rule 'boost' boosts."]
    assert saved["notes"] == expected
    assert client.get("/v1/scenarios/home").json()["notes"] == expected


@pytest.mark.parametrize(
    ("bad", "field", "value"),
    [
        (rule("a", "hide", {"item_ids": ["tea-1", "nothing"]}), "rules.a.applies_to.item_ids", "nothing"),
        (rule("a", "hide", {"brand": ["Nobody"]}), "rules.a.applies_to.brand", "Nobody"),
        (rule("a", "hide", {"category": ["Cars"]}), "rules.a.applies_to.category", "Cars"),
        (rule("a", "hide", {"attributes": {"pack": ["9"]}}), "rules.a.applies_to.attributes.pack", "9"),
    ],
)
def test_what_the_shop_lacks_is_refused(
    client: TestClient, bad: dict[str, Any], field: str, value: str
) -> None:
    found = refused(client, bad)
    assert found["status"] == 422
    assert [(e["field"], e["value"]) for e in found["errors"]] == [(field, value)]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (
            rule("a", "hide", {"brand": ["Acme"]}, **{"from": day(2), "until": day(1)}),
            "ends before it begins",
        ),
        (rule("a", "pin", {"brand": ["Acme"]}), "a pin has a position"),
        (rule("a", "hide", {"brand": ["Acme"]}, position=1), "a pin has a position"),
        (rule("a", "boost", {"brand": ["Acme"]}), "boost and bury have a factor"),
        (rule("a", "boost", {"brand": ["Acme"]}, factor=1), "greater than 1"),
        (rule("a", "hide", {}), "name at least one item"),
        (rule("a/b", "hide", {"brand": ["Acme"]}), "should match pattern"),
    ],
)
def test_rules_that_say_nothing_are_refused(client: TestClient, bad: dict[str, Any], said: str) -> None:
    found = refused(client, bad)
    assert found["status"] == 422
    assert said in found["detail"]
    assert said in refused(client, bad, bad)["detail"]


def test_what_the_scenarios_own_filters_leave_out_is_told(client: TestClient) -> None:
    rules = [
        rule("one", "pin", {"item_ids": ["tea-0", "tea-1"]}, position=1),
        rule("two", "boost", {"brand": ["Borealis"]}, factor=2),
        rule("three", "boost", {"category": ["Tea"]}, factor=2),
    ]
    saved = put(client, rules=rules, filters={"brand": ["Acme"]})
    expected = [
        "The scenario's filters leave out the item 'tea-1' that the rule 'one' pins.",
        "The scenario's filters leave out the brand 'Borealis' that the rule 'two' boosts.",
    ]
    assert saved["notes"] == client.get("/v1/scenarios/home").json()["notes"] == expected
