"""Whether two models differ by more than the draw of the users explains."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
    resampled = np.vstack(means)
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    side = np.minimum((resampled <= 0).sum(axis=0), (resampled >= 0).sum(axis=0))
    p = np.minimum(2 * (side + 1) / (resamples + 1), 1.0)
    columns = zip(differences.mean(axis=0), low, high, p, strict=True)
    return [Comparison(*(float(value) for value in column)) for column in columns]
