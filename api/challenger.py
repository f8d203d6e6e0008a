"""The other model of an experiment: its vectors beside the items of the snapshot that serves."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from api.loading import leads_to, learned_vectors
from api.screen import Codes
from api.snapshot import Snapshot, Vectors
from api.version import Version, version_from
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load

_Q = load("api")


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


def _held(graph: Graph, model: str) -> Version:
    found = graph.read(_Q.held, model_version=model)
    if not found:
        raise ModelError(f"The vectors of the model {model!r} are not in the graph.")
    return version_from(found[0])
