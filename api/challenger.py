"""The other model of an experiment: its vectors beside the items of the snapshot that serves."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from api.loading import leads_to, learned_vectors
from api.snapshot import Snapshot
from api.version import version_from
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load

_Q = load("api")


class Challenger:
    """A second model over the same items; two snapshots share all that no model makes."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take the vectors of `snapshot`, see `beside`."""
        self._own = self._last = snapshot
        self._beside: Snapshot | None = None

    @property
    def model(self) -> str:
        """Its version."""
        return self._own.version.model

    def beside(self, snapshot: Snapshot) -> Snapshot | None:
        """The items of `snapshot` with this model's vectors, or None where those were read for other items.

        Items that came since have none of it; text speaks for them.
        """
        if snapshot is not self._beside:
            own, n = self._own, len(snapshot.ids)
            if snapshot.ids[: len(own.ids)] != own.ids:
                return None
            added = range(len(own.ids), n)
            none = np.zeros((len(added), own.version.dim), dtype=np.float32)
            target = np.concatenate([own.target, none])
            indptr = np.concatenate([own.linear.indptr, np.full(len(added), own.linear.nnz)])
            self._last = replace(
                snapshot,
                version=own.version._replace(graph=snapshot.version.graph),
                context=np.concatenate([own.context, none]),
                target=target,
                linear=sp.csr_matrix((own.linear.data, own.linear.indices, indptr), shape=(n, n)),
                target_codes=own.target_codes.placed(added, none, target),
            )
            self._beside = snapshot
        return self._last


def read_challenger(graph: Graph, model: str, snapshot: Snapshot) -> Challenger:
    """Read a model's vectors from the slot that holds them.

    Raises:
        ModelError: they are no longer in the graph, or broken.
    """
    found = graph.read(_Q.held, model_version=model)
    if not found:
        raise ModelError(f"The vectors of the model {model!r} are not in the graph.")
    version = version_from(found[0])
    context, target = learned_vectors(graph, version, snapshot.ids)
    linear = leads_to(graph, version, snapshot.number)
    return Challenger(replace(snapshot, version=version, context=context, target=target, linear=linear))
