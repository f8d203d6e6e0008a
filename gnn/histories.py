"""What is known of users: which items they touched, how much each says, and how long ago it was."""

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

# How much an event says about its user, next to a purchase.
TYPE_WEIGHTS: Final = {"view": 0.3, "cart": 0.6, "purchase": 1.0, "rating": 1.0}
# Newest items of a user, or of a basket, that are counted in pairs: so that one account which has everything,
# a wholesaler's or a test's, does not make pairs of all items.
LONGEST: Final = 1_000


class Histories(NamedTuple):
    """Rows are users, columns items; both matrices have their numbers in the same places, in order."""

    weight: sp.csr_matrix  # float32 [n_users, n_items]: how much the item says, next to a purchase
    age: sp.csr_matrix  # float32: how many items the user came to later; 0 for the newest

    def rows(self, which: slice | npt.NDArray[np.integer]) -> "Histories":
        """Some of the users."""
        return Histories(self.weight[which].tocsr(), self.age[which].tocsr())

    def faded(self, fade: float) -> sp.csr_matrix:
        """Weights with the old counting less: weight · exp(-fade · age)."""
        if not fade:
            return self.weight
        data = self.weight.data * np.exp(-fade * self.age.data)
        return sp.csr_matrix((data, self.weight.indices, self.weight.indptr), self.weight.shape)


def histories(rows: pd.DataFrame, n_users: int, n_items: int) -> Histories:
    """From rows of ShopData.interactions.

    The weight is that of the strongest type (TYPE_WEIGHTS), as the API has it: a fan of an item does not
    crowd out the rest of their own history by buying it every week. What counts for the age is the last time.
    """
    weight = rows["type"].map(TYPE_WEIGHTS).astype(np.float32).fillna(1.0)
    events = pd.DataFrame(
        {"user": rows["user"], "item": rows["item"], "order": rows["order"], "weight": weight}
    )
    pairs = events.groupby(["user", "item"], as_index=False).agg({"order": "max", "weight": "max"})
    # Of equal times the lower item number counts as newer, as the API reads them.
    newest = pairs.sort_values(["user", "order", "item"], ascending=[True, False, True], kind="stable")
    age = newest.groupby("user").cumcount().reindex(pairs.index).to_numpy(np.float32, copy=True)
    users = np.searchsorted(pairs["user"].to_numpy(), np.arange(n_users + 1))
    items, shape = pairs["item"].to_numpy(copy=True), (n_users, n_items)
    return Histories(
        sp.csr_matrix((pairs["weight"].to_numpy(np.float32, copy=True), items, users), shape),
        sp.csr_matrix((age, items, users), shape),
    )


class Order(IntEnum):
    """How far what is asked for comes after what is known of its user."""

    NONE = 0
    LOOSE = 1  # later in at least 9 of 10 cases that differ, but many are of the same time, as of one day
    STRICT = 2  # later in at least 9 of 10 cases


def order_of(held_out: pd.DataFrame, train: pd.DataFrame) -> Order:
    """How far held-out rows come after all that `train` has of their user."""
    before = held_out["user"].map(train.groupby("user")["order"].max())
    told, later = before.notna().sum(), (held_out["order"] > before).sum()
    earlier = (held_out["order"] < before).sum()
    if later and later >= 0.9 * told:
        return Order.STRICT
    loose = later >= 9 * earlier and later + earlier >= 0.1 * told
    return Order.LOOSE if later and loose else Order.NONE
