"""`gnn gate`: a saved model before the gate, its verdict in the graph."""

import json
from pathlib import Path
from typing import Any

from gnn.gate import Verdict, judge, refused
from gnn.store import SavedModel, find, load
from gnn.write_back import checked
from kg.dataset import from_graph
from kg.driver import Graph
from kg.errors import ModelError
from kg.models import live_version
from kg.queries import load as queries


def gated(graph: Graph, home: Path, version: str | None) -> Verdict:
    """Judge a saved model against the live one and store the verdict as a (:Gate).

    A model that is broken is refused with the reason; nothing else is written for it.

    Raises:
        ModelError: there is no saved model of that name, or the live one's files are not here.
    """
    name, live = find(home, version), live_version(graph)
    other = load(home, live) if live else None
    try:
        candidate, twin = load(home, name), load(home, name, twin=True)
        ids = [row["itemId"] for row in graph.read(queries("gnn").item_ids)]
        for model in (candidate, twin):
            checked(model, ids)
        verdict = judge(from_graph(graph), candidate, twin, other)
    except ModelError as error:
        verdict, candidate = refused(name, live, str(error)), None
    _store(graph, verdict, candidate)
    return verdict


def _store(graph: Graph, verdict: Verdict, candidate: SavedModel | None) -> None:
    graph.write(
        queries("refresh").store_gate,
        candidate=verdict.candidate,
        live=verdict.live,
        publish=verdict.publish,
        reason=verdict.reason,
        report=json.dumps(verdict._asdict()),
        **_told_of(candidate),
    )


def _told_of(candidate: SavedModel | None) -> dict[str, Any]:
    """What `shopgraph model` shows of a model whose vectors are not in the graph."""
    names = ("trained_at", "known_items", "metrics", "config", "until", "interactions")
    if candidate is None:
        return dict.fromkeys(names)
    about = candidate.about
    told = (about.trained_at, len(about.item_ids), json.dumps(about.metrics), json.dumps(about.config))
    return dict(zip(names, (*told, about.until, about.interactions), strict=True))
