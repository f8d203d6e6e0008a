"""Which interactions train the model and which judge it.

A split is made on the distinct (user, item) pairs, so that a repeat purchase is never a target: it is in the
user's history already, and the history is masked.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from kg.dataset import ShopData
from kg.errors import ModelError

BUILT_IN = ("time", "leave-one-out", "random")


class Split(NamedTuple):
    """Rows of ShopData.interactions; `valid` and `test` hold only pairs that are new to the user."""

    name: str
    train: pd.DataFrame  # fits a model whose epochs are chosen on `valid`
    valid: pd.DataFrame
    test: pd.DataFrame | None  # None unless asked for

    @property
    def fitting(self) -> pd.DataFrame:
        """Train and valid together: what the model that is judged on the test part may know."""
        return pd.concat([self.train, self.valid])


def default_split(data: ShopData) -> str:
    """By time where the shop has times, else each user's last item."""
    return "time" if data.has_time else "leave-one-out"


def split(
    data: ShopData, name: str | None = None, *, share: float = 0.1, seed: int = 0, with_test: bool = False
) -> Split:
    """Split a shop's interactions.

    Args:
        name: "time" (the newest `share` of all interactions is the test part, the `share` before it the
            validation part), "leave-one-out" (each user's last item, and the one before), "random", or the
            name of a column split_<name> that says train, valid or test; the prefix may be left out. A
            column without valid gets it from train, at random within each user, its test part unseen.
        share: size of the validation and of the test part, where the split does not say it.
        with_test: whether to hand out the test part.

    Raises:
        ModelError: there is no such split, or a part of it is empty.
    """
    name = name or default_split(data)
    rows = data.interactions.reset_index(drop=True)
    columns = [str(column) for column in rows if str(column).startswith("split_")]
    if name == "time":
        part = _by_time(rows, share, data.has_time)
    elif name == "leave-one-out":
        part = _leave_one_out(rows)
    elif name == "random":
        part = _hold_out(rows, np.full(len(rows), "train", object), share, seed, "test")
        part = _hold_out(rows, part, share / (1 - share), seed + 1, "valid")
    elif column := next((c for c in (name, f"split_{name}") if c in columns), None):
        part = _by_column(rows[column])
        if not (part == "valid").any():
            part = _hold_out(rows, part, share, seed, "valid")
    else:
        raise ModelError(f"There is no split {name!r}; there are: {', '.join([*BUILT_IN, *columns])}.")
    return _parts(name, rows, part, with_test)


def _parts(name: str, rows: pd.DataFrame, part: npt.NDArray[np.object_], with_test: bool) -> Split:
    train = rows[part == "train"]
    valid = _new_pairs(rows[part == "valid"], train)
    test = _new_pairs(rows[part == "test"], pd.concat([train, rows[part == "valid"]]))
    for kind, frame in (("train", train), ("valid", valid), ("test", test)):
        if frame.empty:
            raise ModelError(
                f"Split {name!r} leaves no {kind} interactions: the shop has {len(rows)} in all."
            )
    return Split(name, train, valid, test if with_test else None)


def _new_pairs(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    keys = _pair_keys(rows)
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return rows[first & ~np.isin(keys, _pair_keys(known))]


def _pair_keys(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """One number for each (user, item)."""
    return np.asarray(rows["user"].to_numpy(np.int64) << 32 | rows["item"].to_numpy(np.int64))


def _by_time(rows: pd.DataFrame, share: float, has_time: bool) -> npt.NDArray[np.object_]:
    if not has_time:
        raise ModelError("Split 'time' needs times, and this shop gives positions: take 'leave-one-out'.")
    order = rows["order"].to_numpy()
    valid_from, test_from = np.quantile(order, [1 - 2 * share, 1 - share])
    return np.select([order >= test_from, order >= valid_from], ["test", "valid"], "train").astype(object)


def _leave_one_out(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """By first purchase: the pair that a user came to last is the test part, where the user has three."""
    first = rows.groupby(["user", "item"], sort=False)["order"].min().reset_index()
    first = first.sort_values(["user", "order", "item"])
    by_user = first.groupby("user")["item"]
    from_end, size = by_user.cumcount(ascending=False), by_user.transform("size")
    first["part"] = np.select(
        [(from_end == 0) & (size >= 3), (from_end == 1) & (size >= 3)], ["test", "valid"], "train"
    )
    joined = rows[["user", "item"]].merge(first, on=["user", "item"], how="left", validate="many_to_one")
    return joined["part"].to_numpy(object)


def _by_column(column: "pd.Series[str]") -> npt.NDArray[np.object_]:
    unknown = set(column.dropna().unique()) - {"train", "valid", "test"}
    if unknown:
        raise ModelError(f"Column {column.name} holds {sorted(unknown)}; it may hold train, valid and test.")
    return column.fillna("").to_numpy(object)


def _hold_out(
    rows: pd.DataFrame, part: npt.NDArray[np.object_], share: float, seed: int, label: str
) -> npt.NDArray[np.object_]:
    """Move a random `share` of each user's train pairs to `label`; at least one pair stays, if it was two."""
    keys = _pair_keys(rows)
    pairs = np.unique(keys[part == "train"])
    user = pairs >> 32
    by = np.lexsort((np.random.default_rng(seed).random(len(pairs)), user))
    pairs, user = pairs[by], user[by]
    start = np.searchsorted(user, user)
    size = np.searchsorted(user, user, side="right") - start
    # The remainder of size * share is drawn, so that the part has its share of small users too.
    dither = np.random.default_rng(seed + 1).random(int(user.max()) + 1 if len(user) else 0)[user]
    wanted = np.minimum(np.floor(size * share + dither), size - 1)
    held = pairs[np.arange(len(pairs)) - start < wanted]
    part = part.copy()
    part[np.isin(keys, held) & (part == "train")] = label
    return part
