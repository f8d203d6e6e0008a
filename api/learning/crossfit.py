"""Each half of the shoppers judges what was fitted to the other half, so that all of them judge."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from api.evaluation.measure import p_value
from api.learning.cases import Bools, Case
from api.learning.features import BUILT_IN, Looking, Seen
from api.learning.judge import OVERALL, Found, Scorer, Segments, judged, linear
from api.learning.logit import Choices, fit
from api.learning.sample import choices_of, joined
from api.ranking.signals import Floats
from kg.console import Advance, progress

LEAST_USERS: Final = 30  # fewer judges say nothing, as at the gate of models
_ALPHA: Final = 0.05
Others = Callable[[Choices], Mapping[str, Scorer]]  # what else to fit and judge


class Parts(NamedTuple):
    """Cases of either half of the shoppers, in the order of their moments."""

    fitting: list[list[Case]]
    judging: list[list[Case]]

    @property
    def sizes(self) -> tuple[int, int]:
        """How many are fitted to, and how many judge."""
        return sum(map(len, self.fitting)), sum(map(len, self.judging))

    @property
    def users(self) -> int:
        """Who judges."""
        return len({case.user for half in self.judging for case in half})


class Fitted(NamedTuple):
    """What the cases say."""

    weights: Floats  # fitted to both halves, [f]
    varied: Bools  # the features of which something could be learned, [f]
    values: Mapping[str, Floats]  # by ranking, NDCG@20 of each shopper
    segments: Mapping[str, Mapping[str, Found]]  # by ranking and segment, of those who took of it


class Chosen(NamedTuple):
    """Which of the rankings present, built-in and learned is to rank."""

    name: str  # learned only where it is clearly better than the better of the others
    base: str  # the better of the others
    p_value: float  # that what was learned is no better, by chance


def parts_of(cases: Sequence[Case], seed: int, *, fitting: int, judging: int) -> Parts:
    """The shoppers dealt into halves, with so many cases of each, at most, to fit to and to judge by."""
    users = np.random.default_rng(seed).permutation(sorted({case.user for case in cases}))
    first = set(users[: len(users) // 2].tolist())
    halves = [[case for case in cases if (case.user in first) is wanted] for wanted in (True, False)]
    return Parts(*([_some(half, most, seed) for half in halves] for most in (fitting, judging)))


def cross_fit(
    looking: Looking,
    parts: Parts,
    present: Floats,
    seed: int,
    others: Others | None = None,
    segments: Segments | None = None,
) -> Fitted:
    """Fit weights, and judge them beside the present and the built-in ones.

    Args:
        present: weights that rank now, and from which those that cannot be learned are taken, [f].
        others: further rankings to judge beside.
        segments: what to judge apart, besides the whole.
    """
    with progress("cases that fit", parts.sizes[0]) as advance:
        choices = [choices_of(_counted(looking, half, advance), present, seed) for half in parts.fitting]
    both = joined(choices, [len(half) for half in parts.fitting])
    varied = (np.ptp(both.x, axis=1) > 0).any(axis=0)
    by_half = [
        {
            "present": linear(present),
            "built-in": linear(BUILT_IN),
            "learned": linear(np.where(varied, fit(by), present)),
            **(others(by) if others else {}),
        }
        for by in reversed(choices)
    ]
    with progress("cases that judge", parts.sizes[1]) as advance:
        asked = (
            (seen, scorers)
            for half, scorers in zip(parts.judging, by_half, strict=True)
            for seen in _counted(looking, half, advance)
        )
        found = judged(asked, segments)
    weights = np.where(varied, fit(both), present)
    return Fitted(weights, varied, {name: of.pop(OVERALL).users for name, of in found.items()}, found)


def chosen(values: Mapping[str, Floats]) -> Chosen:
    """By which of the three to rank."""
    base = "built-in" if values["built-in"].mean() > values["present"].mean() else "present"
    p = p_value(values["learned"], values[base])
    better = values["learned"].mean() > values[base].mean() and p < _ALPHA
    return Chosen("learned" if better else base, base, p)


def _some(cases: Sequence[Case], most: int, seed: int) -> list[Case]:
    """As many of the cases, drawn, in the same order."""
    drawn = np.random.default_rng(seed).permutation(len(cases))[:most]
    return [cases[n] for n in np.sort(drawn).tolist()]


def _counted(looking: Looking, cases: Sequence[Case], advance: Advance) -> Iterator[Seen]:
    for seen in looking.at(cases):
        yield seen
        advance()
