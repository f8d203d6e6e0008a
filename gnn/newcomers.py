"""How many have an item, and how items that nobody has come to be ranked beside those that many have.

    t_j  <- t_j · (users of j / users of the item of a typical purchase)^popularity

The exponent is chosen on the validation part (gnn.blend): 0 where the learned lengths say all, more where
they do not, as in a shop too small or too short to learn them.

Of items that nobody has yet the model makes vectors from text and declared edges alone, which cannot say what
only purchases tell. They borrow it from their kin, the known items that the model puts closest to them:

    t_j  <- lift · (t_j + ½ · t_kin) / ‖·‖      t_kin: the kin's mean direction, unit length
    B_ij <- lift · Σ_k share_jk B_ik            what leads to the kin leads to the new item

`lift` decides how new and known items share the places of a list; see gnn.blend and gnn.judging.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.blend import Blend
from gnn.histories import Histories
from gnn.linear import nothing

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_KIN: Final = 5  # known items that a new one borrows from
_BORROWED: Final = 0.5  # of the kin's direction, next to the item's own
_ROWS: Final = 2048  # new items at once


class Reach(NamedTuple):
    """How many users each item has come to."""

    popularity: Floats  # next to the item of the median interaction; 1 where nobody has it, [n_items]
    new: Bools  # nobody has it, but it has a text, [n_items]


def reach(known: Histories, text: Floats | None) -> Reach:
    """Of all items, from the users' histories."""
    users = np.bincount(known.weight.indices, minlength=known.weight.shape[1])
    had = users > 0
    # So the typical purchase's score stays what it was beside words and all else that the API adds.
    typical = np.median(users[known.weight.indices]) if had.any() else 1
    popularity = np.where(had, users / typical, 1).astype(np.float32)
    return Reach(popularity, ~had & (False if text is None else text.any(axis=1)))


class Goals(NamedTuple):
    """All items as goals, the new ones with what they have from their kin."""

    reach: Reach
    target: Floats  # of all items, the new ones' with unit length, [n_items, d]
    leading: sp.csr_matrix  # columns of B for the new ones, [n_items, n_items]

    def served(self, weights: sp.csr_matrix, blend: Blend) -> tuple[Floats, sp.csr_matrix]:
        """All targets and all linear weights, popular items' times popularity, new ones' times the lift."""
        new, lift = self.reach.new, np.float32(blend.lift)
        factor = np.where(new, lift, self.reach.popularity ** np.float32(blend.popularity))
        target = self.target * factor[:, None]
        return target, (weights + lift * self.leading).tocsr() if new.any() else weights


def newcomers(target: Floats, weights: sp.csr_matrix, reached: Reach) -> Goals:
    """Let the new items borrow from their kin.

    Args:
        target: as the model makes them, [n_items, d].
        weights: B, as of `gnn.linear.item_weights`.
        reached: which items are new.
    """
    new, n_items = reached.new, len(target)
    kin = min(_KIN, int((~new).sum()))
    if not kin or not new.any():
        return Goals(reached._replace(new=np.zeros_like(new)), target, nothing(n_items))
    shares = _shares(target, new, kin)
    own = _unit(target[new])
    settled = target.copy()
    settled[new] = _unit(own + _BORROWED * _unit(shares[new] @ _unit(target)))
    return Goals(reached, settled, (weights @ shares.T).tocsr())


def _shares(target: Floats, new: Bools, kin: int) -> sp.csr_matrix:
    """How much a new item (row) takes from a known one (column): by cosine, rows sum to 1."""
    among, them = np.flatnonzero(~new), np.flatnonzero(new)
    units = _unit(target)
    alike, close = [], []
    for start in range(0, len(them), _ROWS):
        cosines = units[them[start : start + _ROWS]] @ units[among].T
        best = np.argpartition(-cosines, kin - 1, axis=1)[:, :kin]
        close.append(among[best].ravel())
        alike.append(np.maximum(np.take_along_axis(cosines, best, axis=1), 1e-6))
    share = np.concatenate(alike)
    share /= share.sum(axis=1, keepdims=True)
    ends = (np.repeat(them, kin), np.concatenate(close))
    return sp.csr_matrix((share.ravel().astype(np.float32), ends), shape=(len(new), len(new)))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
