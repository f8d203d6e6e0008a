"""The two sides of an experiment and their difference, with confidence intervals over shoppers.

Shoppers are drawn, not places: one who sees much counts as one. A rate over places is a ratio of two sums
over shoppers; by the delta method, shopper i stands for the value R + (clicks_i - R × shown_i) / mean(shown),
whose mean is R and whose variance is that of R. Welch's interval compares the means of two such samples.
"""

import warnings
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kg.driver import Graph, Row
from kg.feedback.experiments import Experiment
from kg.queries import load

_LEVEL = 0.95
Floats = NDArray[np.float64]


class Side(NamedTuple):
    """One arm."""

    arm: str
    side: str  # the scenario or the model
    users: int
    answers: int
    shown: int
    clicks: int
    purchases: int
    unpriced: int  # places bought at a price that is not known
    click_through: float | None
    conversion: float | None
    revenue_per_user: dict[str, float]  # by currency


class Difference(NamedTuple):
    """b minus a; None where a side has fewer than two users."""

    figure: str  # click_through, conversion or revenue_per_user
    currency: str | None
    difference: float | None
    low: float | None  # bounds of the 95 % interval
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


class Comparison(NamedTuple):
    """An experiment's result so far."""

    experiment: Experiment
    sides: list[Side]
    differences: list[Difference]


class _Sample(NamedTuple):
    """By shopper, float64."""

    answers: Floats
    shown: Floats
    clicks: Floats
    purchases: Floats
    unpriced: Floats
    revenue: dict[str, Floats]


def compare(graph: Graph, experiment: Experiment) -> Comparison:
    """What both sides led to so far."""
    queries = load("experiments")
    shown = graph.read(queries.shown, name=experiment.name)
    credited = graph.read(queries.credited, name=experiment.name)
    currencies = sorted({row["currency"] for row in credited if row["currency"] and row["revenue"]})
    samples = {arm: _sample(arm, shown, credited, currencies) for arm in ("a", "b")}
    sides = [_side(arm, getattr(experiment, arm), sample) for arm, sample in samples.items()]
    a, b = samples["a"], samples["b"]
    differences = [
        difference("click_through", ratio(a.clicks, a.shown), ratio(b.clicks, b.shown)),
        difference("conversion", ratio(a.purchases, a.shown), ratio(b.purchases, b.shown)),
        *(difference("revenue_per_user", a.revenue[c], b.revenue[c], c) for c in currencies),
    ]
    return Comparison(experiment, sides, differences)


def ratio(parts: Floats, wholes: Floats) -> Floats:
    """By shopper, values whose mean is sum(parts) / sum(wholes) and whose spread is that of this ratio."""
    if not wholes.sum():
        return np.zeros(0)
    rate = parts.sum() / wholes.sum()
    return np.asarray(rate + (parts - rate * wholes) / wholes.mean(), dtype=np.float64)


def difference(figure: str, a: Floats, b: Floats, currency: str | None = None) -> Difference:
    """The mean of b minus that of a, with Welch's interval."""
    if min(len(a), len(b)) < 2:
        return Difference(figure, currency, None, None, None)
    found = float(b.mean() - a.mean())
    if a.var() == 0 and b.var() == 0:  # everybody did the same: nothing is known of chance
        return Difference(figure, currency, found, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nearly alike values lose digits, which is no matter
        interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(_LEVEL)
    return Difference(figure, currency, found, float(interval.low), float(interval.high))


def _sample(arm: str, shown: list[Row], credited: list[Row], currencies: list[str]) -> _Sample:
    mine = [row for row in shown if row["arm"] == arm]
    place = {row["shopper"]: n for n, row in enumerate(mine)}
    sums: dict[str, Floats] = defaultdict(lambda: np.zeros(len(mine)))
    for row in credited:
        if row["arm"] != arm or row["shopper"] not in place:
            continue  # answered between the two reads
        n, currency = place[row["shopper"]], row["currency"]
        sums["clicks"][n] += row["clicks"]
        sums["purchases"][n] += row["purchases"]
        if currency:
            sums[f"revenue {currency}"][n] += row["revenue"]
        else:
            sums["unpriced"][n] += row["purchases"]
    return _Sample(
        answers=np.array([row["answers"] for row in mine], dtype=np.float64),
        shown=np.array([row["shown"] for row in mine], dtype=np.float64),
        clicks=sums["clicks"],
        purchases=sums["purchases"],
        unpriced=sums["unpriced"],
        revenue={currency: sums[f"revenue {currency}"] for currency in currencies},
    )


def _side(arm: str, side: str, sample: _Sample) -> Side:
    shown, users = sample.shown.sum(), len(sample.shown)
    return Side(
        arm=arm,
        side=side,
        users=users,
        answers=int(sample.answers.sum()),
        shown=int(shown),
        clicks=int(sample.clicks.sum()),
        purchases=int(sample.purchases.sum()),
        unpriced=int(sample.unpriced.sum()),
        click_through=float(sample.clicks.sum() / shown) if shown else None,
        conversion=float(sample.purchases.sum() / shown) if shown else None,
        revenue_per_user={c: float(values.mean()) for c, values in sample.revenue.items()} if users else {},
    )
