"""The best of many items without reading all their numbers: eight bits first, all 32 where an item may win.

Products with a hundred thousand vectors cost what it takes to read them, so a quarter of the bytes is read:

    x_j = s_j q_j + e_j    q_j int8 [d], s_j = max |x_j| / 127        u = s q + e, the same way
    x_j·u = s_j s (q_j·q)  ±  |e_j| |u| + |s_j q_j| |e|               by Cauchy and Schwarz

An item that is off by the most that any may be, and still stays below what the k-th best has at least, is
none of the k best; all others are scored in full. So the answer is exact. Screening by bounds is as in the
VA-file (Weber, Schek and Blott, VLDB 1998).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simsimd

from api.state.columns import Bools, Numbers, placed

Vectors = npt.NDArray[np.float32]

_ROUNDING = np.float32(1e-5)  # of float32 sums, as a part of |x| |u|
_ROWS = 16_384  # coded at once
_BLOCK = 256  # values of which the largest is looked at first


class Codes(NamedTuple):
    """Rows, the same in eight bits, and what that leaves out; of rows that are nothing no code is kept."""

    rows: Vectors  # [n, d]
    codes: npt.NDArray[np.int8]  # [m, d]
    scale: Vectors  # [m]
    length: Vectors  # [m], of the row
    left_out: Vectors  # [m], length of what the code leaves out
    coded: Numbers | None = None  # [m], of the rows that have a code, where most have none; None for all

    @classmethod
    def of(cls, rows: Vectors) -> "Codes":
        """Code float32 [n, d]."""
        something = np.flatnonzero(rows.any(axis=1))
        if len(something) < len(rows) / 2:
            return cls._all(rows[something])._replace(rows=rows, coded=something)
        return cls._all(rows)

    @classmethod
    def _all(cls, rows: Vectors) -> "Codes":
        codes = np.zeros(rows.shape, dtype=np.int8)
        scale, length, left_out = (np.zeros(len(rows), dtype=np.float32) for _ in range(3))
        for start in range(0, len(rows), _ROWS):
            some, here = rows[start : start + _ROWS], slice(start, start + _ROWS)
            scale[here] = np.abs(some).max(axis=1, initial=0.0) / 127
            whole = np.rint(some / np.maximum(scale[here], 1e-30)[:, None])
            codes[here] = whole
            length[here] = np.linalg.norm(some, axis=1)
            left_out[here] = np.linalg.norm(some - whole * scale[here][:, None], axis=1)
        return cls(rows, codes, scale, length, left_out)

    def placed(self, numbers: Sequence[int], values: Vectors, rows: Vectors) -> "Codes":
        """The codes of `rows`, which are these with `values` in the places `numbers`."""
        if rows is self.rows:
            return self
        if self.coded is not None:
            return Codes.of(rows)
        newer = Codes._all(values)
        return Codes(
            rows,
            placed(self.codes, numbers, newer.codes, len(rows)),
            placed(self.scale, numbers, newer.scale, len(rows)),
            placed(self.length, numbers, newer.length, len(rows)),
            placed(self.left_out, numbers, newer.left_out, len(rows)),
        )

    def add_products(self, query: Vectors, scores: Vectors) -> float:
        """Add about each row's product with a vector [d] to float32 [n]; returns how far off any may be."""
        if not self.codes.size:
            return 0.0
        asked = Codes._all(np.asarray(query, dtype=np.float32)[None])
        about = np.asarray(simsimd.cdist(asked.codes, self.codes, "dot", out_dtype="float32")).reshape(-1)
        about *= self.scale
        about *= asked.scale
        scores[slice(None) if self.coded is None else self.coded] += about
        length, left_out = asked.length[0], asked.left_out[0]
        off = self.left_out.max() * (length + left_out) + self.length.max() * (left_out + _ROUNDING * length)
        return float(off)


NOTHING = Codes.of(np.zeros((0, 0), dtype=np.float32))


class Term(NamedTuple):
    """A part of the score that is a product with each item's vector."""

    codes: Codes
    direction: Vectors  # [d]


def kth_largest(values: Vectors, k: int) -> np.float32:
    """The k-th largest of the values, k at most their number.

    The k-th largest of the maxima of blocks is no larger, and leaves few values to look at: NumPy's own
    selection takes several times as long, and many times where most values are the same.
    """
    whole = len(values) // _BLOCK * _BLOCK
    maxima = values[:whole].reshape(-1, _BLOCK).max(axis=1)
    if len(maxima) > k:
        values = values[values >= np.partition(maxima, len(maxima) - k)[len(maxima) - k]]
    return np.float32(np.partition(values, len(values) - k)[len(values) - k])


def best(terms: Sequence[Term], beside: Vectors, allowed: Bools, k: int) -> tuple[Numbers, Vectors]:
    """The k best of the allowed items, and all that score as the last of them; best first, with their scores.

    Args:
        terms: products that make up the score.
        beside: what is added to them, float32 [n].
        allowed: bool [n].

    Returns:
        Items and scores; equal scores keep the order of the items' numbers.
    """
    may = np.flatnonzero(allowed)
    if k < may.size and terms:
        about = beside.copy()
        off = sum(term.codes.add_products(term.direction, about) for term in terms)
        about[~allowed] = -np.inf
        may = np.flatnonzero(about >= kth_largest(about, k) - np.float32(2 * off))
    scores = beside[may].copy()
    for term in terms:
        scores += term.codes.rows[may] @ term.direction
    if k < may.size:
        last = scores >= kth_largest(scores, k)
        may, scores = may[last], scores[last]
    order = np.argsort(-scores, kind="stable")
    return may[order], scores[order]
