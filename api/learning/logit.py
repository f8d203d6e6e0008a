"""Conditional logit: which of the items that were to be had did the shopper take (McFadden 1974).

P(j) = exp(a · x_j) / Σ_k exp(a · x_k), a >= 0: each feature may only speak for an item. The sum over all
items is estimated from the best ones and a random part of the others, which count for those left out.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]
_LEAST: Final = 0.05  # the first feature never vanishes: the others are told as multiples of it


class Choices(NamedTuple):
    """Choices among candidates, of which the first was taken."""

    x: npt.NDArray[np.float32]  # [n, candidates, features]
    offset: npt.NDArray[np.float32]  # [n, candidates], log of how many items a candidate stands for
    weight: Floats  # [n], sums to 1


def fit(choices: Choices) -> Floats:
    """The weights of greatest likelihood, relative to that of the first feature: [features], the first is 1.

    A ridge of one choice's weight keeps what the data say nothing of at zero.
    """
    n, _, features = choices.x.shape
    spread = np.maximum(choices.x.reshape(-1, features).std(axis=0, dtype=np.float64), 1e-9)
    x = (choices.x / spread.astype(np.float32)).astype(np.float32)
    useful = choices.x.reshape(-1, features).std(axis=0) > 1e-9
    least = np.zeros(features)
    least[0] = _LEAST * spread[0]

    def loss(a: Floats) -> tuple[float, Floats]:
        scores = x @ a.astype(np.float32) + choices.offset
        log_p = scores - logsumexp(scores, axis=1, keepdims=True)
        expected = np.einsum("nc,ncf->nf", np.exp(log_p), x)
        gradient = choices.weight @ (expected - x[:, 0])
        return float(-choices.weight @ log_p[:, 0] + a @ a / (2 * n)), gradient + a / n

    start = np.where(np.arange(features) == 0, spread[0], 0.0)
    bounds = [(low, None if use else low) for low, use in zip(least, useful, strict=True)]
    a = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x / spread
    return np.asarray(a / a[0], dtype=np.float64)
