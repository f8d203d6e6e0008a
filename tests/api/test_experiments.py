"""Experiments over HTTP: who is on which side, and when API processes follow."""

import json

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from kg.driver import Graph
from kg.errors import SettingsError
from kg.feedback.experiments_cli import app
from kg.queries import parse
from tests.api.test_cli import environment  # noqa: F401 - a fixture
from tests.api.test_events import send, told
from tests.api.test_recommendations import TEA, ask, ids, wait_for
from tests.api.test_replay import KEPT
from tests.api.test_scenarios import put, rule
from tests.api.test_search import explain

NO_TEA = [rule("no-tea", "hide", {"category": ["Tea"]})]
GONE = parse(
    "gone", "// name: gone\n// x\n// params:\n// returns:\nMATCH (s:Scenario {name: 'other'}) DETACH DELETE s"
)


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):  # noqa: F811 - the fixture
    """Runs a command in this process, with the environment that a person's would have."""
    for name in (n for n in environment if n.startswith("SHOPGRAPH_")):
        monkeypatch.setenv(name, environment[name])
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_a_life_of_an_experiment(filled: Graph, client: TestClient, run) -> None:
    put(client, "home")
    put(client, "other", kind="trending", rules=NO_TEA)
    run("start", "test", "--a", "scenario:home", "--b", "scenario:other")
    wait_for(lambda: ask(client, user_id="x", scenario="home", limit=1)["experiment"] == "test", seconds=2)

    arms = {}
    for n in range(12):
        answer = ask(client, session_id=str(n), scenario="home", limit=18)
        arms[str(n)] = answer["arm"]
        assert answer["scenario"] == {"a": "home", "b": "other"}[answer["arm"]]
        assert (set(ids(answer)) >= TEA) == (answer["arm"] == "a")
    assert set(arms.values()) == {"a", "b"}
    shopper = next(s for s, arm in arms.items() if arm == "b")
    related = client.get("/v1/items/tea-0/related", params={"session_id": shopper, "scenario": "home"}).json()
    assert (related["arm"], TEA & set(ids(related))) == ("b", set())
    why = explain(client, session_id=shopper, scenario="home", item_id="tea-1")
    assert why["removed_by"] == "rule.no-tea"
    anonymous = ask(client, scenario="home", limit=1)
    assert (anonymous["experiment"], anonymous["arm"]) == ("test", "a")
    assert anonymous["notes"][0].startswith("Not counted in the experiment 'test'")
    assert ask(client, user_id="x", scenario="other", limit=1)["experiment"] is None
    assert ask(client, user_id="x", limit=1)["experiment"] is None

    bought = ask(client, session_id=shopper, scenario="home", limit=18)
    item = next(i for i in ids(bought) if i == "coffee-2")
    of = {"item": item, "user": f"session:{shopper}", "recommendation_id": bought["recommendation_id"]}
    send(client, told("1", "view", **of), told("2", "purchase", weight=3, **of))
    wait_for(
        lambda: bought["recommendation_id"] in {row["id"] for row in filled.read(KEPT["answers"])}, seconds=10
    )
    result = json.loads(run("report", "test", "--json").stdout)
    a, b = result["arms"]
    mine = [arm for arm in arms.values() if arm == "b"]
    assert b["users"] - len(mine) in (0, 1)  # x is on one of the sides
    assert a["users"] + b["users"] == 13
    assert (b["clicks"], b["purchases"], a["clicks"]) == (1, 1, 0)
    assert b["revenue_per_user"]["EUR"] == pytest.approx(3 * 8.0 / b["users"])
    shown = run("report", "test").stdout
    assert "click-through, b minus a: +" in shown
    assert "(may be chance)" in shown

    filled.write(GONE["gone"])
    wait_for(lambda: ask(client, user_id="x", scenario="home", limit=1)["experiment"] is None, seconds=2)
    assert "is gone" in ask(client, user_id="x", scenario="home", limit=1)["notes"][0]
    run("stop", "test")
    wait_for(lambda: ask(client, scenario="home", limit=1)["notes"] == [], seconds=2)
    assert json.loads(run("report", "test", "--json").stdout)["experiment"]["stopped_at"]


def test_what_cannot_be_compared_is_refused(client: TestClient, run) -> None:
    for name in ("home", "other", "third"):
        put(client, name)
    good = ("--a", "scenario:home", "--b", "scenario:other")
    for words, message in [
        (("x", "--a", "home", "--b", "scenario:other"), "expected scenario:NAME"),
        (("x", "--a", "scenario:nowhere", "--b", "scenario:other"), "no scenario 'nowhere'; there are: home"),
        (("x", "--a", "scenario:home", "--b", "scenario:home"), "nothing to compare"),
        (("x", *good, "--share", "1"), "between 0 and 1"),
    ]:
        with pytest.raises(SettingsError, match=message):
            run("start", *words)
    assert run("start", "x", *good).exit_code == 0
    with pytest.raises(SettingsError, match="name 'x' was used"):
        run("start", "x", "--a", "scenario:third", "--b", "scenario:other")
    with pytest.raises(SettingsError, match="'other' is in the experiment 'x'"):
        run("start", "y", "--a", "scenario:third", "--b", "scenario:other")
    for command in ("stop", "report"):
        with pytest.raises(SettingsError, match="no experiment 'z'; there are: x"):
            run(command, "z")
    run("stop", "x")
    assert run("start", "y", *good).exit_code == 0
