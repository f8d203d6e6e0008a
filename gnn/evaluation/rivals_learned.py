"""Rivals that learn step by step: iALS and BPR (implicit), LightGCN (PyTorch Geometric).

How many epochs each takes is chosen on validation; then it is fitted afresh for as many. A user they were
trained on has factors of their own; what stands for anybody else is said at each.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.device import moved, training_device
from gnn.evaluation.baselines import ones
from gnn.evaluation.evaluate import Asked, Judgement, Scorer, Scores, Table, evaluate
from gnn.evaluation.params import BprParams, IalsParams, LightGcnParams, Stopping
from kg.console import say

STOP_ON = "ndcg@20"

Floats32 = npt.NDArray[np.float32]


class Learned(NamedTuple):
    """A fitted rival."""

    scorer: Scorer
    epochs: int  # how many were best on validation, or were asked for; 0 where there are none
    curve: list[tuple[int, Table]]  # epoch, metrics on validation


def ials(
    train: sp.csr_matrix, params: IalsParams, seed: int, judged: Judgement | None = None, epochs: int = 0
) -> Learned:
    """Implicit ALS (Hu, Koren & Volinsky, ICDM 2008); a new user's factors are solved from the history."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    model = AlternatingLeastSquares(
        params.factors,
        regularization=params.regularization,
        alpha=params.alpha,
        use_gpu=False,
        num_threads=_threads(),
        random_state=seed,
    )

    def advance(n: int) -> None:
        # A second fit goes on from the factors of the first.
        model.iterations = n
        with threadpool_limits(1, "blas"):
            model.fit(train, show_progress=False)

    def fold_in(history: sp.csr_matrix) -> Floats32:
        with threadpool_limits(1, "blas"):
            factors = model.recalculate_user(np.arange(history.shape[0]), ones(history))
        return np.asarray(factors, dtype=np.float32)

    return _learn(
        advance, lambda: _factors(model.user_factors, model.item_factors, fold_in), params, judged, epochs
    )


def bpr(
    train: sp.csr_matrix, params: BprParams, seed: int, judged: Judgement | None = None, epochs: int = 0
) -> Learned:
    """BPR matrix factorisation (Rendle et al., UAI 2009); a new user is the mean of their items' factors.

    One thread: with more, the library's updates race and no two runs are alike.
    """
    from implicit.bpr import BayesianPersonalizedRanking
    from threadpoolctl import threadpool_limits

    model = BayesianPersonalizedRanking(
        params.factors,
        learning_rate=params.learning_rate,
        regularization=params.regularization,
        use_gpu=False,
        num_threads=1,
        # A generator that goes on from fit to fit; a number would draw the same pairs again.
        random_state=np.random.default_rng(seed),
    )

    def advance(n: int) -> None:
        model.iterations = n
        with threadpool_limits(1, "blas"):
            model.fit(train, show_progress=False)

    def fold_in(history: sp.csr_matrix) -> Floats32:
        users = _mean_of_items(history, model.item_factors)
        users[:, -1] = 1  # the last factor of an item is its bias
        return users

    return _learn(
        advance, lambda: _factors(model.user_factors, model.item_factors, fold_in), params, judged, epochs
    )


def lightgcn(
    train: sp.csr_matrix, params: LightGcnParams, seed: int, judged: Judgement | None = None, epochs: int = 0
) -> Learned:
    """LightGCN (He et al., SIGIR 2020), PyG's class and BPR loss; a new user: the mean of the items' vectors.

    The whole graph is propagated at each step of `batch` pairs, each with an item that the user has not.
    """
    import torch
    from torch_geometric.nn.models import LightGCN

    n_users, n_items = train.shape
    device = training_device()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    adjacency = _normalised(train).to(device)
    model = LightGCN(n_users + n_items, params.dim, params.layers, normalize=False)
    torch.nn.init.normal_(model.embedding.weight, std=0.1)  # as in the authors' code
    model.to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=params.learning_rate)
    users = np.repeat(np.arange(n_users), np.diff(train.indptr))
    keys = np.sort(users * np.int64(n_items) + train.indices)

    def step(pairs: npt.NDArray[np.int64]) -> None:
        user, item = users[pairs], train.indices[pairs].astype(np.int64)
        other = _not_had(user, keys, n_items, rng)
        nodes = user, item + n_users, other + n_users
        touched = moved(np.unique(np.concatenate(nodes)), device, np.int64)
        asked, had, had_not = (moved(n, device, np.int64) for n in nodes)
        optimiser.zero_grad(set_to_none=True)
        out = model.get_embedding(adjacency)
        score, score_not = ((out[asked] * out[node]).sum(dim=1) for node in (had, had_not))
        loss = model.recommendation_loss(score, score_not, touched, params.regularization)
        torch.autograd.backward(loss)
        optimiser.step()

    def advance(n: int) -> None:
        for _ in range(n):
            order = rng.permutation(len(users))
            for start in range(0, len(order), params.batch):
                step(order[start : start + params.batch])

    def scorer() -> Scorer:
        with torch.no_grad():
            out = model.get_embedding(adjacency).cpu().numpy()
        items = out[n_users:]
        return _factors(out[:n_users], items, lambda history: _mean_of_items(history, items))

    return _learn(advance, scorer, params, judged, epochs)


