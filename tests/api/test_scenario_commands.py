"""Scenarios on the command line, and rules in what it recommends and exports."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.export import export
from api.problems import ApiError
from api.scenarios.cli import app
from kg.driver import Graph
from kg.errors import SettingsError
from kg.queries import load
from kg.settings import Settings
from tests.api.test_cli import environment, shopgraph  # noqa: F401 - a fixture
from tests.api.test_export import whole
from tests.api.test_recommendations import TEA, ask, ids, wait_for
from tests.api.test_scenarios import put, rule

RULES = [
    rule("no-tea", "hide", {"category": ["Tea"]}),
    rule("spade", "pin", {"item_ids": ["tools-5"]}, position=1),
]


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):  # noqa: F811 - the fixture
    """Runs a command in this process, with the environment that a person's would have."""
    for name in (n for n in environment if n.startswith("SHOPGRAPH_")):
        monkeypatch.setenv(name, environment[name])
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_a_scenario_goes_into_a_file_and_back(filled: Graph, run, tmp_path: Path) -> None:
    assert filled.connection.uri
    file = tmp_path / "home.json"
    file.write_text(
        json.dumps({"note": "First page.", "rules": RULES, "filters": {"not": {"brand": ["No"]}}})
    )

    assert "Saved home with 2 rules" in run("save", str(file)).stderr

    assert run("list").stdout == "home: 2 rules. First page.\n"
    shown = run("show", "home").stdout
    assert json.loads(shown)["rules"][0]["applies_to"] == {"category": ["Food > Tea"]}
    file.write_text(shown)
    assert run("save", str(file), "--name", "copy").exit_code == 0
    assert json.loads(run("show", "copy").stdout) == json.loads(shown) | {"name": "copy"}
    assert run("delete", "copy").exit_code == 0
    with pytest.raises(ApiError, match="There is no scenario 'copy'; there are: 'home'"):
        run("show", "copy")


def test_a_bad_file_says_what_is_wrong(filled: Graph, run, tmp_path: Path) -> None:
    assert filled.connection.uri
    file = tmp_path / "home.json"
    file.write_text("{")
    with pytest.raises(SettingsError, match=r"home\.json is not JSON"):
        run("save", str(file))
    file.write_text('{"rules": [{"rule_id": "a", "effect": "vanish", "applies_to": {"brand": ["Acme"]}}]}')
    with pytest.raises(SettingsError, match=r"home\.json: rules\.0\.effect: Input should be 'hide'"):
        run("save", str(file))
    file.write_text(json.dumps({"rules": [RULES[1], RULES[1] | {"rule_id": "b"}]}))
    with pytest.raises(ApiError, match="'spade' and 'b' pin to the same position 1"):
        run("save", str(file))
    assert run("list", "--json").stdout == "[]\n"


def test_rules_hold_in_recommend_and_in_an_export(
    client: TestClient,
    settings: Settings,
    environment: dict[str, str],  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    put(client, "letter", rules=RULES, kind="trending")
    expected = ids(ask(client, user_id="ann", scenario="letter", limit=4))
    assert (expected[0], TEA & set(expected)) == ("tools-5", set())

    words = ["recommend", "--user", "ann", "--limit", "4", "--json", "--scenario"]
    done = shopgraph(environment, *words, "letter")
    assert done.returncode == 0, done.stderr
    assert ids(json.loads(done.stdout)) == expected
    refused = shopgraph(environment, *words, "leter")
    assert refused.returncode == 1
    assert "scenario is 'leter': one of letter" in " ".join(refused.stderr.split())

    file = tmp_path / "all.parquet"
    assert export(settings, file, None, 4, "letter") == 21
    table = pq.read_table(file)
    rows = [row for row in table.to_pylist() if row["user_id"] == "ann"]
    assert [row["item_id"] for row in sorted(rows, key=lambda r: r["rank"])] == expected
    assert (table.schema.metadata[b"scenario"], table.schema.metadata[b"kind"]) == (b"letter", b"trending")


def test_an_export_shows_each_user_the_side_of_the_experiment_that_the_page_shows(
    client: TestClient, filled: Graph, settings: Settings, tmp_path: Path
) -> None:
    put(client, "letter", rules=RULES, kind="trending", diversity=0.5)
    put(client, "other", kind="for_you")
    start = load("experiments").start
    filled.write(start, name="e", compares="scenario", a="letter", b="other", share=0.5)
    body: dict[str, Any] = {"scenario": "letter", "limit": 4}
    wait_for(lambda: ask(client, **body, user_id="ann")["experiment"] == "e", seconds=5)

    file = tmp_path / "all.parquet"
    export(settings, file, None, 4, "letter")

    shown: dict[str, list[str]] = {}
    for row in sorted(pq.read_table(file).to_pylist(), key=lambda r: r["rank"]):
        shown.setdefault(row["user_id"], []).append(row["item_id"])
    answers = {user: whole(client, **body, user_id=user) for user in shown}
    assert {answer["arm"] for answer in answers.values()} == {"a", "b"}
    assert shown == {user: ids(answer) for user, answer in answers.items()}
