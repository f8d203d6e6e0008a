"""The tasks about shoppers, on the made-up shop: what must hold of any shop."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api.evaluation import shoppers
from api.evaluation.measure import RANK_LOST, Case, Report
from api.evaluation.tasks import hold_out
from api.reads import Reads
from api.state.served import Serving, load_serving
from kg.driver import Graph
from kg.settings import Settings
from tests.api import shop

Task = Callable[[list[Case], Serving, Reads], Awaitable[Report]]
EDGES = [("tea-0", "tea-4", 0.4), ("coffee-1", "coffee-3", 0.2), ("tea-1", "coffee-2", 0.3)]


@pytest.fixture
def asked(filled: Graph, settings: Settings) -> Callable[[Task], Report]:
    """Runs a task on shoppers who have a purchase of which nobody is told."""
    for n in range(8):
        bought = [f"tea-{n % 3}", f"coffee-{n % 4}", f"tools-{n % 5}", f"tea-{3 + n % 3}"]
        shop.events(filled, [(f"shopper-{n}", item, "BOUGHT", at) for at, item in enumerate(bought)])
    shop.publish(filled, "model-2", "blue", seed=4, leads_to=EDGES, fade=0.2)

    def run(task: Task) -> Report:
        async def asking() -> Report:
            serving, reads = load_serving(filled, settings), Reads(filled)
            try:
                return await task(hold_out(filled), serving, reads)
            finally:
                await reads.close()

        return asyncio.run(asking())

    return run


def test_a_session_finds_what_the_same_past_of_a_user_finds(asked: Callable[[Task], Report]) -> None:
    found = asked(shoppers.sessions)
    assert found.cases == 9
    assert found.systems["session"] == found.systems["user"]
    assert set(found.systems) == {"popular", "one item: bought with", "one item", "user", "session"}


def test_recommendations_sink_most_without_the_item_that_is_named_first(
    asked: Callable[[Task], Report],
) -> None:
    found = asked(shoppers.reasons)
    assert found.cases == 9
    named, drawn = found.systems["named first"], found.systems["drawn at random"]
    assert named["sinks most"] == 1
    assert named["sum off by"] < 1e-6
    assert named[RANK_LOST] >= drawn[RANK_LOST]


def test_lists_reach_as_far_as_was_counted(asked: Callable[[Task], Report]) -> None:
    pasts: list[set[str]] = []

    async def of_two(cases: list[Case], serving: Serving, reads: Reads) -> Report:
        two = [case for case in cases if case.user_id in ("shopper-0", "shopper-3")]
        pasts.extend(set(case.past) for case in two)
        return await shoppers.reach(two, serving, reads)

    found = asked(of_two)
    assert pasts == [{"tea-0", "coffee-0", "tools-0"}, {"tea-0", "coffee-3", "tools-3"}]
    # Each is shown all of the 18 items that they do not have: all but tea-0.
    assert {of["coverage@20"] for of in found.systems.values()} == {17 / 18}
    alone, diverse = found.systems["diversity 0"], found.systems["diversity 0.5"]
    assert diverse["likeness@10"] < alone["likeness@10"]
