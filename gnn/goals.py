"""What serves of an item: what its users tell, if it has many; text, edges and kin, if it has few or none.

An item that nobody has yet goes by text and declared edges alone, which cannot say what only purchases tell.
It borrows that from its kin, the known items whose targets are closest to its own:

    n_j  = lift · (t'_j + ½ · t_kin) / ‖·‖      t'_j as if j were new, t_kin the kin's mean direction
    B_ij = lift · Σ_k share_jk B_ik             what leads to the kin leads to the new item

Of an item that a few have, purchases tell a little, and part of that is chance. So it is partly known and
partly new; one of more than RARE users is known:

    t_j <- (1 - ρ_j) · (users_j / typical)^popularity · t_j + ρ_j · n_j      ρ_j = doubt / (users_j + doubt)

`typical` is how many have the item of the median interaction. The lengths that the model learns say how much
an item is wanted, but too little in a shop too small or too short to learn them. `lift`, `popularity` and
`doubt` are chosen on the validation part: gnn.blend, gnn.judging.
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

RARE: Final = 10  # users; who has an item of more is not doubted
_KIN: Final = 5  # known items that a new one borrows from
_AMONG: Final = 50_000  # best known items that kin are looked for among, so that time is bounded
_BORROWED: Final = 0.5  # of the kin's direction, next to the item's own
_ROWS: Final = 2048  # new items at once


class Reach(NamedTuple):
    """How many users each item has come to."""

    users: npt.NDArray[np.int64]  # [n_items]
    popularity: Floats  # next to the item of the median interaction; 1 where nobody has it, [n_items]
    new: Bools  # nobody has it, but it has a text, [n_items]
    rare: Bools  # at most RARE have it, and it has a text, [n_items]


def reach(known: Histories, text: Floats | None) -> Reach:
    """Of all items, from the users' histories."""
    users = np.bincount(known.weight.indices, minlength=known.weight.shape[1])
    had, told = users > 0, False if text is None else text.any(axis=1)
    # So the typical purchase's score stays what it was beside words and all else that the API adds.
    typical = np.median(users[known.weight.indices]) if had.any() else 1
    popularity = np.where(had, users / typical, 1).astype(np.float32)
    return Reach(users, popularity, ~had & told, had & (users <= RARE) & told)


class Goals(NamedTuple):
    """All items as recommendations: as the model has them, and as new ones."""

    reach: Reach
    target: Floats  # of known items, [n_items, d]
    fresh: Floats  # unit length, of the items that borrow, else 0, [n_items, d]
    leading: sp.csr_matrix  # columns of B for the new ones, without the lift, [n_items, n_items]

    def served(self, weights: sp.csr_matrix, blend: Blend) -> tuple[Floats, sp.csr_matrix]:
        """All targets and all linear weights as they serve."""
        users, popularity, new, rare = self.reach
        as_new = np.where(new, 1, rare * blend.doubt / np.maximum(users + blend.doubt, 1))
        known = (1 - as_new) * popularity**blend.popularity
        target = self.target * known[:, None] + self.fresh * (blend.lift * as_new)[:, None]
        more = sp.csr_matrix(weights + np.float32(blend.lift) * self.leading) if new.any() else weights
        return target.astype(np.float32), more


def settle(target: Floats, weights: sp.csr_matrix, reached: Reach, as_new: Floats | None = None) -> Goals:
    """Let new items, and rare ones where it is known what they would be as new ones, borrow from their kin.

    Args:
        target: as the model makes them, [n_items, d].
        weights: B, as of `gnn.linear.item_weights`.
        reached: which items are new, and which rare.
        as_new: targets as if each item were new, [n_items, d]; None: none is doubted.
    """
    n_items = len(target)
    if as_new is None:
        as_new, reached = target, reached._replace(rare=np.zeros_like(reached.rare))
    borrowing = np.flatnonzero(reached.new | reached.rare)
    among = np.flatnonzero(~reached.new)
    among = among[np.argsort(-reached.users[among], kind="stable")[:_AMONG]]
    kin = min(_KIN, len(among))
    if not len(borrowing) or not kin:
        nobody = np.zeros_like(reached.new)
        return Goals(
            reached._replace(new=nobody, rare=nobody), target, np.zeros_like(target), nothing(n_items)
        )
    shares = _shares(as_new, target, borrowing, among, kin)
    fresh = np.zeros_like(target)
    own = _unit(as_new[borrowing])
    fresh[borrowing] = _unit(own + _BORROWED * _unit(shares[borrowing] @ _unit(target)))
    to_new = sp.diags_array(reached.new.astype(np.float32))
    return Goals(reached, target, fresh, sp.csr_matrix(weights @ shares.T @ to_new))


def _shares(
    as_new: Floats, target: Floats, them: npt.NDArray[np.int64], among: npt.NDArray[np.int64], kin: int
) -> sp.csr_matrix:
    """How much an item (row) takes from another (column): by cosine, rows sum to 1."""
    units, known = _unit(as_new), _unit(target[among]).T
    alike, close = [], []
    for start in range(0, len(them), _ROWS):
        some = them[start : start + _ROWS]
        cosines = units[some] @ known
        cosines[some[:, None] == among] = -2  # none is its own kin
        best = np.argpartition(-cosines, kin - 1, axis=1)[:, :kin]
        close.append(among[best].ravel())
        alike.append(np.maximum(np.take_along_axis(cosines, best, axis=1), 1e-6))
    share = np.concatenate(alike)
    share /= share.sum(axis=1, keepdims=True)
    ends = (np.repeat(them, kin), np.concatenate(close))
    return sp.csr_matrix((share.ravel().astype(np.float32), ends), shape=(len(target), len(target)))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
