"""Which interactions train the model and which judge it.

A split is made on the distinct (user, item) pairs, so that a repeat purchase is never a target: it is in the
user's history already, and the history is masked.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from gnn.histories import Order, order_of
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

BUILT_IN = ("time", "leave-one-out", "random", "new-items", "new-users")
SINCE = "since:"  # and seconds since 1970
_ENOUGH = 100  # users; fewer say too little of a model


class Split(NamedTuple):
    """Rows of ShopData.interactions; `valid` and `test` hold only pairs that are new to the user."""

    name: str
    train: pd.DataFrame  # fits a model whose epochs are chosen on `valid`
    valid: pd.DataFrame
    fitting: pd.DataFrame  # what the model that is judged on the test part may know: all before it
    test: pd.DataFrame | None  # None unless asked for
    given: pd.DataFrame | None = None  # what is told of new users when they are judged; nobody trains on it
    repeats: pd.DataFrame | None = None  # time alone, with the test part: pairs bought again in its time

    @property
    def order(self) -> Order:
        """How far what is asked for comes after what is known, as it will when the model serves."""
        return order_of(self.valid, self.train)


def default_split(data: ShopData) -> str:
    """The first by which enough users can be judged: by time, each user's last item, or at random.

    Nobody can be judged by time in a shop whose users come once, nor by the last item where no order is told.
    """
    names = ["random"]
    if data.interactions["order"].nunique() > 1:
        names.insert(0, "leave-one-out")
    if data.has_time:
        names.insert(0, "time")
    judged = {}
    for name in names:
        judged[name] = _judged(data, name)
        if judged[name] >= _ENOUGH:
            break
    chosen = max(judged, key=lambda name: judged[name])  # the first one of equals
    if chosen != names[0]:
        say(f"split {chosen}, since {names[0]} would judge by {judged[names[0]]:,} users alone")
    return chosen


def _judged(data: ShopData, name: str) -> int:
    """How many users validation and test part can be judged by, whichever has fewer."""
    try:
        parts = split(data, name, with_test=True)
    except ModelError:
        return 0
    assert parts.test is not None
    asked = ((parts.valid, parts.train), (parts.test, parts.fitting))
    return min(len(np.intersect1d(of["user"], known["user"])) for of, known in asked)


def split(
    data: ShopData,
    name: str | None = None,
    *,
    share: float = 0.1,
    seed: int = 0,
    given: int = 1,
    with_test: bool = False,
) -> Split:
    """Split a shop's interactions.

    Args:
        name: how; None for `default_split`. Where nothing else is said, the validation part is taken from
            train within each user: at random, or the newest where the test part is the users' newest.

            - time: the newest `share` of all interactions is the test part, that before it for validation
            - leave-one-out: each user's last item, and the one before; what came after is left out
            - random: a `share` of each user's pairs
            - new-items: all interactions of a `share` of the items, and of the other pairs a random `share`
            - new-users: all of a `share` of the users but their first `given` items
            - since:SECONDS: of what came later the first half is for validation, the second the test part
            - the name of a column split_<name> that says train, valid or test, also without the prefix
        share: size of the validation and of the test part, where the split does not say it.
        given: how many items are told of a new user.
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
        part = _leave_one_out(data)
    elif name == "random":
        part = _hold_out(rows, np.full(len(rows), "train", object), share, seed, "test")
        part = _hold_out(rows, part, share / (1 - share), seed + 1, "valid")
    elif name == "new-items":
        part = _new_items(rows, share, seed)
    elif name == "new-users":
        part = _new_users(data, share, seed, given)
    elif name.startswith(SINCE):
        part = _since(rows, int(name.removeprefix(SINCE)), data.has_time)
    elif column := next((c for c in (name, f"split_{name}") if c in columns), None):
        part = _by_column(rows[column])
        if not (part == "valid").any():
            later = order_of(rows[part == "test"], rows[part == "train"])
            newest = later != Order.NONE
            part = _hold_out(rows, part, share, seed, "valid", newest=newest)
            part = _known_before(rows, part, "valid") if newest else part
    else:
        raise ModelError(f"There is no split {name!r}; there are: {', '.join([*BUILT_IN, *columns])}.")
    return _parts(name, rows, part, with_test)


def _parts(name: str, rows: pd.DataFrame, part: npt.NDArray[np.object_], with_test: bool) -> Split:
    train = rows[part == "train"]
    valid = new_pairs(rows[part == "valid"], train)
    told = rows[part == "given"]
    fitting = rows[(part == "train") | (part == "valid")]
    known = pd.concat([fitting, told])
    test = new_pairs(rows[part == "test"], known)
    for kind, frame in (("train", train), ("valid", valid), ("test", test)):
        if frame.empty:
            raise ModelError(
                f"Split {name!r} leaves no {kind} interactions: the shop has {len(rows)} in all."
            )
    repeats = _first_pairs(rows[part == "test"]) if with_test and name == "time" else None
    if repeats is not None:
        repeats = repeats[np.isin(_pair_keys(repeats), _pair_keys(known))]
    return Split(
        name, train, valid, fitting, test if with_test else None, None if told.empty else told, repeats
    )


