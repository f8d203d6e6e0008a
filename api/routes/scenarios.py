"""The HTTP routes of scenarios."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.problems import bad_field
from api.routes.guard import KeeperOf, guarded, problem_response
from api.scenarios.conflicts import conflicts, idle, left_out
from api.scenarios.store import drop, drop_rule, found, save, save_rule
from api.schemas.scenarios import Name, NamedScenario, RulePut, ScenarioGone, ScenarioList, ScenarioPut
from api.state.serving import Keeper
from api.state.snapshot import Snapshot
from api.writer import Writer, WriterOf

scenarios = APIRouter(**guarded, tags=["scenarios"])
ScenarioName = Annotated[Name, Path(description="The scenario.", examples=["home"])]
RuleId = Annotated[Name, Path(description="The rule.", examples=["december-acme"])]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: problem_response("Rules contradict each other; the document names both. Nothing was saved.")
}


@scenarios.get("/scenarios", response_model_exclude_none=True)
async def every(keeper: KeeperOf) -> ScenarioList:
    """All scenarios with their rules."""
    await keeper.curation.follow_scenarios(keeper.reads)
    scenarios, snapshot = list(keeper.curation.scenarios.values()), keeper.serving.snapshot
    found = await asyncio.to_thread(lambda: [_told(scenario, snapshot) for scenario in scenarios])
    return ScenarioList(scenarios=found)


@scenarios.get("/scenarios/{name}", response_model_exclude_none=True)
async def one(name: ScenarioName, keeper: KeeperOf) -> NamedScenario:
    """A scenario with its rules."""
    await keeper.curation.follow_scenarios(keeper.reads)
    scenario = found(keeper.curation.scenarios, name)
    return await asyncio.to_thread(_told, scenario, keeper.serving.snapshot)


@scenarios.put("/scenarios/{name}", response_model_exclude_none=True, responses=_CONFLICT)
async def put(name: ScenarioName, body: ScenarioPut, keeper: KeeperOf, writer: WriterOf) -> NamedScenario:
    """Save a scenario. Once this answers, requests to this process obey; other processes follow in 2 s."""
    _same("name", body.name, name)
    snapshot = keeper.serving.snapshot
    return await _saved(partial(save, name=name, scenario=body, snapshot=snapshot), keeper, writer)


@scenarios.delete("/scenarios/{name}", response_model_exclude_none=True)
async def delete(name: ScenarioName, keeper: KeeperOf, writer: WriterOf) -> ScenarioGone:
    """Delete a scenario with its rules."""
    await writer.transact("deletion of a scenario", partial(drop, name=name))
    await keeper.curation.follow_scenarios(keeper.reads)
    return ScenarioGone(name=name, rule_id=None)


@scenarios.put("/scenarios/{name}/rules/{rule_id}", response_model_exclude_none=True, responses=_CONFLICT)
async def put_rule(
    name: ScenarioName, rule_id: RuleId, body: RulePut, keeper: KeeperOf, writer: WriterOf
) -> NamedScenario:
    """Save one rule of a scenario; answers with the whole scenario."""
    _same("rule_id", body.rule_id, rule_id)
    work = partial(save_rule, name=name, rule_id=rule_id, rule=body, snapshot=keeper.serving.snapshot)
    return await _saved(work, keeper, writer)


@scenarios.delete("/scenarios/{name}/rules/{rule_id}", response_model_exclude_none=True)
async def delete_rule(
    name: ScenarioName, rule_id: RuleId, keeper: KeeperOf, writer: WriterOf
) -> ScenarioGone:
    """Delete one rule of a scenario."""
    await writer.transact("deletion of a rule", partial(drop_rule, name=name, rule_id=rule_id))
    await keeper.curation.follow_scenarios(keeper.reads)
    return ScenarioGone(name=name, rule_id=rule_id)


def _same(field: str, told: str | None, of_path: str) -> None:
    if told not in (None, of_path):
        raise bad_field(field, told, f"that of the path, {of_path!r}, or nothing")


def _told(scenario: NamedScenario, snapshot: Snapshot) -> NamedScenario:
    """With what is odd about its rules: they may have been changed in the graph itself, unchecked."""
    rules = scenario.rules or ()
    odd = [conflict.text for conflict in conflicts(rules, snapshot)]
    odd += [*left_out(rules, scenario.filters, snapshot), *idle(rules, scenario.filters, snapshot)]
    return scenario.model_copy(update={"notes": [*scenario.notes, *odd]})


async def _saved(work: Any, keeper: Keeper, writer: Writer) -> NamedScenario:
    saved: NamedScenario = await writer.transact("a scenario", work)
    await keeper.curation.follow_scenarios(keeper.reads)
    return saved
