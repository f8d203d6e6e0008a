"""Whether the model is to be trained again: how far the graph has moved since."""

from typing import Any, NamedTuple

from kg.driver import Graph
from kg.queries import load
from kg.refresh.job import Options

_Q = load("refresh")


_ENOUGH = 0.01  # part of the interactions that must be later than what a model knows, to start from it


class Reason(NamedTuple):
    """Why the model is trained again, or why not."""

    skip: bool
    text: str
    figures: dict[str, Any]
    live: str | None = None
    warm: bool = False  # whether training can start from the live model


def reason(graph: Graph, options: Options) -> Reason:
    """Judge by the share of new interactions, that of items without vectors of the model, and its age."""
    if not options.retrain:
        return Reason(True, "not asked for", {})
    if compared := graph.read(load("models").compared):
        return Reason(True, f"the experiment {compared[0]['name']} compares two models", {})
    rows = graph.read(_Q.moved)
    if not rows:
        return Reason(False, "no model is live", {})
    row = rows[0]
    told = row["told"]
    new = None if told is None else row["interactions"] - told
    share = None if new is None else new / max(row["interactions"], 1)
    strange = row["strange"] / max(row["items"], 1)
    figures = {
        "new_interactions": new,
        "share_of_interactions": None if share is None else round(share, 4),
        "new_items": row["strange"],
        "share_of_items": round(strange, 4),
        "days": round(row["days"], 2),
    }
    live, warm = row["version"], told is not None and row["later"] >= _ENOUGH * row["interactions"]
    if row["refused"] == row["interactions"]:
        return Reason(True, "a model that was trained on these very interactions was refused", figures, live)
    if None not in (row["read"], row["encoder"]) and row["read"] != row["encoder"]:
        return Reason(False, f"the items' texts are encoded by {row['encoder']} now", figures, live)
    if new is None:
        return Reason(False, "it is not known what the live model was trained on", figures, live, warm)
    if share is not None and share >= options.new_interactions:
        return Reason(False, f"{new:,} interactions are new", figures, live, warm)
    if new > 0 and strange >= options.new_items:
        return Reason(False, f"{row['strange']:,} items are new", figures, live, warm)
    if new > 0 and row["days"] >= options.max_days:
        return Reason(False, f"the live model is {row['days']:.0f} days old", figures, live, warm)
    return Reason(True, "the graph has not moved enough", figures, live, warm)


def live_version(graph: Graph) -> str | None:
    """The version that answers now."""
    return next((row["version"] for row in graph.read(load("gnn").live)), None)


def ranked(graph: Graph) -> str | None:
    """The version beside which a refresh last learned what the terms of the ranking count."""
    return next((row["version"] for row in graph.read(_Q.ranked)), None)


def strangers(graph: Graph) -> int:
    """How many items the live model has no vector of its own for."""
    live = next(iter(graph.read(load("gnn").live)), None)
    if live is None:
        return 0
    name = f"gnnTarget{live['slot'].title()}"
    return len(graph.read(load("gnn").newcomers, slot=live["slot"], target_property=name))
