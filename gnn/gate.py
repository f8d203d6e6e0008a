"""The gate: whether a candidate may take the live model's place.

Both are asked about the newest interactions, later than all that either was trained on. What serves was
trained on those too, so the candidate's figures are those of its twin that stopped before them, which
training keeps; and the vectors that would serve must be at least as good as the twin's, or they were damaged.
Nor may the twin know what it is judged by (gnn.leak).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from gnn.embed_new import forward
from gnn.evaluation.baselines import QUICK
from gnn.evaluation.evaluate import (
    Judgement,
    Scorer,
    judgement,
    ndcg_by_item,
    rank,
    target_ranks,
)
from gnn.evaluation.judgements import MAIN, pairs
from gnn.evaluation.significance import crossed_bootstrap, paired_bootstrap
from gnn.evaluation.slices import Slice, slices
from gnn.evaluation.slices import targets as targets_of
from gnn.histories import histories
from gnn.judging import vector_scorer
from gnn.leak import Gain, gains, leaked
from gnn.split import Split, new_pairs
from gnn.store import SavedModel
from kg.dataset import ShopData
from kg.significance import holm

METRIC, K = "ndcg@20", 20
LEAST_USERS = 30  # fewer say nothing, overall or of a segment
LEAST_ITEMS = 5  # as many that are wanted alike; fewer fall together by chance too often
_ALPHA = 0.05
_CATEGORIES = 30  # the largest ones are looked at by themselves
_AS_GOOD = 0.8  # part of the twin's gain that the vectors that would serve have at least, where all is well
_RESAMPLES = 5_000


class Found(NamedTuple):
    """What a model recommends, and where it has what was wanted."""

    ranking: npt.NDArray[np.int32]  # [n_users, K]
    ranks: sp.csr_matrix  # log2 of the rank of each target among all items, in its place, [n_users, n_items]


class Verdict(NamedTuple):
    """What the gate decided, and by which numbers."""

    candidate: str
    live: str | None  # None: there was none, and popularity stood in for it
    publish: bool
    reason: str
    since: int | None  # seconds since 1970: later interactions were asked for
    users: int
    overall: dict[str, float]  # see _compare
    segments: dict[str, dict[str, float]]  # the same and users, by segment
    served: dict[str, float]  # vectors that would serve, and their twin (judged): difference, low, high, p
    # What serves gains on its twin by knowing these days (gnn.leak).
    learned: tuple[dict[str, float], ...] = ()


def refused(candidate: str, live: str | None, reason: str) -> Verdict:
    """A verdict without figures."""
    return Verdict(candidate, live, False, reason, None, 0, {}, {}, {})


def judge(data: ShopData, candidate: SavedModel, twin: SavedModel, live: SavedModel | None) -> Verdict:
    """Compare; nothing is written."""
    name, other = candidate.about.version, live.about.version if live else None
    known_until = [twin.about.judged_until, *([live.about.until] if live else [])]
    if not data.has_time or any(until is None for until in known_until):
        return refused(name, other, "it is not known which interactions neither of the models has seen")
    since = max(until for until in known_until if until is not None)
    order = data.interactions["order"]
    known, held = data.interactions[order <= since], data.interactions[order > since]
    parts = Split("gate", known, known.iloc[:0], known, new_pairs(held, known))
    judged = _judgement(data, parts)
    n_users = len(judged.asked.users) if judged else 0
    if judged is None or n_users < LEAST_USERS:
        day = f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC"
        why = f"only {n_users} users did something new since {day} that neither model has seen"
        return refused(name, other, why)
    past = data._replace(interactions=known)
    serving, judging = _scorer(past, candidate), _scorer(past, twin)
    against = _scorer(past, live) if live else QUICK["popularity"](pairs(data, known))
    mine, theirs, served_lists = (_found(scorer, judged) for scorer in (judging, against, serving))
    segments = slices(data, parts, {MAIN: judged}, _CATEGORIES)
    whole = Slice("overall", np.arange(n_users), None)
    overall = _compare(whole, judged, mine, theirs)
    figures = {s.name: _compare(s, judged, mine, theirs) for s in segments}
    figures = {
        segment: row
        for segment, row in figures.items()
        if row["users"] >= LEAST_USERS and row["items"] >= LEAST_ITEMS
    }
    alike = [whole, *comparable(segments)]
    served = {s.name: _compare(s, judged, served_lists, mine, same=True) for s in alike}
    served = {segment: row for segment, row in served.items() if row["users"] >= LEAST_USERS}
    until = twin.about.judged_until or 0
    # Without a second training there is no twin: what serves knows no more than what is judged.
    learned = gains(data, serving, judging, known, held, until) if candidate.about.refitted else []
    reason = _reason(overall, figures, served) or _leak(learned)
    publish = reason is None
    told = (
        reason
        or f"{METRIC} {overall['candidate']:.4f} against {overall['live']:.4f}, no segment clearly worse"
    )
    shown = tuple(gain._asdict() for gain in learned)
    sides = {"candidate": "serving", "live": "judged"}  # here both are the candidate
    own = {sides.get(figure, figure): value for figure, value in served["overall"].items()}
    return Verdict(name, other, publish, told, since, n_users, overall, figures, own, shown)


def comparable(segments: Iterable[Slice]) -> list[Slice]:
    """Those in which what serves must be as good as its twin.

    Not the items that nobody had before: the twin ranks them as new, with the places that `lift` gives to new
    items, and what serves as items with one or two purchases.
    """
    return [one for one in segments if one.name != "items: new"]


def _reason(
    overall: dict[str, float], segments: dict[str, dict[str, float]], served: dict[str, dict[str, float]]
) -> str | None:
    """Why not to publish; None where nothing speaks against it."""
    for segment in _clearly_worse(served):
        row = served[segment]
        return (
            f"the vectors that would serve are worse than those that were judged ({segment}: {METRIC} "
            f"{row['candidate']:.4f} against {row['live']:.4f}): they were damaged"
        )
    if overall["difference"] <= 0:
        return f"not better overall: {METRIC} {overall['candidate']:.4f} against {overall['live']:.4f}"
    for segment in _clearly_worse(segments, _ALPHA / 2):
        row = segments[segment]
        return (
            f"clearly worse in {segment}: {METRIC} {row['candidate']:.4f} against {row['live']:.4f}, "
            f"p {row['p']:.4f}"
        )
    # Shoppers see less of it, and that hangs on no single item: two tests, of which both must be sure.
    seen = {
        name: {"difference": max(row["difference"], row["rank"] - 1), "p": max(row["users_p"], row["rank_p"])}
        for name, row in segments.items()
    }
    for segment in _clearly_worse(seen, _ALPHA / 2):
        row = segments[segment]
        return (
            f"clearly worse in {segment}: {METRIC} {row['candidate']:.4f} against {row['live']:.4f}, and "
            f"what was wanted ranks {row['rank']:.2f} times as high, p {seen[segment]['p']:.4f}"
        )
    return None


def _leak(learned: list[Gain]) -> str | None:
    found = leaked(learned)
    return found and (
        "the model that is judged seems to know the days that it is judged by: there, what would serve ranks "
        f"purchases {2**found.unknown:.2f} times as high as it does, and {2**found.known:.2f} times on the "
        f"days before, which both know (p {found.p:.2f})"
    )


def _clearly_worse(rows: dict[str, dict[str, float]], alpha: float = _ALPHA) -> list[str]:
    """The rows whose fall is significant when all of them are looked at, the surest first."""
    sure = holm({name: row["p"] for name, row in rows.items()}, alpha)
    return [name for name in sure if rows[name]["difference"] < 0]


def _judgement(data: ShopData, parts: Split) -> Judgement | None:
    assert parts.test is not None
    if parts.test.empty or parts.train.empty:
        return None
    past = histories(parts.train, len(data.users), len(data.items))
    return judgement(past, pairs(data, parts.test))


def _found(scorer: Scorer, judged: Judgement) -> Found:
    ranks = judged.targets.astype(np.float64)
    ranks.data = np.log2(target_ranks(scorer, judged))
    return Found(rank(scorer, judged, K), ranks)


def _compare(
    one: Slice, judged: Judgement, first: Found, second: Found, *, same: bool = False
) -> dict[str, float]:
    """The first against the second, over users and over items: NDCG@20, and how many times as high it ranks.

    Ranks tell of all targets, where few are among the first twenty; `users_p` is that of NDCG@20 over users
    alone; `items` is the number of items that would vary as much if all were wanted alike (Kish 1965).

    Args:
        same: both are one model, of which one knows more, so that other items would fare no otherwise: over
            users alone, and no ranks. The first is to be as good as most of the second, since two trainings
            differ by some items' luck and damage does by far more (a margin as in non-inferiority trials).
    """
    rows, targets = targets_of(one, {MAIN: judged})
    gains = [ndcg_by_item(of.ranking[rows], targets) for of in (first, second)]
    less = sp.csr_matrix(gains[0] - (_AS_GOOD if same else 1.0) * gains[1])
    by_user = paired_bootstrap(np.asarray(less.sum(axis=1), np.float64).reshape(-1, 1), _RESAMPLES)[0]
    told: dict[str, Any] = {"candidate": gains[0].sum() / len(rows), "live": gains[1].sum() / len(rows)}
    if same:
        told |= by_user._asdict()
    else:
        shares = sp.csr_matrix(sp.diags_array(1 / np.diff(targets.indptr)) @ targets)
        rises = sp.csr_matrix((second.ranks - first.ranks)[rows].multiply(shares))
        places = crossed_bootstrap(rises, shares, _RESAMPLES)
        wanted = np.asarray(shares.sum(axis=0)).ravel()
        told |= crossed_bootstrap(less, shares, _RESAMPLES)._asdict()
        told |= {"users_p": by_user.p, "rank": 2**places.difference, "rank_p": places.p}
        told["items"] = wanted.sum() ** 2 / (wanted**2).sum()
    return {name: round(float(value), 6) for name, value in told.items()} | {"users": len(rows)}


def _scorer(past: ShopData, model: SavedModel) -> Scorer:
    """A model as it serves: its own vectors, and one pass over the graph for items that it does not know."""
    vectors = forward(model, past)
    number = {item_id: n for n, item_id in enumerate(past.items["item_id"])}
    old = [n for n, item_id in enumerate(model.about.item_ids) if item_id in number]
    place = [number[model.about.item_ids[n]] for n in old]
    context, target = vectors.context.copy(), vectors.target.copy()
    context[place] = model.tensors["context"].numpy()[old]
    target[place] = model.tensors["target"].numpy()[old]
    n_items = len(past.items)
    move = sp.csr_matrix((np.ones(len(old), np.float32), (old, place)), (len(model.about.item_ids), n_items))
    fresh = np.ones(n_items, dtype=np.float32)
    fresh[place] = 0
    linear = move.T @ model.linear @ move + vectors.leads_to @ sp.diags_array(fresh)
    return vector_scorer(context, target, sp.csr_matrix(linear), model.about.blend)


def as_frame(verdict: Verdict) -> pd.DataFrame:
    """The segments, a row each, overall first."""
    return pd.DataFrame([{"segment": "overall", **verdict.overall}] + [
        {"segment": name, **row} for name, row in verdict.segments.items()
    ])  # fmt: skip
