"""The models: which there are, what the gate says of them, which answers, and how another one is let."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import neo4j

from kg.driver import Graph, Row
from kg.errors import ModelError
from kg.queries import load

_Q = load("models")


class Model(NamedTuple):
    """A model whose vectors are or were in the graph, or of which only the gate's verdict is."""

    version: str
    live: bool
    passed: bool | None  # the gate's last word: whether it may be published; None where it was not asked
    slot: str | None  # where its vectors are; None where there are none, or another model's in their place
    trained_at: str | None  # ISO 8601
    promoted_at: str | None  # None: it has never answered
    items: int | None
    until: int | None  # the newest interaction that it knows, in seconds since 1970
    interactions: int | None  # how many it knows
    metrics: dict[str, dict[str, float]]  # model or rival -> metric -> fraction, on its test part
    config: dict[str, Any]


def vector_properties(slot: str) -> dict[str, str]:
    """The properties of items that hold a slot's vectors, as queries want them.

    >>> vector_properties("blue")
    {'context_property': 'gnnContextBlue', 'target_property': 'gnnTargetBlue'}
    """
    return {f"{tower}_property": f"gnn{tower.title()}{slot.title()}" for tower in ("context", "target")}


def live_version(graph: Graph) -> str | None:
    """The version that answers now."""
    return next((row["version"] for row in graph.read(load("gnn").live)), None)


def known(graph: Graph) -> list[Model]:
    """All models, the one promoted or judged last first."""
    return [_model(row) for row in graph.read(_Q.all)]


def published(graph: Graph) -> list[Model]:
    """Those that have answered, the one promoted last first."""
    return [model for model in known(graph) if model.promoted_at]


def find(graph: Graph, version: str) -> Model:
    """One of all models; the start of its version will do.

    Raises:
        ModelError: no version or several begin so.
    """
    models = known(graph)
    found = [m for m in models if m.version == version] or [
        m for m in models if m.version.startswith(version)
    ]
    if len(found) != 1:
        there = ", ".join(m.version for m in models) or "none"
        which = "More than one" if found else "No"
        raise ModelError(f"{which} model is called {version!r}; there are: {there}.")
    return found[0]


def gates(graph: Graph, version: str) -> list[Row]:
    """What the gate decided about a model, the newest decision first, with all figures."""
    rows = graph.read(load("refresh").gates, candidate=version)
    return [row | {"report": json.loads(row["report"])} for row in rows]


def promote(
    graph: Graph,
    version: str,
    check: Callable[[neo4j.ManagedTransaction], None] | None = None,
    *,
    force: bool = False,
) -> Model:
    """Let a model answer whose vectors are still in the graph; readers see the old one or the new.

    Args:
        check: called in the very transaction that moves the alias; what it raises leaves the alias alone.
        force: also one that the gate refused.

    Raises:
        ModelError: there is no such model, the gate refused it, its vectors are not in the graph, or an
            experiment needs the live one.
    """
    model = find(graph, version)
    written = f"shopgraph gnn write-back {model.version}{' --force' if model.passed is False else ''}"
    if not force:
        here = f"shopgraph model promote {model.version} --force"
        check_not_refused(graph, model.version, here if model.slot else written)

    def move(tx: neo4j.ManagedTransaction) -> list[Row]:
        if check is not None:
            check(tx)
        tx.run(load("ingest").take_turn.text, runId="promote").consume()
        check_not_compared(tx)
        return tx.run(_Q.promote.text, version=model.version).data()

    if model.slot is None or not graph.transact("promotion", move):
        raise ModelError(f"The vectors of {model.version} are not in the graph. Write them: {written}")
    return find(graph, model.version)


def check_not_refused(graph: Graph, version: str, otherwise: str) -> None:
    """Refuse to let a model answer that the gate refused last.

    Args:
        otherwise: the command that does so all the same.

    Raises:
        ModelError: the gate refused it.
    """
    last = next(iter(gates(graph, version)), None)
    if last is not None and not last["publish"]:
        raise ModelError(
            f"The gate refused {version}: {last['reason']}. To let it answer all the same: {otherwise}"
        )


def check_not_compared(tx: neo4j.ManagedTransaction) -> None:
    """Refuse to move models while an experiment needs both of them.

    Args:
        tx: a transaction that has taken ingest's turn, as the start of an experiment does.

    Raises:
        ModelError: an experiment runs whose sides are two models.
    """
    if rows := tx.run(_Q.compared.text).data():
        raise ModelError(
            f"The experiment {rows[0]['name']!r} compares two models, whose vectors fill both slots. Stop it "
            f"first: shopgraph experiment stop {rows[0]['name']}"
        )


def rollback(graph: Graph) -> Model:
    """Let the model answer again that did before: the other one whose vectors are in the graph.

    Raises:
        ModelError: there is none.
    """
    before = [m for m in published(graph) if m.slot is not None and not m.live]
    if not before:
        raise ModelError("There is no model to go back to: no other one has its vectors in the graph.")
    left = live_version(graph)
    model = promote(graph, before[0].version, force=True)
    if left is not None:  # so that the next refresh does not publish it again
        graph.write(_Q.leave, version=left, live=model.version)
    return model


def _model(row: Row) -> Model:
    told = {name: json.loads(row[name] or "{}") for name in ("metrics", "config")}
    return Model(**row | told)
