"""The scenarios of the shop as requests use them: read from the graph, swapped whole when they change."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from neo4j.time import DateTime
from pydantic import ValidationError

from api.filters import conditions
from api.problems import bad_field
from api.ranking.weights import RankingWeights
from api.scenarios.rules import hidden
from api.schemas import RecommendationRequest
from api.schemas.conditions import Filters
from api.schemas.scenarios import NamedRule, NamedScenario
from api.state.columns import Bools, Categories, Table
from kg.driver import Graph, Row
from kg.live.event_shape import reason_of
from kg.queries import load

log = logging.getLogger("shopgraph.api")
_Q = load("scenarios")
_KEYS = {"Item": "item_ids", "Brand": "brand", "Category": "category"}


class Placement(NamedTuple):
    """A scenario at one moment, or none: then it changes nothing."""

    scenario: NamedScenario | None = None
    rules: Sequence[NamedRule] = ()  # those that hold now

    @property
    def name(self) -> str | None:
        return self.scenario.name if self.scenario else None

    @property
    def notes(self) -> list[str]:
        """What is odd about the scenario."""
        return self.scenario.notes if self.scenario else []

    @property
    def by_category(self) -> bool:
        """Whether an item's categories decide whether it may be returned."""
        by_filter = self.scenario is not None and self.scenario.filters.by_category
        return by_filter or any(r.effect == "hide" and r.applies_to.category for r in self.rules)

    def conditions(self, table: Table, categories: Categories) -> Iterator[tuple[str, Bools]]:
        """Each rule that hides and each of the scenario's own filters, and the items that it lets through."""
        yield from hidden(table, self.rules, categories)
        if self.scenario is not None:
            for name, passes in conditions(table, self.scenario.filters, categories):
                yield f"scenario.{name}", passes

    def completed(self, request: RecommendationRequest) -> RecommendationRequest:
        """The request with the kind and the diversity of the scenario where it names none."""
        if self.scenario is None:
            return request
        own = {"kind": self.scenario.kind, "diversity": self.scenario.diversity}
        given = request.model_fields_set
        return request.model_copy(update={k: v for k, v in own.items() if v is not None and k not in given})

    def weighed(self, weights: RankingWeights, kind: str) -> RankingWeights:
        """The weights with those of the scenario for the kind that is asked for."""
        if self.scenario is None:
            return weights
        own = self.scenario.weights.model_dump(exclude_none=True)
        if not own:
            return weights
        edges = weights.kinds[kind].edges | own.pop("edges", {})
        changed = weights.kinds[kind].model_copy(update=own | {"edges": edges})
        return weights.model_copy(update={"kinds": {**weights.kinds, kind: changed}})


class Scenarios(Mapping[str, NamedScenario]):
    """All scenarios by name."""

    def __init__(self, scenarios: Iterable[NamedScenario] = ()) -> None:
        self._by_name = {s.name: s for s in scenarios}

    def __getitem__(self, name: str) -> NamedScenario:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def at(self, name: str | None, now: datetime | None = None) -> Placement:
        """A scenario with the rules that hold now; nothing for no name.

        Raises:
            InvalidRequestError: there is no such scenario.
        """
        if name is None:
            return Placement()
        if name not in self:
            there = f"one of {', '.join(self)}" if self else "none, since the shop has no scenarios"
            raise bad_field("scenario", name, there)
        scenario, now = self[name], now or datetime.now(UTC)
        return Placement(scenario, [r for r in scenario.rules or () if r.holds(now)])


def read_scenarios(graph: Graph) -> Scenarios:
    """All scenarios of a graph."""
    return scenarios_from(graph.read(_Q.every))


def scenarios_from(rows: Sequence[Row]) -> Scenarios:
    """From the rows of scenarios.every. What cannot be read does nothing, and a note says so."""
    return Scenarios(scenario for row in rows if (scenario := _scenario(row)) is not None)


def _scenario(row: Row) -> NamedScenario | None:
    notes: list[str] = []
    rules = [rule for told in row["rules"] if (rule := _rule(told, notes)) is not None]
    p = row["properties"]
    try:
        return NamedScenario(
            name=row["name"],
            kind=p.get("kind"),
            weights=json.loads(p.get("weights") or "{}"),
            filters=Filters.model_validate(json.loads(p.get("filters") or "{}")),
            diversity=p.get("diversity"),
            note=p.get("note"),
            rules=rules,
            notes=notes,
        )
    except (ValidationError, ValueError) as error:
        log.warning("Scenario %r cannot be read: %s", row["name"], error)
        return None


def _rule(told: Mapping[str, Any], notes: list[str]) -> NamedRule | None:
    p = told["properties"]
    rule_id = p.get("ruleId") or str(p.get("name")).rpartition("/")[2]
    targets: dict[str, list[str]] = {}
    for label, key in told["targets"]:
        if label in _KEYS:
            targets.setdefault(_KEYS[label], []).append(key)
    try:
        attributes = json.loads(p.get("attributes") or "{}")
        return NamedRule.model_validate(
            {
                "rule_id": rule_id,
                "applies_to": {
                    **{k: sorted(v) for k, v in targets.items()},
                    "attributes": attributes,
                    "on_sale": bool(p.get("onSale")),
                },
                "from": _time(p.get("from")),
                "until": _time(p.get("until")),
                **{name: p.get(name) for name in ("effect", "position", "factor", "note")},
            }
        )
    except ValidationError as error:
        notes.append(f"The rule {rule_id!r} does nothing, since it cannot be read: {reason_of(error)}.")
    except ValueError as error:
        notes.append(f"The rule {rule_id!r} does nothing: its attributes are not JSON ({error}).")
    return None


def _time(value: Any) -> Any:
    return value.to_native() if isinstance(value, DateTime) else value
