"""What shoppers do lately, and when items came: read from the graph now and then, kept with the snapshot."""

import math
from typing import NamedTuple

import numpy as np

from api.state.columns import Bools, Categories, Floats, seconds
from kg.columns import RELATIONSHIP_OF
from kg.driver import Graph
from kg.queries import load
from kg.seasons import week_of_year

_Q = load("api")
DECAY = 0.9  # an event counts a tenth less for each day, half after a week
_DAYS = 60  # older events count less than two thousandths
_HALF_AS_NEW = 30 * 86_400  # seconds


class Activity(NamedTuple):
    """By item, in the snapshot's order."""

    trend: Floats  # [n], recent events * weight of their type * 0.9 ** days before the newest event of all
    first_seen: Floats  # [n], seconds since 1970 of the first event; NaN for items with a release date
    newest: float = math.nan  # seconds since 1970 of the newest event of all; NaN where there are no times


def read_activity(graph: Graph, number: dict[str, int], n: int, event_weights: dict[str, float]) -> Activity:
    """Read it for the items of a snapshot.

    Args:
        number: item id -> place.
        n: places; those of items that are gone stay empty.
        event_weights: event type -> what one event counts.
    """
    weight = {RELATIONSHIP_OF[event]: w for event, w in event_weights.items()}
    trend, first_seen = np.zeros(n), np.full(n, np.nan)
    newest = graph.read(_Q.last_event)[0]["at"]
    if newest is not None:
        for row in graph.stream(_Q.recent, at=newest, days=_DAYS, decay=DECAY):
            for item_id, type_, events in row["events"]:
                if item_id in number:
                    trend[number[item_id]] += weight[type_] * events
        for row in graph.stream(_Q.first_seen):
            for item_id, at in row["items"]:
                if item_id in number:
                    first_seen[number[item_id]] = at
    return Activity(trend, first_seen, seconds(newest))


def week_of(at: float) -> int | None:
    """0 to 51, the week of the year of a moment in seconds since 1970; None for NaN."""
    return None if math.isnan(at) else int(week_of_year(np.array([at // 86_400], dtype=np.int64))[0])


def in_season(categories: Categories, at: float, n: int) -> Floats:
    """How much more than usual is wanted of each item's categories in the week of a moment, [n].

    The mean logarithm over the categories that it lies in itself: 0 as usual, and where it is not known.
    """
    week = week_of(at)
    total, known = np.zeros(n), np.zeros(n)
    for category_id, season in categories.seasons.items():
        if week is not None and category_id in categories.items:
            items = categories.items[category_id]
            total[items] += np.log(season[week])
            known[items] += 1
    return total / np.maximum(known, 1)


def novelty(arrived: Floats) -> Floats:
    """1 for the newest, a half for 30 days before it; where it is not known (NaN) the mean of the others.

    >>> novelty(np.array([0.0, 30 * 86_400, np.nan])).tolist()
    [0.5, 1.0, 0.75]
    """
    if np.isnan(arrived).all():
        return np.zeros(len(arrived))
    new = 1 / (1 + (np.nanmax(arrived) - arrived) / _HALF_AS_NEW)
    return np.asarray(np.where(np.isnan(new), np.nanmean(new), new))


def newest(arrived: Floats, mask: Bools, n: int) -> Bools:
    """The n of the masked items that arrived last, and those that arrived together with the last of these.

    Items whose time is not known (NaN) are not among them.
    """
    if n == 0:
        return np.zeros_like(mask)
    known = mask & ~np.isnan(arrived)
    if n >= np.count_nonzero(known):
        return np.asarray(known)
    times = np.where(known, arrived, -np.inf)
    least = float(np.partition(times, len(times) - n)[len(times) - n])
    return np.asarray(times >= least)
