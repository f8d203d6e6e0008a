"""Training examples: each user's items, divided at random into those shown and those to be found."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.model import Examples


class Batch:
    """Some users and their examples; `users` are row numbers of the history."""

    def __init__(self, users: npt.NDArray[np.int64], examples: Examples) -> None:
        self.users, self.examples = users, examples


def batches(
    history: sp.csr_matrix, size: int, shown_share: float, rng: np.random.Generator, device: torch.device
) -> Iterator[Batch]:
    """One epoch: every user with at least two items once, in random order.

    Args:
        history: event weights, CSR [n_users, n_items].
        size: users a batch at most; small shops get smaller batches, for at least 20 steps an epoch.
        shown_share: chance of each item to be shown; at least one is shown and at least one is to be found.
    """
    users = np.flatnonzero(np.diff(history.indptr) >= 2)
    size = max(1, min(size, -(-len(users) // 20)))
    users = rng.permutation(users)
    for start in range(0, len(users), size):
        some = users[start : start + size]
        yield Batch(some, divide(history[some], shown_share, rng, device))


def divide(
    history: sp.csr_matrix, shown_share: float, rng: np.random.Generator, device: torch.device
) -> Examples:
    """Divide each row's items, of which there must be at least two."""
    degree = np.diff(history.indptr)
    row = np.repeat(np.arange(len(degree)), degree)
    in_random_order = np.lexsort((rng.random(len(row)), row))
    n_shown = np.clip(rng.binomial(degree, shown_share), 1, degree - 1)
    place = np.arange(len(row)) - history.indptr[row]
    shown = np.zeros(len(row), dtype=bool)
    shown[in_random_order] = place < n_shown[row]

    def rows(chosen: npt.NDArray[np.bool_]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        user, item, weight = row[chosen], history.indices[chosen], history.data[chosen]
        return (
            torch.from_numpy(user).to(device),
            torch.from_numpy(item.astype(np.int64)).to(device),
            torch.from_numpy(weight.astype(np.float32)).to(device),
        )

    return Examples(rows(shown), rows(~shown), len(degree))
