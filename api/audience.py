"""Which users an item or a need suits best: the score of for_you recommendations, turned round.

For one item j, the score of a user is a sum over their past items i, with a_i and b_i the same for all:

    score = sum_i w_i (a_i / |sum_i w_i c_i| + b_i),   a_i = gnn * c_i·t_j / temperature,
                                                       b_i = what LEADS_TO from i to j adds

so all users are scored in blocks as they stream from the graph, and the largest term is the reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp

from api.history import HAD, MOST_EDGES, weighed
from api.ranking.coefficients import linear_coefficients
from api.ranking.signals import Floats, Need, Numbers, Seed
from api.ranking.weights import RankingWeights
from api.state.columns import Bools
from api.state.snapshot import Snapshot, Vectors
from kg.driver import Graph, Row
from kg.queries import load

T = TypeVar("T")
_Q = load("api")
_BLOCK = 4_096  # users scored at once
_NEIGHBOURS = 20  # items that stand for a text


class Goal(NamedTuple):
    """What the audience should like."""

    item_ids: tuple[str, ...]  # the item, or the items that stand for a need: their buyers have it already
    target: Floats  # [dim]
    linear: Floats  # [n]: LEADS_TO weight from each item


class Member(NamedTuple):
    """A user of the audience, with the past item that adds most to the score."""

    user_id: str
    score: float
    item_id: str
    event: str  # relationship type
    contribution: float


class Past(NamedTuple):
    """What a user did with items of the snapshot, newest first; never empty."""

    user_id: str
    numbers: list[int]
    weights: list[float]
    events: list[str]


def goal_of_item(snapshot: Snapshot, number: int, temperature: float) -> Goal | None:
    """An item of the snapshot; one without a learned vector is stood for by those that read alike.

    None where it has no text vector either.
    """
    item_id = snapshot.ids[number]
    if snapshot.target[number].any():
        column = snapshot.linear[:, [number]].toarray()[:, 0].astype(np.float64)
        return Goal((item_id,), snapshot.target[number].astype(np.float64), column)
    goal = goal_of_text(snapshot, snapshot.text[number], temperature)
    return goal and goal._replace(item_ids=(item_id,))


def goal_of_text(
    snapshot: Snapshot, text: Vectors, temperature: float, among: Bools | None = None
) -> Goal | None:
    """The learned vectors of the nearest items, weighed by the softmax of their cosines over `temperature`.

    None where there is nothing to go by: a text of zeros, or no item with both vectors.

    Args:
        text: unit length, float32 [text dim]
        among: the items that may stand for it, [n]; all where it is None.
    """
    fit = _seen(snapshot) & snapshot.text.any(axis=1)
    usable = np.flatnonzero(fit if among is None else fit & among)
    if not usable.size or not text.any():
        return None
    cosines = (snapshot.text[usable] @ text).astype(np.float64)
    nearest = np.argsort(-cosines, kind="stable")[:_NEIGHBOURS]
    shares = np.exp((cosines[nearest] - cosines[nearest[0]]) / temperature)
    shares /= shares.sum()
    return _goal_of_items(snapshot, usable[nearest], shares)


def goal_of_need(snapshot: Snapshot, need: Need) -> Goal | None:
    """An intent of the graph, stood for by the items that satisfied it, each as much as its weight.

    None where none of them has a learned vector.
    """
    known = _seen(snapshot)[need.numbers]
    if not known.any():
        return None
    shares = need.weights[known] / need.weights[known].sum()
    return _goal_of_items(snapshot, need.numbers[known], shares)


def _seen(snapshot: Snapshot) -> Bools:
    """Items that have a learned vector and may be shown, [n]."""
    return np.asarray(snapshot.target.any(axis=1) & ~snapshot.columns.hidden)


def _goal_of_items(snapshot: Snapshot, numbers: Numbers, shares: Floats) -> Goal:
    target = shares @ snapshot.target[numbers].astype(np.float64)
    return Goal(
        tuple(snapshot.ids[n] for n in numbers),
        target / max(float(np.linalg.norm(target)), 1e-9),
        snapshot.linear[:, numbers].astype(np.float64) @ shares,
    )


def find_audience(
    graph: Graph, snapshot: Snapshot, goal: Goal, limit: int, exclude_buyers: bool, weights: RankingWeights
) -> tuple[list[Member], int]:
    """The best `limit` users, best first, and how many users were scored. Memory grows with the limit only.

    Raises:
        GraphError: the graph does not answer.
    """
    scorer = Scorer(snapshot, goal, weights)
    best: list[Member] = []
    scored = 0
    without = frozenset(goal.item_ids) if exclude_buyers else frozenset()
    rows = graph.stream(_Q.histories, most=MOST_EDGES)
    for block in blocks(_pasts(rows, snapshot, without, weights), _BLOCK):
        scored += len(block)
        best += scorer.members(block)
        if len(best) > limit + max(limit, _BLOCK):
            best = _first(best, limit)
    return _first(best, limit), scored


class Scorer:
    """The scores of a goal, as POST /v1/recommendations has them, for any users."""

    def __init__(self, snapshot: Snapshot, goal: Goal, weights: RankingWeights) -> None:
        kind = weights.kinds["for_you"]
        self._ids = snapshot.ids
        self._context = snapshot.context.astype(np.float64)
        self._cosine_terms = self._context @ goal.target * (kind.gnn / snapshot.temperature)
        nothing = np.zeros(0, dtype=np.float32)
        one = Seed("", "history", 1.0, "", nothing, nothing, nothing)
        self._linear_terms = goal.linear * linear_coefficients(snapshot, [one], kind)

    def members(self, pasts: Sequence[Past]) -> Iterator[Member]:
        """Each user with their score."""
        lengths = np.array([len(past.numbers) for past in pasts])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        numbers = np.concatenate([past.numbers for past in pasts])
        weight = np.concatenate([past.weights for past in pasts])
        having = sp.csr_matrix((weight, numbers, starts), shape=(len(pasts), len(self._ids)))
        norms = np.linalg.norm(having @ self._context, axis=1)
        inverse = np.where(norms > 1e-9, 1 / np.maximum(norms, 1e-9), 0.0)
        values = weight * (
            self._cosine_terms[numbers] * np.repeat(inverse, lengths) + self._linear_terms[numbers]
        )
        for past, start, end in zip(pasts, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            own = values[start:end]
            top = int(own.argmax())
            item_id = self._ids[past.numbers[top]]
            yield Member(past.user_id, float(own.sum()), item_id, past.events[top], float(own[top]))


def blocks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` values, the last one shorter."""
    values = iter(values)
    while block := list(islice(values, size)):
        yield block


def _pasts(
    rows: Iterable[Row], snapshot: Snapshot, without: frozenset[str], weights: RankingWeights
) -> Iterator[Past]:
    """Users with a past in the snapshot, leaving out those who bought or rated one of the items `without`."""
    event_weights, fade = snapshot.event_weights(weights.events), snapshot.version.fade
    for row in rows:
        if any(relationship in HAD and item_id in without for item_id, relationship in row["events"]):
            continue
        known = [
            (snapshot.number[item_id], weight, event)
            for item_id, weight, event in weighed(row["events"], fade, event_weights)
            if item_id in snapshot.number
        ]
        if known:
            yield Past(row["user_id"], *(list(column) for column in zip(*known, strict=True)))


def _first(members: list[Member], limit: int) -> list[Member]:
    return sorted(members, key=lambda m: (-m.score, m.user_id))[:limit]
