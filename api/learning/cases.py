"""What shoppers came to in the part that the twin does not know, each with their past just before."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from api.history import MOST_EDGES
from api.learning.twin import Twin
from kg.columns import RELATIONSHIP_OF
from kg.dataset import ShopData
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Searches = Mapping[str, Sequence[tuple[int, str]]]  # user id -> (seconds since 1970, words), oldest first
_WITHIN: Final = 86_400  # seconds between words and the choice they are taken to have led to, as for intents
_BY_TIME: Final = ("time", "since:")


class Case(NamedTuple):
    """One moment of a shopper's, and what they came to for the first time."""

    user: int
    at: int  # seconds since 1970, or a position
    items: tuple[int, ...]  # numbers in ShopData.items
    past: tuple[tuple[str, str], ...]  # item id and relationship type, newest first, as api.history has them
    words: str | None  # what they had searched for


def held_out(data: ShopData, twin: Twin) -> Bools:
    """Which interactions the twin does not know, [n_interactions].

    Raises:
        ModelError: the split that judged it does not leave a part to come after what it knows.
    """
    rows = data.interactions
    name = twin.split if twin.split.startswith("split_") else f"split_{twin.split}"
    if twin.split.startswith(_BY_TIME) and data.has_time and twin.judged_until is not None:
        held = rows["order"].to_numpy() > twin.judged_until
    elif twin.split == "leave-one-out":
        held = _last_pairs(data)
    elif name in rows:
        held = (rows[name] == "test").to_numpy()
    else:
        raise ModelError(
            f"Model {twin.version!r} was judged by the split {twin.split!r}, which does not part before from "
            "after. Train with one that does: shopgraph gnn train --split time (or leave-one-out)."
        )
    if not held.any():
        raise ModelError(f"No interaction is left that the twin of {twin.version!r} does not know.")
    return np.asarray(held, dtype=np.bool_)


def cases_of(data: ShopData, held: Bools, searches: Searches) -> list[Case]:
    """The cases of a shop, in the order of their moments; shoppers without a past have none.

    Args:
        held: which interactions may be asked for.
        searches: what users searched for.
    """
    rows = data.interactions
    columns = (rows[name].to_numpy() for name in ("user", "item", "order", "type"))
    user, item, order, type_ = columns
    starts = np.searchsorted(user, np.arange(len(data.users) + 1))
    ids = data.items["item_id"].to_numpy()
    found: list[Case] = []
    for number in np.unique(user[held]).tolist():
        some = slice(starts[number], starts[number + 1])
        said = searches.get(str(data.users[number]), ())
        mine = _Mine(ids, item[some], order[some], type_[some], held[some], data.has_time)
        found += [
            Case(number, at, items, past, _words(said, at) if data.has_time else None)
            for at, items, past in mine.moments()
        ]
    return sorted(found, key=lambda case: (case.at, case.user))


class _Mine(NamedTuple):
    """One user's interactions, oldest first."""

    ids: npt.NDArray[np.object_]  # of all items
    item: Ints
    order: Ints
    type: npt.NDArray[np.object_]
    held: Bools
    has_time: bool

    def moments(self) -> Iterator[tuple[int, tuple[int, ...], tuple[tuple[str, str], ...]]]:
        """When the user came to something new in the held-out part, what it was, and what came before."""
        for at in np.unique(self.order[self.held]).tolist():
            before = self.order < at if self.has_time else ~self.held
            if not before.any():
                continue
            new = np.setdiff1d(self.item[self.held & (self.order == at)], self.item[before])
            if len(new):
                yield at, tuple(new.tolist()), self._past(before)

    def _past(self, before: Bools) -> tuple[tuple[str, str], ...]:
        item, order = self.item[before], self.order[before]
        newest = np.lexsort((item, -order))
        types = self.type[before]
        pairs = ((self.ids[item[n]], RELATIONSHIP_OF[types[n]]) for n in newest.tolist())
        return tuple(list(dict.fromkeys(pairs))[:MOST_EDGES])


def searches_of(graph: Graph) -> dict[str, list[tuple[int, str]]]:
    """What every user searched for, where the shop's events tell."""
    rows = graph.stream(load("ranking").searches)
    return {row["user_id"]: [(int(at), str(words)) for at, words in row["searches"]] for row in rows}


def _words(said: Sequence[tuple[int, str]], at: int) -> str | None:
    """The last words before a moment."""
    return next((words for when, words in reversed(said) if at - _WITHIN <= when <= at), None)


def _last_pairs(data: ShopData) -> Bools:
    """By first purchase: the pair that a user came to last, where the user has three, as in `gnn train`."""
    rows, first = data.interactions, data.in_order()
    by_user = first.groupby("user")["item"]
    last = first[(by_user.cumcount(ascending=False) == 0) & (by_user.transform("size") >= 3)]
    keys = rows["user"].to_numpy(np.int64) << 32 | rows["item"].to_numpy(np.int64)
    return np.isin(keys, last["user"].to_numpy(np.int64) << 32 | last["item"].to_numpy(np.int64))
