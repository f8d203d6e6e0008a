"""Training examples: each user's items, divided into those shown and those to be found."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.device import moved
from gnn.histories import Histories
from gnn.model import Examples

_LEAST_STEPS: Final = 20  # an epoch
_MOST_STEPS: Final = 200

Rows = tuple[Tensor, Tensor, Tensor]


class Division(NamedTuple):
    """How a user's items are divided."""

    shown_share: float  # at random: the chance of each to be shown, the others are asked for
    next_items: int = 0  # if not 0, by time instead: this many after a random point, those before it shown
    fade: float = 0.0  # by time: a shown item counts exp(-fade) less for each newer one


class Batch(NamedTuple):
    """Some users and their examples."""

    users: npt.NDArray[np.int64]  # row numbers of the history
    examples: Examples


def batches(
    known: Histories, size: int, division: Division, rng: np.random.Generator, device: torch.device
) -> Iterator[Batch]:
    """One epoch: every user with at least two items once, in random order.

    Args:
        known: of all users.
        size: users a batch; smaller shops get smaller batches, for some 20 steps an epoch, and larger
            ones larger batches, for at most 200: each step has a hop over the whole graph.
    """
    users = np.flatnonzero(np.diff(known.weight.indptr) >= 2)
    size = int(np.clip(size, -(-len(users) // _MOST_STEPS), max(1, -(-len(users) // _LEAST_STEPS))))
    users = rng.permutation(users)
    for start in range(0, len(users), size):
        some = users[start : start + size]
        yield Batch(some, divide(known.rows(some), division, rng, device))


def divide(known: Histories, division: Division, rng: np.random.Generator, device: torch.device) -> Examples:
    """Divide each row's items, of which there must be at least two: at least one is shown, one asked for."""
    weight = known.weight
    degree = np.diff(weight.indptr)
    row = np.repeat(np.arange(len(degree)), degree)
    if division.next_items:
        place = known.age.data  # from the newest
        n_hidden = rng.integers(1, degree)[row]
        shown = place >= n_hidden
        asked = ~shown & (place >= n_hidden - division.next_items)
        faded = weight.data * np.exp(-division.fade * np.where(shown, place - n_hidden, 0))
    else:
        by = np.lexsort((rng.random(len(row)), row))
        n_shown = np.clip(rng.binomial(degree, division.shown_share), 1, degree - 1)
        shown = np.zeros(len(row), dtype=bool)
        shown[by] = np.arange(len(row)) - weight.indptr[row] < n_shown[row]
        asked, faded = ~shown, weight.data

    def rows(chosen: npt.NDArray[np.bool_], weights: npt.NDArray[np.floating]) -> Rows:
        return (
            moved(row[chosen], device, np.int64),
            moved(weight.indices[chosen], device, np.int64),
            moved(weights[chosen], device, np.float32),
        )

    return Examples(rows(shown, faded), rows(asked, weight.data), len(degree))
