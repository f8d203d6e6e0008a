"""The shop as it stood just before a moment: what was popular, what was chosen lately, what had come."""

from dataclasses import replace
from typing import Any

import numpy as np

from api.learning.cases import Bools
from api.state.activity import DECAY, Activity
from api.state.columns import Floats
from api.state.snapshot import Snapshot
from kg.dataset import ShopData
from kg.seasons import seasons

_DAY = 86_400


class Timeline:
    """Moves forward through a shop's interactions; what has not happened yet is not known."""

    def __init__(
        self, data: ShopData, held: Bools, snapshot: Snapshot, event_weights: dict[str, float]
    ) -> None:
        """
        Args:
            held: interactions that may be asked for; in a shop without times they are left out altogether.
            snapshot: with the twin's vectors.
            event_weights: event type -> what one event counts in a trend.
        """
        rows = data.interactions
        rows = rows.sort_values("order", kind="stable") if data.has_time else rows[~held]
        place = np.array([snapshot.number.get(i, -1) for i in data.items["item_id"]], dtype=np.int64)
        rows = rows.assign(place=place[rows["item"].to_numpy()])
        rows = rows[rows["place"] >= 0]
        first = ~rows.duplicated(["user", "item", "type"]).to_numpy()
        self._snapshot = snapshot
        self._has_time = data.has_time
        self._order = rows["order"].to_numpy(np.int64)
        self._place = rows["place"].to_numpy()
        self._first = first.astype(np.int64)  # whether the edge is new with this interaction
        self._weight = rows["type"].map(event_weights).astype(np.float64).fillna(1.0).to_numpy()
        n = len(snapshot.ids)
        self._next, self._at = 0, int(self._order[0]) if len(self._order) else 0
        self._shoppers = np.zeros(n, dtype=np.int64)
        self._trend, self._seen = np.zeros(n), np.full(n, np.nan)
        self._seasons: tuple[int, dict[str, Floats]] = (-1, {})  # week since 1970 that they are of
        if not data.has_time:
            self._shoppers = np.bincount(self._place, self._first, minlength=n).astype(np.int64)

    def before(self, at: int) -> Snapshot:
        """The snapshot as a request at that moment would have met it; moments come in order."""
        snapshot = self._snapshot
        if not self._has_time:
            nothing = Activity(np.zeros(len(snapshot.ids)), snapshot.activity.first_seen * np.nan)
            return self._with(shoppers=self._shoppers, activity=nothing)
        self._move(at)
        released = snapshot.columns.released
        columns = snapshot.columns._replace(released=np.where(released <= at, released, np.nan))
        activity = Activity(self._trend, self._seen, float(self._at) if self._next else np.nan)
        categories = snapshot.categories._replace(seasons=self._seasons_so_far())
        return self._with(shoppers=self._shoppers, activity=activity, columns=columns, categories=categories)

    def _seasons_so_far(self) -> dict[str, Floats]:
        """By category, told anew each week."""
        week = self._at // (7 * _DAY)
        if week != self._seasons[0]:
            categories, past = self._snapshot.categories, slice(0, self._next)
            names = [c for c in categories.below if len(categories.within(c))]
            day = self._order[past] // _DAY
            groups = [categories.within(c) for c in names]
            found = seasons(
                self._place[past], day, np.ones(len(day), dtype=np.int64), groups, len(self._trend)
            )
            self._seasons = week, {} if found is None else dict(zip(names, found, strict=True))
        return self._seasons[1]

    def _with(self, **changes: Any) -> Snapshot:
        found = replace(self._snapshot, **changes)
        vars(found)["kinship"] = self._snapshot.kinship  # the same at any moment; else made anew for each
        return found

    def _move(self, at: int) -> None:
        """Let everything happen that happened before `at`, seconds since 1970."""
        until = int(np.searchsorted(self._order, at, side="left"))
        some = slice(self._next, until)
        if until <= self._next:
            return
        place, order = self._place[some], self._order[some]
        # Decayed to the newest event, as served: the order is the same whenever one looks.
        newest = int(order[-1])
        n = len(self._trend)
        lately = self._weight[some] * DECAY ** ((newest - order) / _DAY)
        self._trend = self._trend * DECAY ** ((newest - self._at) / _DAY)
        self._trend += np.bincount(place, lately, minlength=n)
        self._shoppers = self._shoppers + np.bincount(place, self._first[some], minlength=n).astype(np.int64)
        seen = self._seen.copy()
        new = np.isnan(seen[place])
        seen[place[new][::-1]] = order[new][::-1]  # backwards: the first of several stays
        self._seen = seen
        self._next, self._at = until, newest
