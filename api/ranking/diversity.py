"""An order that keeps alike items apart. Pure arrays, no input or output."""

import numpy as np

from api.ranking.signals import Numbers
from api.state.snapshot import Vectors


def diversified(items: Numbers, scores: Vectors, vectors: Vectors, diversity: float) -> Numbers:
    """The items in the order of maximal marginal relevance (Carbonell & Goldstein 1998).

    Next comes the item with the largest (1 - diversity) * relevance - diversity * likeness: relevance is its
    score, scaled to 0..1 over the items; likeness its cosine to the most alike of those that came before.

    Args:
        items: numbers of k items, best first.
        scores: their scores [k].
        vectors: their vectors [k, dim]; a zero vector is like nothing.
        diversity: 0 leaves the order as it is, 1 looks at likeness alone.
    """
    if not items.size or not diversity:
        return items
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(lengths > 0, lengths, 1)
    span = float(np.ptp(scores)) or 1.0
    relevance = (1 - diversity) * (scores - scores.min()) / span
    likeness = np.full(len(items), -1.0)  # the least a cosine can be
    left = np.ones(len(items), dtype=np.bool_)
    order = []
    for _ in items:
        gain = np.where(left, relevance - diversity * likeness, -np.inf)
        best = int(np.argmax(gain))
        order.append(best)
        left[best] = False
        likeness = np.maximum(likeness, units @ units[best])
    return items[order]
