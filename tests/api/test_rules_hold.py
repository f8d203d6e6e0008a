"""Whatever the rules and the filters: what comes back complies with both, and the parts sum to the score."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.driver import Graph
from tests.api.plain import PlainItem, complies
from tests.api.test_filters_hold import EVERYTHING, ITEM_IDS, plain_filters
from tests.api.test_recommendations import ask, ids

targets = st.one_of(
    st.builds(lambda i: {"item_ids": i}, st.lists(st.sampled_from(ITEM_IDS), min_size=1, max_size=3)),
    st.builds(lambda c: {"category": [c]}, st.sampled_from(["Food", "Tea", "Food > Coffee", "garden"])),
    st.builds(lambda b: {"brand": [b]}, st.sampled_from(["ACME", "borealis"])),
    st.just({"on_sale": True}),
    st.builds(lambda v: {"attributes": {"Pack": [v]}}, st.sampled_from(["1 pieces", "2 PIECES"])),
)
windows = st.sampled_from([(None, None), (-1, 1), (None, 1), (-1, None), (1, 2), (-2, -1)])
effects = st.one_of(
    st.just({"effect": "hide"}),
    st.integers(1, 8).map(lambda p: {"effect": "pin", "position": p}),
    st.sampled_from([1.5, 100]).map(lambda f: {"effect": "boost", "factor": f}),
    st.sampled_from([1.5, 100]).map(lambda f: {"effect": "bury", "factor": f}),
)
rules = st.lists(st.tuples(effects, targets, windows), max_size=5)


def test_rules_and_filters_hold_and_parts_sum_to_the_score(client: TestClient, filled: Graph) -> None:
    items = [
        PlainItem(
            row["id"], row["price"], row["stock"], row["released"].to_native().timestamp(), row["brand"],
            row["categories"], json.loads(row["attributes"]), row["list_price"],
        )
        for row in filled.read(EVERYTHING["items"])
    ]  # fmt: skip
    seen = {"saved": 0, "refused": 0}

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(drawn=rules, wanted=plain_filters, limit=st.integers(1, 20), diversity=st.sampled_from([0, 0.5]))
    def check(
        drawn: list[tuple[Any, Any, Any]], wanted: dict[str, Any], limit: int, diversity: float
    ) -> None:
        told = [
            {"rule_id": f"r{n}", "applies_to": target, **effect, **_window(window)}
            for n, (effect, target, window) in enumerate(drawn)
        ]
        saved = client.put("/v1/scenarios/home", json={"rules": told, "diversity": diversity})
        if saved.status_code == 409:
            seen["refused"] += 1
            assert sum(f"'{rule['rule_id']}'" in saved.json()["detail"] for rule in told) >= 2
            return
        seen["saved"] += 1
        live = [rule for rule, (*_, window) in zip(told, drawn, strict=True) if _holds(window)]
        hidden = {i.item_id for i in items for r in live if r["effect"] == "hide" and _reached(i, r)}
        expected = {i.item_id for i in items if complies(i, _timed(wanted))} - hidden

        answer = ask(client, scenario="home", query="tea", filters=wanted, limit=limit)

        assert set(ids(answer)) <= expected
        assert len(set(ids(answer))) == len(ids(answer)) == min(limit, len(expected))
        by_id = {item.item_id: item for item in items}
        for item in answer["items"]:
            assert sum(r["contribution"] for r in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)
            added = [r["contribution"] for r in item["reasons"] if r["type"] == "rule"]
            assert sum(added) == pytest.approx(_added(by_id[item["item_id"]], live), abs=1e-6)
        _check_pins(answer, live, by_id, expected)

    check()
    assert seen["saved"] > seen["refused"]


def _check_pins(
    answer: dict[str, Any], live: list[dict[str, Any]], by_id: dict[str, PlainItem], expected: set[str]
) -> None:
    """A pinned item meets its rule, at its position unless what is left does not reach that far."""
    positions = {rule["rule_id"]: rule["position"] for rule in live if rule["effect"] == "pin"}
    by_rule = {rule["rule_id"]: rule for rule in live}
    found = {i["pinned_by"]: i for i in answer["items"] if i["pinned_by"]}
    free = len(expected) - len(positions)  # items that are surely not pinned
    for rule_id, position in positions.items():
        before = sum(other in found for other, p in positions.items() if p < position)
        if rule_id in found:
            item = found[rule_id]
            assert _reached(by_id[item["item_id"]], by_rule[rule_id])
            assert item["rank"] <= position
            if free + before >= position - 1:
                assert item["rank"] == position
        elif position <= len(answer["items"]):
            may = {i for i in expected if _reached(by_id[i], by_rule[rule_id])}
            assert may <= {i["item_id"] for i in found.values()}  # others were pinned before it


def _window(days: tuple[int | None, int | None]) -> dict[str, str]:
    now = datetime.now(UTC)
    ends = zip(("from", "until"), days, strict=True)
    return {end: (now + timedelta(days=n)).isoformat() for end, n in ends if n is not None}


def _holds(days: tuple[int | None, int | None]) -> bool:
    return (days[0] is None or days[0] <= 0) and (days[1] is None or days[1] > 0)


def _reached(item: PlainItem, rule: dict[str, Any]) -> bool:
    target = dict(rule["applies_to"])
    return item.item_id in target.pop("item_ids", ()) or (bool(target) and complies(item, target))


def _added(item: PlainItem, live: list[dict[str, Any]]) -> float:
    sign = {"boost": 1, "bury": -1}
    return sum(sign[r["effect"]] * math.log(r["factor"]) for r in live if "factor" in r and _reached(item, r))


def _timed(filters: dict[str, Any]) -> dict[str, Any]:
    return {k: datetime.fromisoformat(v) if k.startswith("released") else v for k, v in filters.items()}
