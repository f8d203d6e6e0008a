"""How the finished vectors are used: how fast the past fades, and how much the linear term counts.

Numbers chosen on the validation part, all but `doubt` after each epoch; another choice needs no training.
Popularity and doubt change what all users see alike, so they must be surely better than 0: in a small shop a
few users who came to what everybody came to in those days would else decide for all.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from gnn.evaluation.evaluate import Figures, Table

# exp(-fade): what an item keeps for each newer one.
FADES: Final = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.45, 0.7)
LINEAR: Final = (0.0, 0.6, 1.2, 2.4, 4.8, 9.6, 19.2)  # next to a cosine
# Times the score of an item that nobody has.
LIFTS: Final = (0.25, 0.35, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35)
POPULARITIES: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
DOUBTS: Final = (0.0, 1.0, 3.0, 6.0)
_ONE_SIDED: Final = 1.645  # standard errors: p < 0.05


class Blend(NamedTuple):
    """score(u, j) = u·t_j + linear · Σ_i w_i B_ij, with w_i faded and u = Σ_i w_i c_i / ‖·‖."""

    fade: float = 0.0
    linear: float = 0.0
    lift: float = 1.0  # what the score of a new item is multiplied by, see gnn.goals
    popularity: float = 0.0  # exponent of how many have the item, in the length of its target
    doubt: float = 0.0  # an item that so many users have is ranked half by what they tell, half as if new


def start(*, ordered: bool, linear: bool) -> Blend:
    """Where the search begins, and what a model is served with that nothing was chosen for."""
    return Blend(0.2 if ordered else 0.0, 2.4 if linear else 0.0)


def choose(
    judge: Callable[[Blend], Figures],
    metric: str,
    first: Blend,
    *,
    ordered: bool,
    linear: bool,
    lift: bool = False,
) -> tuple[Blend, Table]:
    """Walk from neighbour to neighbour on the grid while that is better; the blend and its figures.

    Args:
        judge: the validation figures of a blend.
        metric: the one that decides.
        ordered: whether fading may be chosen at all; without order there is nothing to fade by.
        linear: whether there is a linear term.
        lift: whether new items are asked for, so that something can be learned of how they should count.
    """
    known: dict[Blend, Figures] = {}

    def figures(blend: Blend) -> Figures:
        if blend not in known:
            known[blend] = judge(blend)
        return known[blend]

    def borne_out(blend: Blend) -> bool:
        plain = blend._replace(popularity=0.0)
        return blend == plain or surely_better(figures(blend), figures(plain), metric)

    best = first
    while True:
        around = [best]
        if ordered:
            around += [best._replace(fade=fade) for fade in _next_to(best.fade, FADES)]
        if linear:
            around += [best._replace(linear=weight) for weight in _next_to(best.linear, LINEAR)]
        if lift:
            around += [best._replace(lift=times) for times in _next_to(best.lift, LIFTS)]
        popular = [best._replace(popularity=value) for value in _next_to(best.popularity, POPULARITIES)]
        around += filter(borne_out, popular)
        better = max(around, key=lambda blend: figures(blend).table[metric])
        if better == best:
            return best, figures(best).table
        best = better


def surely_better(one: Figures, other: Figures, metric: str) -> bool:
    """Whether the mean over users is higher by more than chance: one-sided paired test, p < 0.05."""
    if metric not in one.users:  # coverage is one number for all of them
        return one.table[metric] > other.table[metric]
    gain = one.users[metric] - other.users[metric]
    return bool(gain.mean() > _ONE_SIDED * gain.std() / np.sqrt(len(gain)))


def _next_to(value: float, grid: tuple[float, ...]) -> list[float]:
    """The grid's values below and above; `value` itself need not be on it."""
    below, above = [v for v in grid if v < value], [v for v in grid if v > value]
    return below[-1:] + above[:1]
