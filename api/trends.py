"""Which categories are hot. Pure arrays, no input or output."""

from typing import NamedTuple

import numpy as np

from api.state.activity import week_of
from api.state.snapshot import Snapshot

_DOUBT = 5.0  # shoppers and heat of the average item, so that a few events make no rise


class Heat(NamedTuple):
    """One category with all below it."""

    category_id: str
    heat: float
    rise: float
    season: float | None  # None where it is not known
    items: int


def hot_categories(snapshot: Snapshot, below: str | None = None) -> list[Heat]:
    """All categories in which anything happens lately, in the order of their ids; hidden items do not count.

    Args:
        below: id or name of a category, in any case; only those beneath it. None: all.
    """
    categories = snapshot.categories
    asked = set(categories.below) if below is None else set(categories.resolve([below]))
    if below is not None:
        asked -= categories.by_name.get(below.casefold(), frozenset())
    trend, shoppers = snapshot.activity.trend, np.asarray(snapshot.shoppers, dtype=np.float64)
    visible = ~snapshot.columns.hidden
    all_heat, all_shoppers = trend[visible].sum(), shoppers[visible].sum()
    usual = all_heat / max(all_shoppers, 1.0)  # heat a shopper
    week = week_of(snapshot.activity.newest)
    found = []
    for category_id in sorted(asked):
        items = categories.within(category_id)
        items = items[visible[items]]
        heat = float(trend[items].sum())
        if heat > 0:
            expected = usual * (shoppers[items].sum() + _DOUBT)
            rise = (heat + usual * _DOUBT) / expected
            season = None if week is None else categories.seasons.get(category_id)
            now = None if season is None else float(season[week])
            found.append(Heat(category_id, heat, float(rise), now, len(items)))
    return found
