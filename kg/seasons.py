"""In which weeks of the year a category is wanted more than usual, written on the categories.

    season(c, w) = (events of c in week w + DOUBT) / (those expected + DOUBT)

Expected is what c would have, had it the same share of the shop's events in every week of a year. Years are
counted back from the newest event, and each has shares of its own, so that a category which grows has no
season by that. Numbers of a week are those of it and of the week before and after it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from kg.driver import Graph
from kg.queries import load

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

WEEKS = 52  # the last one has a day or two more
YEAR = 7 * WEEKS  # days
DOUBT = 50.0  # events; of 5, 20 and 50 the only one that foretold a year of amazon-mini better than no season
_Q = load("seasons")
_BATCH = 1_000


class Change(NamedTuple):
    """What was done to the categories."""

    categories: int  # that have a season
    written: int  # new ones, or with other numbers
    deleted: int


def week_of_year(days: Ints) -> Ints:
    """0 to 51, of days since 1970.

    >>> week_of_year(np.array([0, 7, 364, 365]))
    array([ 0,  1, 51,  0])
    """
    dates = np.asarray(days, dtype=np.int64).astype("datetime64[D]")
    of_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return np.asarray(np.minimum(of_year // 7, WEEKS - 1))


def seasons(item: Ints, day: Ints, events: Ints, groups: Sequence[Ints], n_items: int) -> Floats | None:
    """How many times as much as usual happens in each week of the year: [len(groups), WEEKS].

    Args:
        item, day, events: so many events with an item, numbered from 0, on a day since 1970.
        groups: of each category, the items in and below it.

    Returns:
        None where the events lie within less than a year.
    """
    years = int(day.max() - day.min() + 1) // YEAR if len(day) else 0
    if years < 1:
        return None
    year = (day.max() - day) // YEAR
    whole = year < years
    cell = (year * WEEKS + week_of_year(day))[whole]
    shape = (n_items, years * WEEKS)
    by_item = sp.csr_matrix((events[whole].astype(np.float64), (item[whole], cell)), shape=shape)
    sizes = [len(group) for group in groups]
    rows, columns = np.repeat(np.arange(len(groups)), sizes), np.concatenate([*groups, np.zeros(0, np.int64)])
    member = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(groups), n_items))
    found = (member @ by_item).toarray().reshape(len(groups), years, WEEKS)
    shop = np.asarray(by_item.sum(axis=0)).reshape(years, WEEKS)
    share = found.sum(axis=2, keepdims=True) / np.maximum(shop.sum(axis=1), 1)[:, None]
    expected = (share * shop).sum(axis=1)
    return np.asarray((_around(found.sum(axis=1)) + DOUBT) / (_around(expected) + DOUBT))


def store_seasons(graph: Graph) -> Change:
    """Bring `season` of every category in line with the events; the same events change nothing."""
    rows = graph.read(_Q.categories)
    wanted = _wanted(graph, rows)
    before = {row["category_id"]: row["season"] for row in rows if row["season"] is not None}
    new = [{"id": c, "season": season} for c, season in wanted.items() if before.get(c) != season]
    gone = [{"id": c, "season": None} for c in before if c not in wanted]
    changes = new + gone
    for start in range(0, len(changes), _BATCH):
        graph.write(_Q.store, rows=changes[start : start + _BATCH])
    return Change(len(wanted), len(new), len(gone))


def _wanted(graph: Graph, rows: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """By category in which anything happened, its numbers; nothing where less than a year is known."""
    if (graph.read(_Q.span)[0]["days"] or 0) < YEAR:
        return {}
    told = list(graph.stream(_Q.days))
    number = {row["item_id"]: n for n, row in enumerate(told)}
    item = np.repeat(np.arange(len(told)), [len(row["days"]) for row in told])
    days = np.array([pair for row in told for pair in row["days"]], dtype=np.int64).reshape(-1, 2)
    groups = [np.array([number[i] for i in row["items"] if i in number], dtype=np.int64) for row in rows]
    found = seasons(item, days[:, 0], days[:, 1], groups, len(told))
    if found is None:
        return {}
    return {
        row["category_id"]: season.round(3).tolist()
        for row, season, group in zip(rows, found, groups, strict=True)
        if len(group)
    }


def _around(values: Floats) -> Floats:
    """Sums over each week and its two neighbours, around the turn of the year."""
    return np.asarray(values + np.roll(values, 1, axis=-1) + np.roll(values, -1, axis=-1))
