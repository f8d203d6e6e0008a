"""Whether the model is to be trained again: how far the graph has moved since."""

from typing import Any, NamedTuple

from kg.driver import Graph
from kg.models import vector_properties
from kg.queries import load
from kg.refresh import drift
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
    """Judge by what came and went since the live model was trained, by its age, and by its drift."""
    if not options.retrain:
        return Reason(True, "not asked for", {})
    if compared := graph.read(load("models").compared):
        return Reason(True, f"the experiment {compared[0]['name']} compares two models", {})
    rows = graph.read(_Q.moved)
    if not rows:
        return Reason(False, "no model is live", {})
    row = rows[0]
    told, net_items = row["told"], row["items"] - row["items_told"]
    # As many may have gone as came; and what came may be older than the newest that the model knows.
    new = None if told is None else max(row["later"], abs(row["interactions"] - told))
    new_items = max(row["strange"], net_items)
    share, share_of_items = (new or 0) / max(row["interactions"], 1), new_items / max(row["items"], 1)
    agreement = drift.measure(graph)
    figures = {
        "new_interactions": new,
        "share_of_interactions": None if new is None else round(share, 4),
        "new_items": new_items,
        "share_of_items": round(share_of_items, 4),
        "days": round(row["days"], 2),
        "agreement": agreement and round(agreement.now, 4),
        "agreement_at_first": agreement and round(agreement.first, 4),
    }
    live, warm = row["version"], told is not None and row["later"] >= _ENOUGH * row["interactions"]
    if row["refused"]:
        return Reason(True, "a model that was trained on this very state was refused", figures, live)
    if row["left"]:
        return Reason(True, "a model that knows as much was taken back by hand", figures, live)
    if None not in (row["read"], row["encoder"]) and row["read"] != row["encoder"]:
        return Reason(False, f"the items' texts are encoded by {row['encoder']} now", figures, live)
    if new is None:
        why = "it is not known what the live model was trained on"
    elif share >= options.new_interactions:
        why = f"{new:,} interactions came or went"
    elif new_items and share_of_items >= options.new_items:
        why = f"{new_items:,} items are new"
    elif agreement and agreement.lost > options.drift:
        why = f"the vectors agree by {agreement.lost:.0%} less with what is counted than at first"
    elif (new or new_items or net_items) and row["days"] >= options.max_days:
        why = f"the live model is {row['days']:.0f} days old"
    else:
        return Reason(True, "the graph has not moved enough", figures, live, warm)
    return Reason(False, why, figures, live, warm)


def ranked(graph: Graph) -> str | None:
    """The version beside which a refresh last learned what the terms of the ranking count."""
    return next((row["version"] for row in graph.read(_Q.ranked)), None)


def strangers(graph: Graph) -> int:
    """How many items the live model has no vector of its own for."""
    live = next(iter(graph.read(load("gnn").live)), None)
    if live is None:
        return 0
    name = vector_properties(live["slot"])["target_property"]
    return len(graph.read(load("gnn").newcomers, slot=live["slot"], target_property=name))
