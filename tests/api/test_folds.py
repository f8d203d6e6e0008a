"""Needs that are asked of an encoder which learned from others only."""

from api.evaluation.folds import FOLDS, held_out
from kg.driver import Graph
from kg.queries import load, parse

NEEDS = parse(
    "needs",
    """
// name: make
// Needs of ten sessions, three of each.
// params:
// returns: nothing
UNWIND range(0, 29) AS n
CREATE (:Intent {intentId: 'need-' + n, text: 'words', session: 'session-' + n % 10})
""",
)


def _known(graph: Graph) -> set[str]:
    return {row["intent_id"] for row in graph.read(load("evaluate").sessions)}


def test_a_fold_is_learned_without_its_needs_and_no_session_is_in_two(graph: Graph) -> None:
    graph.write(NEEDS["make"])
    everything, commands = _known(graph), list[tuple[str, ...]]()
    learned_from: list[set[str]] = []
    seen: list[set[str]] = []

    def run(*command: str) -> None:
        commands.append(command)
        if command == ("graph", "encode"):
            learned_from.append(_known(graph))

    for ids in held_out(graph, run):
        assert _known(graph) == everything - set(ids)
        seen.append(set(ids))
    assert learned_from == [everything - ids for ids in seen]
    assert set.union(*seen) == everything == _known(graph)
    assert sum(map(len, seen)) == 30
    sessions = [{int(i[5:]) % 10 for i in ids} for ids in seen]
    assert sum(map(len, sessions)) == 10
    assert [c for c in commands if "--undo" in c] == [("graph", "fine-tune", "--undo")] * len(seen)
    assert 1 < len(seen) <= FOLDS


def test_needs_are_back_after_a_failure(graph: Graph) -> None:
    graph.write(NEEDS["make"])
    everything = _known(graph)
    folds = held_out(graph, lambda *_: None)
    next(folds)
    folds.close()
    assert _known(graph) == everything