def new_pairs(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The first row of each pair of user and item that is not in `known`."""
    first = _first_pairs(rows)
    return first[~np.isin(_pair_keys(first), _pair_keys(known))]


def _first_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """The first row of each (user, item); rows are in the order of time."""
    return rows.iloc[np.sort(np.unique(_pair_keys(rows), return_index=True)[1])]


def _pair_keys(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """One number for each (user, item)."""
    return np.asarray(rows["user"].to_numpy(np.int64) << 32 | rows["item"].to_numpy(np.int64))


def _by_time(rows: pd.DataFrame, share: float, has_time: bool) -> npt.NDArray[np.object_]:
    if not has_time:
        raise ModelError("Split 'time' needs times, and this shop gives positions: take 'leave-one-out'.")
    order = rows["order"].to_numpy()
    valid_from, test_from = np.quantile(order, [1 - 2 * share, 1 - share])
    return np.select([order >= test_from, order >= valid_from], ["test", "valid"], "train").astype(object)


def _since(rows: pd.DataFrame, seconds: int, has_time: bool) -> npt.NDArray[np.object_]:
    if not has_time:
        raise ModelError("Split 'since' needs times, and this shop gives positions: take 'leave-one-out'.")
    order = rows["order"].to_numpy()
    new = order[order > seconds]
    test_from = np.median(new) if len(new) else np.inf
    return np.select([order > test_from, order > seconds], ["test", "valid"], "train").astype(object)


def _leave_one_out(data: ShopData) -> npt.NDArray[np.object_]:
    """By first purchase: the pair that a user came to last is the test part, where the user has three."""
    first = data.in_order()
    by_user = first.groupby("user")["item"]
    from_end, size = by_user.cumcount(ascending=False), by_user.transform("size")
    first["part"] = np.select(
        [(from_end == 0) & (size >= 3), (from_end == 1) & (size >= 3)], ["test", "valid"], "train"
    )
    rows = data.interactions
    joined = rows[["user", "item"]].merge(first, on=["user", "item"], how="left", validate="many_to_one")
    part = _known_before(rows, joined["part"].to_numpy(object), "valid")
    part[_later(rows, part, "test") & (part != "test")] = ""  # in no part: nobody knew of it then
    return part


def _known_before(rows: pd.DataFrame, part: npt.NDArray[np.object_], label: str) -> npt.NDArray[np.object_]:
    """With repeats of train pairs that come after what their user is asked for in a part moved there.

    They are no targets, since their pairs are known, and the model that is judged on a later part knows them.
    """
    return np.where((part == "train") & _later(rows, part, label), label, part).astype(object)


def _later(rows: pd.DataFrame, part: npt.NDArray[np.object_], label: str) -> npt.NDArray[np.bool_]:
    """Which rows come after the first one of their user in a part."""
    first = rows.loc[part == label].groupby("user")["order"].min()
    return (rows["order"] > rows["user"].map(first)).to_numpy(bool)


def _new_items(rows: pd.DataFrame, share: float, seed: int) -> npt.NDArray[np.object_]:
    items = rows["item"].unique()
    chosen = np.random.default_rng(seed).permutation(np.sort(items))[: max(1, round(share * len(items)))]
    part = np.where(rows["item"].isin(chosen), "test", "train").astype(object)
    part = _hold_out(rows, part, share, seed, "test")
    return _hold_out(rows, part, share / (1 - share), seed + 2, "valid")


def _new_users(data: ShopData, share: float, seed: int, given: int) -> npt.NDArray[np.object_]:
    """Users with more than `given` items are drawn; the items that they came to first are given."""
    rows, first = data.interactions, data.in_order()
    items = first.groupby("user").size()
    able = items.index[items > given].to_numpy()
    chosen = np.random.default_rng(seed).permutation(able)[: max(1, round(share * len(items)))]
    first["told"] = first.groupby("user").cumcount() < given
    told = rows[["user", "item"]].merge(first, on=["user", "item"], how="left", validate="many_to_one")[
        "told"
    ]
    new = rows["user"].isin(chosen).to_numpy()
    part = np.select([new & told.to_numpy(bool), new], ["given", "test"], "train").astype(object)
    return _hold_out(rows, part, share, seed, "valid")


def _by_column(column: "pd.Series[str]") -> npt.NDArray[np.object_]:
    unknown = set(column.dropna().unique()) - {"train", "valid", "test"}
    if unknown:
        raise ModelError(f"Column {column.name} holds {sorted(unknown)}; it may hold train, valid and test.")
    return column.fillna("").to_numpy(object)


def _hold_out(
    rows: pd.DataFrame,
    part: npt.NDArray[np.object_],
    share: float,
    seed: int,
    label: str,
    *,
    newest: bool = False,
) -> npt.NDArray[np.object_]:
    """Move a `share` of each user's train pairs to `label`; at least one pair stays, if it was two.

    Args:
        newest: take those that the user came to last, else any at random.
    """
    keys = _pair_keys(rows)
    pairs, first = np.unique(keys[part == "train"], return_index=True)
    user = pairs >> 32
    age = -rows["order"].to_numpy()[part == "train"][first] if newest else np.zeros(len(pairs))
    by = np.lexsort((np.random.default_rng(seed).random(len(pairs)), age, user))
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
