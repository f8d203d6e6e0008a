"""Published models and the alias."""

import json

import pytest
from typer.testing import CliRunner

from kg.driver import Graph
from kg.errors import ModelError
from kg.models import find, promote, published, rollback
from kg.models_cli import app
from kg.queries import load, parse

PUBLISH = load("gnn").promote
FORGET = parse(
    "forget",
    """
// name: forget
// A model whose vectors were replaced.
// params: version
// returns:
MATCH (m:Model {version: $version})
SET m.slot = null
""",
)["forget"]


def publish(graph: Graph, version: str, slot: str, ndcg: float) -> None:
    graph.write(
        PUBLISH, version=version, slot=slot, trained_at="2026-11-24T10:00:00Z", dim=4, temperature=0.1,
        metrics=json.dumps({"gnn": {"ndcg@20": ndcg}}), config="{}", serving="{}", items=3,
    )  # fmt: skip


def live(graph: Graph) -> list[str]:
    return [m.version for m in published(graph) if m.live]


def test_promotion_and_rollback_move_the_alias(graph: Graph) -> None:
    publish(graph, "20261123-a", "blue", 0.05)
    publish(graph, "20261124-b", "green", 0.06)
    assert live(graph) == ["20261124-b"]
    assert rollback(graph).version == "20261123-a"
    assert live(graph) == ["20261123-a"]
    assert rollback(graph).version == "20261124-b"  # and forward again
    assert promote(graph, "20261123").version == "20261123-a"
    assert live(graph) == ["20261123-a"]
    assert find(graph, "20261124").metrics == {"gnn": {"ndcg@20": 0.06}}


def test_what_cannot_be_promoted_is_named_and_changes_nothing(graph: Graph) -> None:
    publish(graph, "20261123-a", "blue", 0.05)
    publish(graph, "20261124-b", "green", 0.06)
    graph.write(FORGET, version="20261123-a")
    with pytest.raises(ModelError, match="shopgraph gnn write-back 20261123-a"):
        promote(graph, "20261123-a")
    with pytest.raises(ModelError, match="no model to go back to"):
        rollback(graph)
    with pytest.raises(ModelError, match="More than one published model is called '2026'"):
        promote(graph, "2026")
    with pytest.raises(ModelError, match="No published model is called 'x'; there are: 20261124-b"):
        promote(graph, "x")
    assert live(graph) == ["20261124-b"]


def test_the_commands_tell(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    c = graph.connection
    for name, value in (("URI", c.uri), ("USER", c.user), ("PASSWORD", c.password)):
        monkeypatch.setenv(f"SHOPGRAPH_NEO4J_{name}", value)
    publish(graph, "20261123-a", "blue", 0.05)
    publish(graph, "20261124-b", "green", 0.0625)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    listed = json.loads(run("list", "--json"))
    assert [(m["version"], m["live"]) for m in listed] == [("20261124-b", True), ("20261123-a", False)]
    assert "6.25" in run("list")
    assert json.loads(run("show", "20261123"))["slot"] == "blue"
    assert json.loads(run("compare", "20261123", "20261124", "--json")) == {"ndcg@20": [0.05, 0.0625]}
    assert "+1.25" in run("compare", "20261123", "20261124")
    assert run("rollback").strip() == "20261123-a is live, from slot blue."
    assert run("promote", "20261124").strip() == "20261124-b is live, from slot green."
