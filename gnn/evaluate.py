"""Judges any scorer: all items ranked for each user, the user's history masked."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.metrics import PER_USER, coverage

Scores = npt.NDArray[np.float32]
# The history of some users, CSR [n, n_items] -> scores of all items, [n, n_items].
Scorer = Callable[[sp.csr_matrix], Scores]
Table = dict[str, float]  # "recall@10" -> mean over users, a fraction

_CELLS = 2**25  # users x items scored at once: bounds memory at 128 MiB of float32


class Judgement(NamedTuple):
    """What is asked of a scorer: rows are users, in the same order in both."""

    history: sp.csr_matrix  # [n_users, n_items], event weights
    targets: sp.csr_matrix  # [n_users, n_items], 1 at each item to be found

    def some_users(self, n: int, seed: int = 0) -> "Judgement":
        """At most `n` users, drawn at random: enough to choose an epoch by."""
        if self.targets.shape[0] <= n:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(self.targets.shape[0], n, replace=False))
        return Judgement(self.history[rows], self.targets[rows])


def judgement(history: sp.csr_matrix, targets: sp.csr_matrix) -> Judgement:
    """Drop the users who have no target or no history."""
    users = np.flatnonzero((np.diff(targets.indptr) > 0) & (np.diff(history.indptr) > 0))
    return Judgement(history[users].tocsr(), targets[users].tocsr())


def top_items(scores: Scores, k: int) -> npt.NDArray[np.int64]:
    """The k best items of each row, best first; of equal scores the item with the lower number first."""
    k = min(k, scores.shape[1])
    # The k-th best score decides which ties are cut off, so all items at least as good are sorted.
    least = np.partition(scores, scores.shape[1] - k, axis=1)[:, [-k]]
    row, item = np.nonzero(scores >= least)
    by = np.lexsort((item, -scores[row, item], row))
    start = np.searchsorted(row, np.arange(len(scores)))
    return np.asarray(item[by][start[:, None] + np.arange(k)])


def evaluate(scorer: Scorer, judged: Judgement, ks: Sequence[int] = (10, 20)) -> Table:
    """The metrics of a scorer at each k, means over users, as fractions."""
    n_users, n_items = judged.targets.shape
    step = max(1, min(_CELLS // n_items, 4096))
    ranked, hits = [], []
    for start in range(0, n_users, step):
        history, targets = judged.history[start : start + step], judged.targets[start : start + step]
        scores = np.array(scorer(history), dtype=np.float32)
        seen = history.tocoo()
        scores[seen.row, seen.col] = -np.inf
        ranked.append(top_items(scores, max(ks)))
        hits.append(np.take_along_axis(targets.toarray(), ranked[-1], axis=1) > 0)
    ranking, found, n_targets = np.vstack(ranked), np.vstack(hits), np.diff(judged.targets.indptr)
    table = {
        f"{name}@{k}": float(metric(found[:, :k], n_targets).mean())
        for k in ks
        for name, metric in PER_USER.items()
    }
    return table | {f"coverage@{k}": coverage(ranking[:, :k], n_items) for k in ks}
