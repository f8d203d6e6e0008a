"""Published models and the alias."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from kg.driver import Graph
from kg.errors import ModelError
from kg.models import check_not_refused, find, known, promote, published, rollback
from kg.models_cli import app
from kg.queries import load, parse
from tests.kg.gates import NOTHING_TOLD

REPORT = {
    "overall": {"candidate": 0.04, "live": 0.05, "difference": -0.01, "p": 0.001, "users": 1234},
    "segments": {
        "new [items]": {"candidate": 0.02, "live": 0.015, "difference": 0.005, "p": 0.2, "users": 40}
    },
}
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
        load("gnn").hold, version=version, slot=slot, trained_at="2026-11-24T10:00:00Z", dim=4,
        temperature=0.1, metrics=json.dumps({"gnn": {"ndcg@20": ndcg}}), config="{}", serving="{}", items=3,
    )  # fmt: skip
    graph.write(load("models").promote, version=version)


def judge(
    graph: Graph,
    candidate: str,
    live: str | None,
    *,
    publish: bool,
    report: dict[str, Any] = REPORT,
    **told: Any,
) -> None:
    graph.write(
        load("refresh").store_gate, candidate=candidate, live=live, publish=publish,
        reason="better" if publish else "not better overall", report=json.dumps(report), interactions=9,
        **(NOTHING_TOLD | told),
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
    with pytest.raises(ModelError, match="More than one model is called '2026'"):
        promote(graph, "2026")
    with pytest.raises(ModelError, match="No model is called 'x'; there are: 20261124-b"):
        promote(graph, "x")
    assert live(graph) == ["20261124-b"]


def test_a_refused_model_is_promoted_by_force_alone_and_a_rollback_does_not_ask(graph: Graph) -> None:
    publish(graph, "20261123-a", "blue", 0.05)
    publish(graph, "20261124-b", "green", 0.06)
    judge(graph, "20261123-a", None, publish=True)
    judge(graph, "20261123-a", "20261124-b", publish=False)
    judge(graph, "20261125-c", "20261124-b", publish=False)
    assert [(m.version, m.passed) for m in known(graph)] == [
        ("20261125-c", False),
        ("20261124-b", None),
        ("20261123-a", False),
    ]
    assert [m.version for m in published(graph)] == ["20261124-b", "20261123-a"]
    with pytest.raises(
        ModelError, match=r"refused 20261123-a: not better overall.*model promote 20261123-a --force"
    ):
        promote(graph, "20261123")
    with pytest.raises(ModelError, match="To let it answer all the same: gnn write-back 20261123-a --force"):
        check_not_refused(graph, "20261123-a", "gnn write-back 20261123-a --force")
    check_not_refused(graph, "20261124-b", "")  # never judged
    assert live(graph) == ["20261124-b"]
    assert promote(graph, "20261123", force=True).live
    assert rollback(graph).version == "20261124-b"
    assert rollback(graph).version == "20261123-a"
    with pytest.raises(
        ModelError, match=r"not in the graph\. Write them: shopgraph gnn write-back 20261125-c"
    ):
        promote(graph, "20261125", force=True)
    judge(graph, "20261124-b", "20261123-a", publish=True)
    assert promote(graph, "20261124").live


@pytest.fixture
def run(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs `shopgraph model …` and returns what it prints."""
    c = graph.connection
    for name, value in (("URI", c.uri), ("USER", c.user), ("PASSWORD", c.password)):
        monkeypatch.setenv(f"SHOPGRAPH_NEO4J_{name}", value)

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return invoke


