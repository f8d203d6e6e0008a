"""What is asked, what is right, and how near the answers come."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kg.console import progress

RANK_LOST: Final = "median rank lost"  # in places; all other metrics are fractions
Ranking = Sequence[str]  # item ids, best first
_ROUNDS: Final = 10_000  # of the bootstrap


class Case(NamedTuple):
    """One thing to be answered."""

    words: str
    gains: Mapping[str, float]  # item id -> how right it is, > 0
    item_id: str | None = None  # looked at
    user_id: str | None = None
    past: Sequence[str] = ()  # ids of what the user came to, oldest first


class Report(NamedTuple):
    """What an evaluation found; metrics are fractions."""

    task: str
    cases: int
    systems: dict[str, dict[str, float]]
    p_value: float | None  # that ours is no better than the best of the others, by the first metric


System = Callable[[Case], Awaitable[Ranking]]
Metric = Callable[[Ranking, Case], float]


def recall(found: Ranking, case: Case, k: int) -> float:
    """Share of the right items among the first k."""
    return len(set(found[:k]) & set(case.gains)) / len(case.gains)


def ndcg(found: Ranking, case: Case, k: int) -> float:
    """Discounted cumulative gain of the first k over the best possible one (Järvelin and Kekäläinen 2002)."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    got = [case.gains.get(item, 0.0) for item in found[:k]]
    best = sorted(case.gains.values(), reverse=True)[:k]
    return float(np.dot(got, discount[: len(got)]) / np.dot(best, discount[: len(best)]))


def p_value(ours: npt.NDArray[np.float64], other: npt.NDArray[np.float64], seed: int = 0) -> float:
    """One-sided p of a paired bootstrap over cases: how often a resample has us no better."""
    difference, rng = ours - other, np.random.default_rng(seed)
    n = len(difference)
    means = np.array([difference[rng.integers(0, n, n)].mean() for _ in range(_ROUNDS)])
    return float((1 + np.count_nonzero(means <= 0)) / (1 + _ROUNDS))


async def answered(systems: Mapping[str, System], cases: Sequence[Case]) -> dict[str, list[Ranking]]:
    """What every system answers to every case."""
    answers: dict[str, list[Ranking]] = {}
    for name, system in systems.items():
        with progress(name, len(cases)) as advance:
            answers[name] = []
            for case in cases:
                answers[name].append(await system(case))
                advance()
    return answers


def report(
    task: str,
    cases: Sequence[Case],
    answers: Mapping[str, Sequence[Ranking]],
    ours: str,
    metrics: Mapping[str, Metric],
) -> Report:
    """Means over the cases, and whether `ours` beats the best of the others by the first metric."""
    values = {
        name: {
            metric: np.array([f(found, case) for found, case in zip(of, cases, strict=True)])
            for metric, f in metrics.items()
        }
        for name, of in answers.items()
    }
    first = next(iter(metrics))
    best = max((name for name in values if name != ours), key=lambda name: float(values[name][first].mean()))
    systems = {name: {m: float(v.mean()) for m, v in of.items()} for name, of in values.items()}
    return Report(task, len(cases), systems, p_value(values[ours][first], values[best][first]))
