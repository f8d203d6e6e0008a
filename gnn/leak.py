"""Whether a model that is judged knew the answers: whether it was trained on the days that it is judged by.

Pairs of user and item that a model was trained on stand higher in its rankings than they otherwise would.
What serves was trained on all pairs, its twin on those up to a day. So on the newest pairs, which the twin is
said not to know, what serves must gain more on the twin than on the pairs just before, which both know. Where
it gains no more, the twin knew them too.

How much better the one learned than the other, by its seed or its epochs, is on both sides and falls out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from gnn.evaluation.evaluate import Judgement, Scorer, judgement, target_ranks
from gnn.evaluation.judgements import pairs
from gnn.histories import histories
from gnn.split import new_pairs
from kg.dataset import ShopData

ALPHA = 0.01  # chance that a leak passes
LEAST_USERS = 100  # of a half of the days; with fewer the days are looked at as a whole

Floats = npt.NDArray[np.float64]


class Gain(NamedTuple):
    """How many times as high what serves ranks pairs as its twin does, in powers of two; means over users."""

    unknown: float  # of pairs that the twin is said not to know
    known: float  # of pairs just before, which both know
    p: float  # chance of so large a difference if the twin knew all of them


def gains(
    data: ShopData, served: Scorer, twin: Scorer, known: pd.DataFrame, held: pd.DataFrame, until: int
) -> list[Gain]:
    """For the earlier and the later half of the days, or for all of them; empty where nothing can be told.

    Args:
        known: interactions before the days that are judged.
        held: those of these days.
        until: the newest time that the twin is said to know.
    """
    fresh = new_pairs(held, known)
    middle = fresh["order"].median()
    halves = [
        _asked(data, known, fresh[part]) for part in (fresh["order"] <= middle, fresh["order"] > middle)
    ]
    if min(len(half.asked.users) for half in halves) < LEAST_USERS:
        halves = [_asked(data, known, fresh)]
    before = _before(data, until, len(fresh))
    if before is None:
        return []
    base = _gains(served, twin, before)
    return [found for half in halves if (found := _compare(_gains(served, twin, half), base)) is not None]


def leaked(found: list[Gain]) -> Gain | None:
    """The gain that is no more than that of known pairs, as far as can be told."""
    return next((of for of in found if of.unknown <= of.known or of.p > ALPHA / len(found)), None)


def _compare(unknown: Floats, known: Floats) -> Gain | None:
    if min(len(unknown), len(known)) < 2:
        return None
    if not unknown.any() and not known.any():  # the same vectors: all ranks are the same
        return Gain(0.0, 0.0, 1.0)
    test = stats.ttest_ind(unknown, known, equal_var=False, alternative="greater")
    return Gain(float(unknown.mean()), float(known.mean()), float(test.pvalue))


def _before(data: ShopData, until: int, n: int) -> Judgement | None:
    """The newest new pairs up to a time, at most so many, asked of what came before."""
    rows = data.interactions[data.interactions["order"] <= until]
    if len(rows) < 2:
        return None
    since = np.sort(rows["order"].to_numpy())[-max(min(n, len(rows) // 2), 1)]
    past, held = rows[rows["order"] < since], rows[rows["order"] >= since]
    fresh = new_pairs(held, past)
    return None if past.empty or fresh.empty else _asked(data, past, fresh)


def _asked(data: ShopData, past: pd.DataFrame, fresh: pd.DataFrame) -> Judgement:
    return judgement(histories(past, len(data.users), len(data.items)), pairs(data, fresh))


def _gains(served: Scorer, twin: Scorer, judged: Judgement) -> Floats:
    """By user, the mean of log2 of the ratio of ranks."""
    ratios = np.log2(target_ranks(twin, judged)) - np.log2(target_ranks(served, judged))
    return np.asarray(pd.Series(ratios).groupby(judged.targets.tocoo().row).mean(), dtype=np.float64)