def test_the_commands_tell_of_a_model_that_only_the_gate_knows(graph: Graph, run: Callable[..., str]) -> None:
    publish(graph, "20261124-b", "green", 0.0625)
    judge(
        graph, "20261125-c", "20261124-b", publish=False, trained_at="2026-11-25T10:00:00Z", known_items=3,
        metrics=json.dumps({"gnn": {"ndcg@20": 0.05}}), config=json.dumps({"dim": 4}), until=9,
    )  # fmt: skip
    judge(graph, "20261126-d", None, publish=False, report={"overall": {}, "segments": {}})

    rows = {row.split()[1]: row.split("│")[3].strip() for row in run("list").splitlines() if "2026" in row}
    assert rows == {"20261124-b": "", "20261125-c": "refused", "20261126-d": "refused"}
    shown = json.loads(run("show", "20261125"))
    assert (shown["passed"], shown["slot"], shown["promoted_at"]) == (False, None, None)
    figures = (shown["trained_at"], shown["items"], shown["metrics"], shown["config"])
    assert figures == ("2026-11-25T10:00:00Z", 3, {"gnn": {"ndcg@20": 0.05}}, {"dim": 4})
    (gate,) = shown["gate"]
    assert (gate["live"], gate["publish"], gate["reason"]) == ("20261124-b", False, "not better overall")
    assert gate["report"] == REPORT

    compared = run("compare", "20261124", "20261125")
    assert "gate, 20261125-c against 20261124-b: refused: not better overall" in compared
    assert "They were trained on other data" in compared
    cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in compared.splitlines() if "│" in row]
    assert cells == [
        ["ndcg@20", "6.25", "5.00", "-1.25"],
        ["overall", "1,234", "4.00", "5.00", "-1.00", "0.0010"],
        ["new [items]", "40", "2.00", "1.50", "+0.50", "0.2000"],
    ]
    told = json.loads(run("compare", "20261124", "20261125", "--json"))
    assert [g["report"] for g in told["gates"]] == [REPORT]
    assert (told["same_data"], told["test"]) == (False, {"ndcg@20": [0.0625, 0.05]})
    without = run("compare", "20261124", "20261126")
    assert without.strip() == "gate, 20261126-d against popularity: refused: not better overall"
    with pytest.raises(ModelError, match=r"refused 20261125-c.*: shopgraph gnn write-back \S+ --force"):
        run("promote", "20261125")
    with pytest.raises(ModelError, match="Write them: shopgraph gnn write-back 20261125-c --force"):
        run("promote", "20261125", "--force")


def test_what_the_second_question_found_is_shown_by_segment(graph: Graph, run: Callable[..., str]) -> None:
    publish(graph, "20261124-b", "green", 0.0625)
    row = {"users": 31.0, "candidate": 0.02, "live": 0.03, "p": 0.0001}
    answers = {"users": 90, "reason": "clearly worse in it", "segments": {"category: [x]": row}}
    judge(graph, "20261125-c", "20261124-b", publish=False, report=REPORT | {"answers": answers})

    shown = run("compare", "20261124", "20261125").splitlines()

    at = next(n for n, line in enumerate(shown) if line == "of 90 shoppers, clearly worse in it")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown[at:] if "│" in line]
    assert cells == [["category: [x]", "31", "2.00", "3.00", "-1.00", "0.0001"]]


def test_the_commands_tell(graph: Graph, run: Callable[..., str]) -> None:
    publish(graph, "20261123-a", "blue", 0.05)
    publish(graph, "20261124-b", "green", 0.0625)
    judge(graph, "20261123-a", "20261124-b", publish=False)

    listed = json.loads(run("list", "--json"))
    assert [(m["version"], m["live"]) for m in listed] == [("20261124-b", True), ("20261123-a", False)]
    assert "6.25" in run("list")
    assert json.loads(run("show", "20261123"))["slot"] == "blue"
    compared = json.loads(run("compare", "20261123", "20261124", "--json"))
    assert compared["test"] == {"ndcg@20": [0.05, 0.0625]}
    assert "+1.25" in run("compare", "20261123", "20261124")
    assert run("rollback").strip() == "20261123-a is live, from slot blue."
    assert run("promote", "20261124").strip() == "20261124-b is live, from slot green."
    promoted = find(graph, "20261124").promoted_at
    assert run("promote", "20261124").strip() == "20261124-b is live, from slot green."
    assert find(graph, "20261124").promoted_at == promoted
    assert run("promote", "20261123", "--force").strip() == "20261123-a is live, from slot blue."
