"""The published models: which there are, which answers, and how another one is let answer."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import neo4j

from kg.driver import Graph, Row
from kg.errors import ModelError
from kg.queries import load

_Q = load("models")


class Model(NamedTuple):
    """A model that was published at least once."""

    version: str
    live: bool
    slot: str | None  # where its vectors are; None where another model's have taken their place
    trained_at: str | None  # ISO 8601
    promoted_at: str | None
    items: int | None
    metrics: dict[str, dict[str, float]]  # model or rival -> metric -> fraction, on its test part
    config: dict[str, Any]


def published(graph: Graph) -> list[Model]:
    """All models, the one promoted last first."""
    return [_model(row) for row in graph.read(_Q.all)]


def find(graph: Graph, version: str) -> Model:
    """One of them; the start of its version will do.

    Raises:
        ModelError: no version or several begin so.
    """
    models = published(graph)
    found = [m for m in models if m.version == version] or [
        m for m in models if m.version.startswith(version)
    ]
    if len(found) != 1:
        known = ", ".join(m.version for m in models) or "none"
        which = "no" if not found else "more than one"
        raise ModelError(f"{which.capitalize()} published model is called {version!r}; there are: {known}.")
    return found[0]


def gates(graph: Graph, version: str) -> list[Row]:
    """What the gate decided about a model, the newest decision first, with all figures."""
    rows = graph.read(load("refresh").gates, candidate=version)
    return [row | {"report": json.loads(row["report"])} for row in rows]


def promote(
    graph: Graph, version: str, check: Callable[[neo4j.ManagedTransaction], None] | None = None
) -> Model:
    """Let a model answer whose vectors are still in the graph; readers see the old one or the new.

    Args:
        check: called in the very transaction that moves the alias; what it raises leaves the alias alone.

    Raises:
        ModelError: there is no such model, its vectors are gone, or an experiment needs the live one.
    """
    model = find(graph, version)

    def move(tx: neo4j.ManagedTransaction) -> list[Row]:
        if check is not None:
            check(tx)
        tx.run(load("ingest").take_turn.text, runId="promote").consume()
        check_not_compared(tx)
        return tx.run(_Q.promote.text, version=model.version).data()

    if model.slot is None or not graph.transact("promotion", move):
        raise ModelError(
            f"The vectors of {model.version} are no longer in the graph. Write them again: "
            f"shopgraph gnn write-back {model.version}"
        )
    return find(graph, model.version)


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
    before = [m for m in published(graph) if m.slot is not None and m.promoted_at and not m.live]
    if not before:
        raise ModelError("There is no model to go back to: no other one has its vectors in the graph.")
    return promote(graph, before[0].version)


def _model(row: Row) -> Model:
    told = {name: json.loads(row[name] or "{}") for name in ("metrics", "config")}
    return Model(**row | told)