def _learn(
    advance: Callable[[int], None],
    scorer: Callable[[], Scorer],
    params: Stopping,
    judged: Judgement | None,
    epochs: int,
) -> Learned:
    """Run `epochs`; or, with `judged`, until validation stands still or the time is up."""
    if judged is None:
        advance(epochs)
        return Learned(scorer(), epochs, [])
    curve: list[tuple[int, Table]] = []
    best, started = 0, time.monotonic()
    for epoch in range(params.every, params.max_epochs + params.every, params.every):
        advance(params.every)
        curve.append((epoch, evaluate(scorer(), judged)))
        figures = [table[STOP_ON] for _, table in curve]
        say(f"epoch {epoch}: validation {STOP_ON} {figures[-1]:.4f}, {time.monotonic() - started:.0f} s")
        best = int(np.argmax(figures))
        if len(curve) - 1 - best >= params.patience:
            break
        if time.monotonic() - started > 60 * params.minutes:
            say(f"stopped after {params.minutes:g} minutes")
            break
    return Learned(scorer(), curve[best][0], curve)


def _factors(users: Floats32, items: Floats32, fold_in: Callable[[sp.csr_matrix], Floats32]) -> Scorer:
    """Dot products of the users' and the items' factors."""

    def score(asked: Asked) -> Scores:
        vectors = users[np.maximum(asked.users, 0)]
        strange = np.flatnonzero(asked.users < 0)
        if len(strange):
            vectors[strange] = fold_in(asked.rows(strange).history)
        return np.asarray(vectors @ items.T, dtype=np.float32)

    return score


def _mean_of_items(history: sp.csr_matrix, items: Floats32) -> Floats32:
    return np.asarray(ones(history) @ items / np.diff(history.indptr)[:, None], dtype=np.float32)


def _not_had(
    user: npt.NDArray[np.int64], keys: npt.NDArray[np.int64], n_items: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """For each user an item at random that they do not have; after ten draws any item will do."""
    other = rng.integers(n_items, size=len(user))
    for _ in range(10):
        key = user * np.int64(n_items) + other
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        had = np.flatnonzero(keys[place] == key)
        if not len(had):
            break
        other[had] = rng.integers(n_items, size=len(had))
    return other


def _normalised(train: sp.csr_matrix) -> Any:
    """D^-1/2 A D^-1/2 over users and items, as a torch CSR tensor: several times faster than an edge list."""
    import torch

    n_users, n_items = train.shape
    there = sp.hstack([sp.csr_matrix((n_users, n_users)), train])
    back = sp.hstack([train.T, sp.csr_matrix((n_items, n_items))])
    both: Any = sp.vstack([there, back], format="csr", dtype=np.float32)
    scale = sp.diags_array(np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1) ** -0.5)
    normal: Any = (scale @ both @ scale).tocsr().astype(np.float32)
    return torch.sparse_csr_tensor(
        torch.from_numpy(normal.indptr.astype(np.int64)),
        torch.from_numpy(normal.indices.astype(np.int64)),
        torch.from_numpy(normal.data),
        normal.shape,
        check_invariants=False,
    )


def _threads() -> int:
    """As many as OMP_NUM_THREADS says; 0, all cores, where it says nothing."""
    return int(os.environ.get("OMP_NUM_THREADS", "0") or 0)
