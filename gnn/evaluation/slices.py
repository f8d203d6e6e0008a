"""Parts of the test part that are reported on their own: which users, and which of their targets."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from gnn.evaluation.evaluate import Judgement, per_user
from gnn.evaluation.judgements import AMONG_NEW, MAIN, item_targets, new_items, pairs
from gnn.split import Split
from kg.dataset import ShopData

Ints = npt.NDArray[np.int64]

SHOWN: Final = ("recall", "ndcg")
# First history length of each bin.
_ACTIVITY: Final = (1, 2, 3, 4, 6, 11, 21, 51)
_CATEGORIES = 10


class Slice(NamedTuple):
    """Recommendations are those of the whole judgement; only what they are measured against is less."""

    name: str  # "kind: which"
    rows: Ints  # of the judgement
    items: Ints | None  # the targets that count; None: all
    of: str = MAIN  # the judgement


def slices(
    data: ShopData, parts: Split, asked: dict[str, Judgement], categories: int = _CATEGORIES
) -> list[Slice]:
    """All slices that have a target.

    items: new (nobody has them in train and valid), new among new (ranked among themselves alone), others;
    users: new, known; activity: by the number of items in the history; popularity: head, torso and tail, by
    the users of the target in train and valid, each with a third of those pairs, new items apart; category:
    as many as `categories`, those with most targets.
    """
    judged = asked[MAIN]
    every = np.arange(judged.targets.shape[0])
    found = [
        *_by_item(data, parts, every),
        Slice("users: new", np.flatnonzero(judged.asked.users < 0), None),
        Slice("users: known", np.flatnonzero(judged.asked.users >= 0), None),
        *_by_activity(np.diff(judged.asked.history.indptr)),
        *_by_popularity(data, parts, every),
        *_by_category(data, judged, every, categories),
    ]
    if AMONG_NEW in asked:
        rows = np.arange(asked[AMONG_NEW].targets.shape[0])
        found.insert(1, Slice("items: new among new", rows, None, AMONG_NEW))
    return [one for one in found if len(targets(one, asked)[0])]


def figures(
    one: Slice, asked: dict[str, Judgement], rankings: dict[str, npt.NDArray[np.int32]], ks: Sequence[int]
) -> dict[str, Any]:
    """Users of the slice, and recall and NDCG at each k over them."""
    rows, wanted = targets(one, asked)
    values = per_user(rankings[one.of][rows], wanted, ks)
    shown = {name: float(v.mean()) for name, v in values.items() if name.split("@")[0] in SHOWN}
    return {"users": len(rows), "targets": int(wanted.nnz), **shown}


def targets(one: Slice, asked: dict[str, Judgement]) -> tuple[Ints, Any]:
    """The rows of its judgement that count, and what is to be found for them."""
    wanted = asked[one.of].targets[one.rows]
    if one.items is None:
        return one.rows, wanted
    rows, wanted = item_targets(wanted, one.items)
    return one.rows[rows], wanted


def _by_item(data: ShopData, parts: Split, every: Ints) -> Iterator[Slice]:
    new = new_items(data, parts)
    yield Slice("items: new", every, new)
    yield Slice("items: others", every, np.setdiff1d(np.arange(len(data.items)), new))


def _by_activity(lengths: npt.NDArray[np.integer]) -> Iterator[Slice]:
    for first, after in zip(_ACTIVITY, (*_ACTIVITY[1:], None), strict=True):
        last = None if after is None else after - 1
        name = f"{first}+" if last is None else str(first) if first == last else f"{first}–{last}"
        inside = (lengths >= first) & (lengths <= (last or np.inf))
        yield Slice(f"activity: {name}", np.flatnonzero(inside), None)


def _by_popularity(data: ShopData, parts: Split, every: Ints) -> Iterator[Slice]:
    counts = np.asarray(pairs(data, parts.fitting).sum(axis=0)).ravel()
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    third = np.minimum(before * 3 // max(counts.sum(), 1), 2)
    for number, name in enumerate(("head", "torso", "tail")):
        yield Slice(f"popularity: {name}", every, order[(third == number) & (counts[order] > 0)])


def _by_category(data: ShopData, judged: Judgement, every: Ints, number: int) -> Iterator[Slice]:
    times = np.asarray(judged.targets.sum(axis=0)).ravel()
    labels = data.items["categories"].reset_index(drop=True).explode().dropna()
    wanted = pd.Series(times[labels.index], index=labels.to_numpy()).groupby(level=0).sum()
    most = wanted[wanted > 0].sort_index().sort_values(ascending=False, kind="stable").head(number)
    for name in most.index:
        yield Slice(f"category: {name}", every, labels.index[labels == name].to_numpy(np.int64))
