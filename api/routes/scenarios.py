"""The HTTP routes of scenarios."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.routes.guard import KeeperOf, guarded
from api.scenarios.conflicts import conflicts, left_out
from api.scenarios.store import drop, drop_rule, found, save, save_rule
from api.schemas.answers import Problem
from api.schemas.scenarios import Name, NamedScenario, Rule, Scenario, ScenarioGone, ScenarioList
from api.state.serving import Keeper
from api.writer import Writer, WriterOf

scenarios = APIRouter(**guarded, tags=["scenarios"])
ScenarioName = Annotated[Name, Path(description="The scenario.", examples=["home"])]
RuleId = Annotated[Name, Path(description="The rule.", examples=["december-acme"])]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "Rules contradict each other; the document names both. Nothing was saved.",
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
}


@scenarios.get("/scenarios", response_model_exclude_none=True)
async def every(keeper: KeeperOf) -> ScenarioList:
    """All scenarios with their rules."""
    await keeper.curation.follow_scenarios(keeper.reads)
    found = (_told(scenario, keeper) for scenario in keeper.curation.scenarios.values())
    return ScenarioList(scenarios=list(found))


@scenarios.get("/scenarios/{name}", response_model_exclude_none=True)
async def one(name: ScenarioName, keeper: KeeperOf) -> NamedScenario:
    """A scenario with its rules."""
    await keeper.curation.follow_scenarios(keeper.reads)
    return _told(found(keeper.curation.scenarios, name), keeper)


@scenarios.put("/scenarios/{name}", response_model_exclude_none=True, responses=_CONFLICT)
async def put(name: ScenarioName, body: Scenario, keeper: KeeperOf, writer: WriterOf) -> NamedScenario:
    """Save a scenario. Once this answers, requests to this process obey; other processes follow in 2 s."""
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
    name: ScenarioName, rule_id: RuleId, body: Rule, keeper: KeeperOf, writer: WriterOf
) -> NamedScenario:
    """Save one rule of a scenario; answers with the whole scenario."""
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


def _told(scenario: NamedScenario, keeper: Keeper) -> NamedScenario:
    """With what is odd about its rules: they may have been changed in the graph itself, unchecked."""
    rules, snapshot = scenario.rules or (), keeper.serving.snapshot
    odd = [conflict.text for conflict in conflicts(rules, snapshot)]
    odd += left_out(rules, scenario.filters, snapshot)
    return scenario.model_copy(update={"notes": [*scenario.notes, *odd]})


async def _saved(work: Any, keeper: Keeper, writer: Writer) -> NamedScenario:
    saved: NamedScenario = await writer.transact("a scenario", work)
    await keeper.curation.follow_scenarios(keeper.reads)
    return saved
