"""Scenarios into the graph: each change is checked against what is there, in one transaction."""

import json
from collections.abc import Iterable
from typing import Any

import neo4j

from api.problems import ApiError, bad_field
from api.scenarios.conflicts import conflicts, idle, left_out
from api.scenarios.current import Scenarios, scenarios_from
from api.schemas.conditions import Filters
from api.schemas.scenarios import NamedRule, NamedScenario, Rule, Scenario, Target
from api.state.columns import value_key
from api.state.snapshot import Snapshot
from kg.queries import load

_Q = load("scenarios")


def save(tx: neo4j.ManagedTransaction, name: str, scenario: Scenario, snapshot: Snapshot) -> NamedScenario:
    """A scenario in place of the one of that name; without rules given, its rules stay.

    Raises:
        ApiError: 422, a rule names what the shop lacks; 409, two rules contradict each other.
    """
    before = _locked(tx).get(name)
    rules = scenario.rules
    if rules is None:
        rules = list(before.rules or ()) if before else []
    else:
        rules = [_known(tx, rule, snapshot) for rule in rules]
    notes = _checked(rules, scenario.filters, snapshot)
    properties = {
        "kind": scenario.kind,
        "weights": _json(scenario.weights.model_dump(exclude_none=True)),
        "filters": _json(scenario.filters.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
        "diversity": scenario.diversity,
        "note": scenario.note,
    }
    tx.run(_Q.save.text, name=name, properties=properties).consume()
    if scenario.rules is not None:
        tx.run(_Q.drop_rules.text, scenario=name, keep=[f"{name}/{r.rule_id}" for r in rules]).consume()
        for rule in rules:
            _write(tx, name, rule)
    return NamedScenario(name=name, rules=rules, notes=notes, **{k: getattr(scenario, k) for k in properties})


def save_rule(
    tx: neo4j.ManagedTransaction, name: str, rule_id: str, rule: Rule, snapshot: Snapshot
) -> NamedScenario:
    """A rule in place of the one of that id; returns the whole scenario.

    Raises:
        ApiError: 404, no such scenario; 422, the rule names what the shop lacks; 409, it contradicts another.
    """
    before = found(_locked(tx), name)
    told = NamedRule.model_validate({**rule.model_dump(by_alias=True), "rule_id": rule_id})
    named = _known(tx, told, snapshot)
    rules = [*(r for r in before.rules or () if r.rule_id != rule_id), named]
    notes = _checked(rules, before.filters, snapshot)
    _write(tx, name, named)
    return before.model_copy(update={"rules": rules, "notes": notes})


def drop(tx: neo4j.ManagedTransaction, name: str) -> None:
    """Delete a scenario with its rules.

    Raises:
        ApiError: 404, there is none.
    """
    tx.run(_Q.drop_rules.text, scenario=name, keep=[]).consume()
    if not tx.run(_Q.drop.text, name=name).data():
        raise unknown(name, scenarios_from(tx.run(_Q.every.text).data()))


def drop_rule(tx: neo4j.ManagedTransaction, name: str, rule_id: str) -> None:
    """Delete a rule.

    Raises:
        ApiError: 404, there is none.
    """
    if not tx.run(_Q.drop_rule.text, name=f"{name}/{rule_id}").data():
        raise ApiError(404, "unknown-rule", f"The scenario {name!r} has no rule {rule_id!r}.")


def found(scenarios: Scenarios, name: str) -> NamedScenario:
    """A scenario.

    Raises:
        ApiError: 404, there is none.
    """
    if name not in scenarios:
        raise unknown(name, scenarios)
    return scenarios[name]


def unknown(name: str, scenarios: Iterable[str]) -> ApiError:
    """There is no scenario of that name."""
    there = ", ".join(map(repr, scenarios)) or "none"
    return ApiError(404, "unknown-scenario", f"There is no scenario {name!r}; there are: {there}.")


def _locked(tx: neo4j.ManagedTransaction) -> Scenarios:
    """What is there, after the turn was taken: nobody else changes it until the transaction ends."""
    tx.run(load("ingest").take_turn.text, runId="scenarios").consume()
    return scenarios_from([dict(record) for record in tx.run(_Q.every.text)])


def _known(tx: neo4j.ManagedTransaction, rule: NamedRule, snapshot: Snapshot) -> NamedRule:
    """The rule with brands and categories as the graph has them."""
    target = rule.applies_to
    row = tx.run(
        _Q.found.text, item_ids=target.item_ids, brands=target.brand, categories=target.category
    ).single(strict=True)
    brands, categories = ([(asked, key) for asked, key in row[name]] for name in ("brands", "categories"))
    there = {
        "item_ids": set(row["items"]),
        "brand": {asked for asked, _ in brands},
        "category": {asked for asked, _ in categories},
    }
    for field, known in there.items():
        for value in getattr(target, field):
            if value not in known:
                what = {"item_ids": "an item", "brand": "a brand", "category": "a category"}[field]
                raise bad_field(f"rules.{rule.rule_id}.applies_to.{field}", value, f"{what} of the graph")
    for name, values in target.attributes.items():
        for value in values:
            if not _has(snapshot, name, value):
                field = f"rules.{rule.rule_id}.applies_to.attributes.{name}"
                raise bad_field(field, value, "a value that an item has")
    exact = Target(
        item_ids=sorted(set(target.item_ids)),
        brand=sorted({name for _, name in brands}),
        category=sorted({key for _, key in categories}),
        attributes=target.attributes,
        on_sale=target.on_sale,
    )
    return rule.model_copy(update={"applies_to": exact})


def _has(snapshot: Snapshot, name: str, value: Any) -> bool:
    return value_key(value) in snapshot.columns.attributes.get(name.casefold(), {})


def _checked(rules: list[NamedRule], filters: Filters, snapshot: Snapshot) -> list[str]:
    """What is to be told of the rules beside the scenario's filters.

    Raises:
        ApiError: 409, two of them contradict each other.
    """
    odd = list(conflicts(rules, snapshot))
    fatal = [conflict.text for conflict in odd if conflict.fatal]
    if fatal:
        raise ApiError(409, "rule-conflict", f"{' '.join(fatal)} Nothing was saved.")
    return [
        *(conflict.text for conflict in odd),
        *left_out(rules, filters, snapshot),
        *idle(rules, filters, snapshot),
    ]


def _write(tx: neo4j.ManagedTransaction, scenario: str, rule: NamedRule) -> None:
    target = rule.applies_to
    properties = {
        "ruleId": rule.rule_id,
        "effect": rule.effect,
        "position": rule.position,
        "factor": rule.factor,
        "from": rule.from_,
        "until": rule.until,
        "note": rule.note,
        "attributes": _json(target.attributes),
        "onSale": target.on_sale or None,
    }
    tx.run(
        _Q.save_rule.text,
        scenario=scenario,
        name=f"{scenario}/{rule.rule_id}",
        properties=properties,
        item_ids=target.item_ids,
        brands=target.brand,
        categories=target.category,
    ).consume()


def _json(value: Any) -> str | None:
    """As text for a property, none where there is nothing to say."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if value else None
