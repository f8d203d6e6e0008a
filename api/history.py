"""From what a user did to what it says about them."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from api.ranking.signals import Seed, SeedType
from api.state.snapshot import Snapshot
from kg.columns import TYPE_OF
from kg.driver import Row

MOST_EDGES = 10_000  # of one user; the newest count
HAD = frozenset({"BOUGHT", "RATED"})  # whoever rates an item has had it, in shops that tell ratings alone


class Past(NamedTuple):
    """A user's current edges."""

    known: bool  # whether the graph has the user
    seeds: list[Seed]  # one an item that has a place in the snapshot, newest first
    bought: frozenset[str]  # item ids, of what was rated too
    touched: frozenset[str]  # ids of whatever the user viewed, put in the cart, rated or bought


def past_from(
    known: bool, events: Sequence[tuple[str, str]], snapshot: Snapshot, event_weights: dict[str, float]
) -> Past:
    """From what api.history returns, newest first."""
    seeds = (
        seed(snapshot, item_id, "history", weight, event)
        for item_id, weight, event in weighed(events, snapshot.version.fade, event_weights)
    )
    bought = frozenset(item_id for item_id, relationship in events if relationship in HAD)
    touched = frozenset(item_id for item_id, _ in events)
    return Past(known, [s for s in seeds if s is not None], bought, touched)


def weighed(
    events: Sequence[tuple[str, str]], fade: float, event_weights: dict[str, float]
) -> Iterator[tuple[str, float, str]]:
    """Item id, weight and relationship of each past item, newest first; the heaviest of its edges counts.

    The old fades: an item counts exp(-fade) less for each one that the user came to later.
    """
    heaviest: dict[str, tuple[float, str]] = {}
    for item_id, relationship in events:
        weight = event_weights[TYPE_OF[relationship]]
        heaviest[item_id] = max(heaviest.get(item_id, (-1.0, "")), (weight, relationship))
    for age, (item_id, (weight, relationship)) in enumerate(heaviest.items()):
        yield item_id, weight * math.exp(-fade * age), relationship


def seed(
    snapshot: Snapshot, item_id: str, type_: SeedType, weight: float = 1.0, event: str = "VIEWED"
) -> Seed | None:
    """An item of the snapshot as a seed, None where the snapshot lacks it."""
    n = snapshot.number.get(item_id)
    if n is None:
        return None
    return Seed(item_id, type_, weight, event, snapshot.context[n], snapshot.target[n], snapshot.text[n])


def fresh_seed(snapshot: Snapshot, row: Row, type_: SeedType) -> Seed:
    """An item that is in the graph but came after the snapshot: a row of api.fresh."""

    def vector(values: list[float] | None, dim: int) -> np.ndarray:
        fits = values is not None and len(values) == dim
        return np.array(values if fits else np.zeros(dim), dtype=np.float32)

    dim, text_dim = snapshot.context.shape[1], snapshot.text.shape[1]
    context, target = vector(row["context"], dim), vector(row["target"], dim)
    return Seed(row["item_id"], type_, 1.0, "VIEWED", context, target, vector(row["text"], text_dim))


def session_seeds(snapshot: Snapshot, item_ids: Sequence[str]) -> list[Seed]:
    """The session's items that the snapshot has, oldest first, each once, fading as the past does."""
    newest_first = dict.fromkeys(reversed(item_ids))
    fade = snapshot.version.fade
    seeds = (
        seed(snapshot, item_id, "session", math.exp(-fade * age)) for age, item_id in enumerate(newest_first)
    )
    return [s for s in seeds if s is not None][::-1]
