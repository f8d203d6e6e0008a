"""Whether two models differ by more than the draw of the users explains."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Floats = npt.NDArray[np.float64]

_CELLS = 2**22  # resampled users at once: bounds memory at 64 MiB


class Comparison(NamedTuple):
    """One model minus another, in one metric."""

    difference: float  # of the means over users
    low: float  # 95 % interval of it
    high: float
    p: float  # two-sided


def paired_bootstrap(differences: Floats, resamples: int = 10_000, seed: int = 0) -> list[Comparison]:
    """Resample the users with replacement, for all columns at once (Sakai, SIGIR 2006).

    The interval is that of the percentiles. p is twice the smaller share of resampled means on either side of
    0, each counted with one more so that it is never 0.

    Args:
        differences: value of one model minus that of the other, [n_users, n_comparisons].
    """
    n_users = len(differences)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // n_users)
    means = []
    for start in range(0, resamples, step):
        n = min(step, resamples - start)
        drawn = rng.integers(n_users, size=(n, n_users)) + n_users * np.arange(n)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * n_users).reshape(n, n_users)
        means.append(times.astype(np.float64) @ differences / n_users)
    return _told(differences.mean(axis=0), np.vstack(means))


def crossed_bootstrap(
    differences: sp.csr_matrix, shares: sp.csr_matrix, resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Resample users and, apart from that, items: the pigeonhole bootstrap (Owen, Ann. Appl. Stat. 2007).

    For what is to hold for other items than those that happened to be wanted: an item that one model ranks
    lower is lower for all who wanted it, which is one observation and not as many as there are users. It errs
    on the side of chance, but for fewer than about ten items: where items alone differ, by chance, five of
    them are told to be worse at p < 0.001 one time in twenty, and three one time in ten. Interval
    and p as in `paired_bootstrap`.

    Args:
        differences: what each item adds to its user's value by one model, less the other, [n_users, n_items].
        shares: the part of each item among those that its user wanted, [n_users, n_items], rows sum to 1.
    """
    wanted = np.unique(shares.indices)
    differences, shares = differences[:, wanted], shares[:, wanted]
    n_users, n_items = shares.shape
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // max(n_users, n_items))
    means = []
    for start in range(0, resamples, step):
        n = min(step, resamples - start)
        users = rng.multinomial(n_users, np.full(n_users, 1 / n_users), size=n).astype(np.float64)
        items = rng.multinomial(n_items, np.full(n_items, 1 / n_items), size=n).astype(np.float64)
        counted = np.sum((users @ shares) * items, axis=1)
        means.append(np.sum((users @ differences) * items, axis=1) / np.where(counted > 0, counted, np.inf))
    return _told(np.array([differences.sum() / n_users]), np.concatenate(means)[:, None])[0]


def _told(differences: Floats, resampled: Floats) -> list[Comparison]:
    """Of differences [n] and what they are in each resample [resamples, n]."""
    resamples = len(resampled)
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    side = np.minimum((resampled <= 0).sum(axis=0), (resampled >= 0).sum(axis=0))
    p = np.minimum(2 * (side + 1) / (resamples + 1), 1.0)
    columns = zip(differences, low, high, p, strict=True)
    return [Comparison(*(float(value) for value in column)) for column in columns]
