"""Drift: how far what is counted in the graph has moved away from the live model's vectors.

Vectors stay as they were trained while purchases go on. So of a fixed sample of items it is asked how many of
those that are most often bought or viewed together with an item are among the nearest to it by the vectors.
"""

from hashlib import blake2b
from heapq import nsmallest
from typing import NamedTuple

from kg.driver import Graph
from kg.models import vector_properties
from kg.queries import load

_Q = load("drift")
_SAMPLE = 500  # items, those of the smallest hashes
_LEAST = 50  # items of fewer say nothing
_COUNTED, _NEAREST = 10, 20  # neighbours an item


class Agreement(NamedTuple):
    """Mean share of an item's strongest counted neighbours that are among its nearest by the vectors."""

    now: float
    first: float  # when it was first measured for this model: as it was published

    @property
    def lost(self) -> float:
        """The part of it that is gone."""
        return 1 - self.now / self.first if self.first else 0.0


def measure(graph: Graph) -> Agreement | None:
    """The live model's; None where there is none, or too little was counted to say."""
    live = next(iter(graph.read(load("gnn").live)), None)
    if live is None:
        return None
    ids = (row["itemId"] for row in graph.stream(_Q.counted))
    sample = nsmallest(_SAMPLE, ids, key=lambda item_id: blake2b(item_id.encode()).digest())
    if len(sample) < _LEAST:
        return None
    slot = live["slot"]
    (row,) = graph.read(
        _Q.agreement,
        ids=sample,
        index=f"item_gnn_{slot}",
        counted=_COUNTED,
        nearest=_NEAREST,
        **vector_properties(slot),
    )
    if row["items"] < _LEAST:
        return None
    (first,) = graph.write_rows(_Q.first_agreement, version=live["version"], agreement=row["agreement"])
    return Agreement(row["agreement"], first["agreement"])
