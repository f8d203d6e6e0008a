"""Judges any scorer: all items ranked for each user, the user's history masked."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.evaluation.metrics import (
    PER_USER,
    Floats,
    Hits,
    Ints,
    best_dcg,
    coverage,
    discount,
    gini,
    novelty,
)
from gnn.histories import Histories
from kg.errors import ModelError

Scores = npt.NDArray[np.float32] | torch.Tensor
Table = dict[str, float]  # "recall@10" -> mean over users, a fraction
PerUser = dict[str, Floats]  # "recall@10" -> value of each user, [n_users]

_CELLS = 2**25  # users x items scored at once: bounds memory at 128 MiB of float32


class Asked(NamedTuple):
    """For whom recommendations are asked, and what is known of them."""

    users: Ints  # row numbers of the matrix that was trained on, [n]; -1 for a user nobody trained on
    history: sp.csr_matrix  # [n, n_items], event weights
    age: sp.csr_matrix  # in the same places: how many items the user came to later

    def rows(self, which: "slice | Ints") -> "Asked":
        """Some of them; the only place where a history is cut into parts."""
        return Asked(self.users[which], self.history[which], self.age[which])


# Scores of all items for those who ask, float32 [n, n_items]; a tensor is ranked on the device that it is on,
# and is the caller's to change.
Scorer = Callable[[Asked], Scores]


class Judgement(NamedTuple):
    """What is asked of a scorer: rows are users, in the same order in both."""

    asked: Asked
    targets: sp.csr_matrix  # [n_users, n_items], 1 at each item to be found
    candidates: npt.NDArray[np.int64] | None = None  # the only items that are ranked, ascending; None: all
    own: bool = False  # rank the items of the user's history alone, instead of all others

    def rows(self, which: Ints) -> "Judgement":
        return self._replace(asked=self.asked.rows(which), targets=self.targets[which])

    def some_users(self, n: int, seed: int = 0) -> "Judgement":
        """At most `n` users, drawn at random: enough to choose an epoch by."""
        if self.targets.shape[0] <= n:
            return self
        return self.rows(np.sort(np.random.default_rng(seed).choice(self.targets.shape[0], n, replace=False)))


class Figures(NamedTuple):
    """What a scorer reaches."""

    table: Table  # means over users, and coverage
    users: PerUser  # by metric, [n_users]


def judgement(known: Histories, targets: sp.csr_matrix, strangers: Ints | None = None) -> Judgement:
    """Drop the users who have no target or no history; `strangers` are the users nobody trained on."""
    users = np.flatnonzero((np.diff(targets.indptr) > 0) & (np.diff(known.weight.indptr) > 0))
    named = users if strangers is None else np.where(np.isin(users, strangers), -1, users)
    return Judgement(Asked(named, *known.rows(users)), targets[users].tocsr())


def top_items(scores: Scores, k: int) -> npt.NDArray[np.int64]:
    """The k best items of each row, best first; of equal scores the item with the lower number first."""
    k = min(k, scores.shape[1])
    table = torch.as_tensor(scores)
    # The k-th best score decides which ties are cut off, so all items at least as good are sorted.
    least = table.topk(k, dim=1).values[:, -1:]
    at = (table >= least).nonzero(as_tuple=True)
    row, item, score = (of.cpu().numpy() for of in (*at, table[at]))
    by = np.lexsort((item, -score, row))
    start = np.searchsorted(row, np.arange(len(table)))
    return np.asarray(item[by][start[:, None] + np.arange(k)])


def rank(scorer: Scorer, judged: Judgement, k: int) -> npt.NDArray[np.int32]:
    """The k items recommended to each user, best first, [n_users, k]; -1 where there are fewer.

    Raises:
        ModelError: a score is not a number.
    """
    n_users, n_items = judged.targets.shape
    step = max(1, min(_CELLS // n_items, 4096))
    ranked = []
    for start in range(0, n_users, step):
        asked = judged.asked.rows(slice(start, start + step))
        scores = _own_tensor(scorer(asked))
        if scores.isnan().any():
            raise ModelError("A model gave scores that are not numbers: it did not converge.")
        ranked.append(_best_own(scores, asked, k) if judged.own else _best(scores, asked, judged, k))
    return np.vstack(ranked).astype(np.int32)


def _own_tensor(scores: Scores) -> torch.Tensor:
    """The scores as a tensor that may be changed; an array may be a view of what the model keeps."""
    return scores if isinstance(scores, torch.Tensor) else torch.tensor(scores, dtype=torch.float32)


def _best(scores: torch.Tensor, asked: Asked, judged: Judgement, k: int) -> Ints:
    scores[_places(asked.history)] = -torch.inf
    items = np.arange(scores.shape[1])
    if judged.candidates is not None:
        items, scores = judged.candidates, scores[:, torch.as_tensor(judged.candidates)]
    best = top_items(scores, k)
    found = scores.gather(1, torch.as_tensor(best, device=scores.device)).cpu().numpy()
    return np.where(found > -np.inf, items[best], -1)


def _places(of: sp.csr_matrix) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column numbers of what a matrix holds."""
    held = of.tocoo()
    return torch.as_tensor(held.row, dtype=torch.int64), torch.as_tensor(held.col, dtype=torch.int64)


