"""How items that nobody has yet come to be ranked beside those that many have.

The model makes their vectors from text and declared edges alone, which cannot say what only purchases tell.
They borrow it from their kin, the known items that the model puts closest to them:

    t_j  <- lift · (t_j + ½ · t_kin) / ‖·‖      t_kin: the kin's mean direction, unit length
    B_ij <- lift · Σ_k share_jk B_ik            what leads to the kin leads to the new item

`lift` decides how new and known items share the places of a list; see gnn.blend and gnn.judging.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.linear import nothing

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_KIN: Final = 5  # known items that a new one borrows from
_BORROWED: Final = 0.5  # of the kin's direction, next to the item's own
_ROWS: Final = 2048  # new items at once


class Newcomers(NamedTuple):
    """What new items have by themselves and from their kin."""

    new: Bools  # which items nobody has, [n_items]
    target: Floats  # of all items, the new ones' with unit length, [n_items, d]
    leading: sp.csr_matrix  # columns of B for the new ones, [n_items, n_items]

    def lifted(self, weights: sp.csr_matrix, lift: float) -> tuple[Floats, sp.csr_matrix]:
        """All targets and all linear weights, the new items' times `lift`."""
        if not self.new.any():
            return self.target, weights
        factor = np.where(self.new, np.float32(lift), np.float32(1))
        return self.target * factor[:, None], (weights + np.float32(lift) * self.leading).tocsr()


def newcomers(target: Floats, weights: sp.csr_matrix, new: Bools) -> Newcomers:
    """Let the new items borrow from their kin.

    Args:
        target: as the model makes them, [n_items, d].
        weights: B, as of `gnn.linear.item_weights`.
        new: which items nobody has, [n_items].
    """
    n_items = len(new)
    kin = min(_KIN, int((~new).sum()))
    if not kin or not new.any():
        return Newcomers(np.zeros(n_items, dtype=bool), target, nothing(n_items))
    shares = _shares(target, new, kin)
    own = _unit(target[new])
    settled = target.copy()
    settled[new] = _unit(own + _BORROWED * _unit(shares[new] @ _unit(target)))
    return Newcomers(new, settled, (weights @ shares.T).tocsr())


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
