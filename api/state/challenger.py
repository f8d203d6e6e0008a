"""The other model whose vectors the graph holds: beside the items of the snapshot that serves.

It answers its part of an experiment, and is at hand when the alias moves to it.
"""

import asyncio
import logging
import time
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp

from api.ranking.screen import Codes
from api.reads import Reads
from api.state.loading import leads_to, learned_vectors
from api.state.snapshot import Snapshot, Vectors
from api.state.version import Version, version_from
from kg.driver import Graph
from kg.errors import GraphError, ModelError, ShopgraphError
from kg.queries import load

log = logging.getLogger("shopgraph.api")
_Q = load("api")
_AGAIN_SECONDS: Final = 60.0  # after a model could not be read


class Learned(NamedTuple):
    """What a model made of items."""

    ids: list[str]
    context: Vectors  # [n, dim]
    target: Vectors  # [n, dim]
    codes: Codes  # of target
    linear: sp.csr_matrix  # [n, n]

    def of(self, ids: list[str]) -> "Learned":
        """The same for these items; zero for those that it lacks."""
        if ids == self.ids:
            return self
        number = {item_id: n for n, item_id in enumerate(self.ids)}
        there = [n for n, item_id in enumerate(ids) if item_id in number]
        place = [number[ids[n]] for n in there]
        context, target = (np.zeros((len(ids), self.target.shape[1]), dtype=np.float32) for _ in range(2))
        context[there], target[there] = self.context[place], self.target[place]
        shape = len(ids), len(self.ids)
        move = sp.csr_matrix((np.ones(len(there), dtype=np.float32), (there, place)), shape=shape)
        linear = sp.csr_matrix(move @ self.linear @ move.T)
        return Learned(ids, context, target, Codes.of(target), linear)


class Challenger:
    """A second model over the items of a snapshot, with which it shares all that no model makes."""

    def __init__(self, version: Version, learned: Learned, snapshot: Snapshot) -> None:
        self.model = version.model
        self._version, self._learned, self._follows = version, learned.of(snapshot.ids), snapshot
        self._snapshot = self._made()

    def beside(self, snapshot: Snapshot) -> Snapshot | None:
        """The items of `snapshot` with this model's vectors; None where its items are others, see `moved`."""
        if snapshot is not self._follows:
            if snapshot.ids is not self._follows.ids and snapshot.ids != self._follows.ids:
                return None
            self._follows = snapshot
            self._snapshot = self._made()
        return self._snapshot

    def moved(self, snapshot: Snapshot) -> "Challenger":
        """The same model over the items of another snapshot; text speaks for those that it does not know."""
        return Challenger(self._version, self._learned, snapshot)

    @classmethod
    def serving(cls, snapshot: Snapshot) -> "Challenger":
        """The model that a snapshot serves, beside that snapshot."""
        learned = Learned(
            snapshot.ids, snapshot.context, snapshot.target, snapshot.target_codes, snapshot.linear
        )
        return cls(snapshot.version, learned, snapshot)

    def _made(self) -> Snapshot:
        learned = self._learned
        return replace(
            self._follows,
            version=self._version._replace(graph=self._follows.version.graph),
            context=learned.context,
            target=learned.target,
            linear=learned.linear,
            target_codes=learned.codes,
        )


def read_challenger(graph: Graph, model: str, snapshot: Snapshot) -> Challenger:
    """Read a model's vectors from the slot that holds them.

    Raises:
        ModelError: they are not in the graph, were replaced meanwhile, or are broken.
    """
    version = _held(graph, model)
    ids = snapshot.ids
    context, target = learned_vectors(graph, version, ids)
    linear = leads_to(graph, version, {item_id: n for n, item_id in enumerate(ids)}, len(ids))
    if _held(graph, model) != version:
        raise ModelError(f"The vectors of the model {model!r} moved while they were read.")
    return Challenger(version, Learned(ids, context, target, Codes.of(target), linear), snapshot)


class Beside:
    """The model that is not live, if the graph holds its vectors."""

    def __init__(self) -> None:
        self._model: Challenger | None = None
        self._failed: str | None = None  # a model that could not be read
        self._until = 0.0  # when it is tried again

    def over(self, snapshot: Snapshot) -> Snapshot | None:
        """It over the items of `snapshot`; None where it is not at hand."""
        return self._model.beside(snapshot) if self._model is not None else None

    async def look(self, reads: Reads, graph: Graph, snapshot: Snapshot) -> None:
        """Have it at hand. Reading it takes long, and what serves goes on meanwhile.

        Args:
            snapshot: what serves.
        """
        try:
            rows = await reads.rows(_Q.held_beside)
        except GraphError:
            return  # whoever looks for the live model tells of it
        name, there = rows[0]["model_version"] if rows else None, self._model
        if name == snapshot.version.model:
            return  # the alias has moved to it, and is about to be followed
        if there is not None and there.model == name:
            if there.beside(snapshot) is None:
                self._model = await asyncio.to_thread(there.moved, snapshot)
            return
        self._model = None
        if name is None or (name == self._failed and time.monotonic() < self._until):
            return
        try:
            self._model = await asyncio.to_thread(read_challenger, graph, name, snapshot)
        except ShopgraphError as error:
            log.warning("The model beside the live one cannot be used: %s", error)
            self._failed, self._until = name, time.monotonic() + _AGAIN_SECONDS

    def serving(self, graph: Graph, version: Version, before: Snapshot) -> Snapshot:
        """What serves a version of which only the model is another; what served is beside it from now on.

        Args:
            before: what serves.

        Raises:
            ModelError: its vectors are not at hand, and broken or not in the graph.
        """
        snapshot = self.over(before)
        if snapshot is None or snapshot.version != version:
            there = read_challenger(graph, version.model, before)
            snapshot = there.beside(before)
        if snapshot is None or snapshot.version != version:
            raise ModelError(f"The model {version.model!r} was written again while it was read.")
        self._model = Challenger.serving(before)
        return snapshot


def _held(graph: Graph, model: str) -> Version:
    found = graph.read(_Q.held, model_version=model)
    if not found:
        raise ModelError(f"The vectors of the model {model!r} are not in the graph.")
    return version_from(found[0])