def _best_own(scores: torch.Tensor, asked: Asked, k: int) -> Ints:
    seen = asked.history.tocoo()
    by = np.lexsort((seen.col, -scores[_places(asked.history)].cpu().numpy(), seen.row))
    row, item = seen.row[by], seen.col[by]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    best = np.full((len(scores), k), -1)
    best[row[place < k], place[place < k]] = item[place < k]
    return best


def target_ranks(scorer: Scorer, judged: Judgement) -> Floats:
    """The rank of each target among all items that are not in its user's history, 1 for the best."""
    n_users, n_items = judged.targets.shape
    step = max(1, _CELLS // n_items)
    found = []
    for start in range(0, n_users, step):
        asked = judged.asked.rows(slice(start, start + step))
        scores = _own_tensor(scorer(asked))
        scores[_places(asked.history)] = -torch.inf
        for row, of in enumerate(scores.cpu().numpy()):
            wanted = judged.targets.indices[
                judged.targets.indptr[start + row] : judged.targets.indptr[start + row + 1]
            ]
            ordered = np.sort(of)
            above = n_items - np.searchsorted(ordered, of[wanted], side="right")
            alike = n_items - np.searchsorted(ordered, of[wanted], side="left") - above
            found.append(1 + above + (alike - 1) / 2)
    return np.concatenate(found)


def hits(ranking: Ints, targets: sp.csr_matrix) -> Hits:
    """Whether each item of a ranking is one of its user's targets, [n_users, k]."""
    wide = np.int64(targets.shape[1])
    wanted = targets.tocoo()
    recommended = np.arange(len(ranking))[:, None] * wide + ranking
    return np.isin(np.where(ranking < 0, -1, recommended), wanted.row * wide + wanted.col)


def per_user(ranking: Ints, targets: sp.csr_matrix, ks: Sequence[int]) -> PerUser:
    """Each metric at each k for each user."""
    found, n_targets = hits(ranking, targets), np.diff(targets.indptr)
    return {f"{name}@{k}": metric(found[:, :k], n_targets) for k in ks for name, metric in PER_USER.items()}


def ndcg_by_item(ranking: Ints, targets: sp.csr_matrix) -> sp.csr_matrix:
    """What each target adds to its user's NDCG over the whole ranking, [n_users, n_items]; rows sum to it."""
    user, place = np.nonzero(hits(ranking, targets))
    values = discount(ranking.shape[1])[place] / best_dcg(np.diff(targets.indptr), ranking.shape[1])[user]
    return sp.csr_matrix((values, (user, ranking[user, place])), shape=targets.shape)


def means(values: Mapping[str, Floats]) -> Table:
    """Means over users."""
    return {name: float(value.mean()) for name, value in values.items()}


def catalogue(ranking: Ints, ks: Sequence[int], n_items: int, popular: Ints, n_users: int) -> Table:
    """What the recommendations as a whole do with the catalogue: coverage, Gini and novelty at each k.

    Args:
        popular: users of each item in what was trained on, [n_items], out of `n_users`.
    """
    return {
        f"{name}@{k}": value
        for k in ks
        for name, value in (
            ("coverage", coverage(ranking[:, :k], n_items)),
            ("gini", gini(ranking[:, :k], n_items)),
            ("novelty", novelty(ranking[:, :k], popular, n_users)),
        )
    }


def evaluate(scorer: Scorer, judged: Judgement, ks: Sequence[int] = (10, 20)) -> Table:
    """The metrics of a scorer at each k, means over users, as fractions."""
    return figures(scorer, judged, ks).table


def figures(scorer: Scorer, judged: Judgement, ks: Sequence[int] = (10, 20)) -> Figures:
    """The same, with the metrics of each user."""
    ranking = rank(scorer, judged, max(ks))
    users = per_user(ranking, judged.targets, ks)
    reach = {f"coverage@{k}": coverage(ranking[:, :k], judged.targets.shape[1]) for k in ks}
    return Figures(means(users) | reach, users)
