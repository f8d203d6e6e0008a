"""Intents of the graph: which of them words come close to, and the items that satisfied them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from api.ranking.signals import Need
from api.reads import Reads
from api.state.snapshot import Snapshot, Vectors
from kg.driver import Graph, Row
from kg.queries import load

_Q = load("intents")
_NEAR = 0.7  # cosine from which on two texts may mean the same
_MOST = 3  # needs of one request


class Listed(NamedTuple):
    """An intent as suggestions have it."""

    intent_id: str
    text: str
    support: int  # choices that it was mined from
    items: int
    changed: str  # when mining last wrote it


class Needs:
    """The intents that count, with their vectors, as they were read last."""

    def __init__(self, listed: Sequence[Listed] = (), vectors: dict[str, Vectors] | None = None) -> None:
        self.listed = list(listed)
        self._vectors = vectors or {}
        sizes = {len(vector) for vector in self._vectors.values()}
        self._matrix = np.zeros((0, max(sizes, default=0)), dtype=np.float32)
        if listed and len(sizes) == 1:
            self._matrix = np.stack([self._vectors[need.intent_id] for need in listed])

    def near(self, words: Vectors) -> list[tuple[str, float]]:
        """Ids of the intents that the words' vector comes close to, with the closeness in 0..1."""
        if len(self._matrix) == 0 or self._matrix.shape[1] != len(words):
            return []
        closeness = np.clip((self._matrix @ words - _NEAR) / (1 - _NEAR), 0, 1)
        best = np.argsort(-closeness, kind="stable")[:_MOST]
        return [(self.listed[n].intent_id, float(closeness[n])) for n in best if closeness[n] > 0]

    async def newer(self, reads: Reads, model: str | None) -> "Needs":
        """What the graph has now; the same object where nothing changed.

        Args:
            model: the text encoder whose vectors compare.

        Raises:
            GraphError: the graph does not answer.
        """
        listed = [Listed(*row) for row in await reads.one_list(_Q.listed, model=model or "")]
        if listed == self.listed:
            return self
        before = {need.intent_id: need.changed for need in self.listed}
        missing = [n.intent_id for n in listed if before.get(n.intent_id) != n.changed]
        rows: list[Row] = await reads.rows(_Q.vectors, intent_ids=missing) if missing else []
        vectors = self._vectors | _vectors(rows)
        there = [need for need in listed if need.intent_id in vectors]
        return Needs(there, {need.intent_id: vectors[need.intent_id] for need in there})


def read_needs(graph: Graph, model: str | None) -> Needs:
    """All intents of a graph whose vectors the text encoder `model` made."""
    listed = [Listed(*row) for row in graph.read(_Q.listed, model=model or "")[0]["needs"]]
    rows = graph.read(_Q.vectors, intent_ids=[need.intent_id for need in listed])
    vectors = _vectors(rows)
    return Needs([need for need in listed if need.intent_id in vectors], vectors)


async def needs_of(words: Vectors, needs: Needs, snapshot: Snapshot, reads: Reads) -> list[Need]:
    """The intents that words come close to, as the graph has them at this moment.

    Raises:
        GraphError: the graph does not answer.
    """
    near = dict(needs.near(words))
    if not near:
        return []
    found = await reads.one_list(_Q.satisfied, intent_ids=list(near))
    made = (_need(told, near[told[0]], snapshot) for told in found)
    return sorted((n for n in made if n is not None), key=lambda need: -need.closeness)


async def need_of(intent_id: str, snapshot: Snapshot, reads: Reads) -> Need | None:
    """An intent as the graph has it at this moment; None where there is none, or no item satisfied it.

    Raises:
        GraphError: the graph does not answer.
    """
    found = await reads.one_list(_Q.satisfied, intent_ids=[intent_id])
    return _need(found[0], 1.0, snapshot) if found else None


def _vectors(rows: Sequence[Row]) -> dict[str, Vectors]:
    """By intent; one that a person broke is left out."""
    found: dict[str, Vectors] = {}
    for row in rows:
        try:
            vector = np.array(row["embedding"], dtype=np.float32)
        except (TypeError, ValueError):
            continue
        if vector.ndim == 1 and np.isfinite(vector).all():
            found[row["intent_id"]] = vector
    return found


def _need(told: Sequence[Any], closeness: float, snapshot: Snapshot) -> Need | None:
    intent_id, text, support, satisfied = told
    weights = {snapshot.number[i]: float(w) for i, w in sorted(satisfied) if i in snapshot.number and w > 0}
    if not weights:
        return None
    values = np.array(list(weights.values()))
    numbers = np.array(list(weights), dtype=np.int64)
    return Need(intent_id, text or "", int(support), closeness, numbers, values / values.max())
