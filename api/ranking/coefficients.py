"""How much each thing that a request brings counts in the score, before any item is looked at."""

from collections.abc import Sequence

import numpy as np

from api.ranking.counterfactual import largest_share
from api.ranking.signals import Edge, Floats, Seed
from api.ranking.weights import KindWeights
from api.state.snapshot import Snapshot


def coefficients(seeds: Sequence[Seed], contexts: Floats, kind: KindWeights) -> Floats:
    """The w_i of u = sum_i w_i c_i, |u| = 1: float64 [len(seeds)], all zero where no seed has a vector.

    Within a type by the seeds' weights; the types by their shares, whatever the number of seeds, so that a
    long past does not drown what the shopper looks at now.

    Args:
        contexts: theirs, [len(seeds), dim].
    """
    result = np.zeros(len(seeds))
    for name in ("history", "session", "item"):
        weights = np.array([s.weight if s.type == name else 0.0 for s in seeds])
        length = float(np.linalg.norm(weights @ contexts))
        if length > 1e-9:
            result += getattr(kind, name) * weights / length
    length = float(np.linalg.norm(result @ contexts))
    return result / length if length > 1e-9 else np.zeros(len(seeds))


def cold_coefficients(seeds: Sequence[Seed], contexts: Floats, kind: KindWeights) -> Floats:
    """How the texts of the seeds that the model has no vector of are mixed: float64 [len(seeds)], sum <= 1.

    Such a seed has its weight's share among those of its type, and the types their shares among all seeds.

    Args:
        contexts: theirs, [len(seeds), dim].
    """
    result = np.zeros(len(seeds))
    shares = {name: getattr(kind, name) for name in {s.type for s in seeds}}
    for n in np.flatnonzero(~contexts.any(axis=1)).tolist():
        seed = seeds[n]
        if np.any(seed.text):
            of_type = sum(s.weight for s in seeds if s.type == seed.type)
            result[n] = shares[seed.type] / max(sum(shares.values()), 1e-9) * seed.weight / of_type
    return result


def linear_coefficients(snapshot: Snapshot, seeds: Sequence[Seed], kind: KindWeights) -> Floats:
    """What each seed's LEADS_TO edges are multiplied by, by its weight and its type: float64 [len(seeds)].

    The type with the largest share counts whole, so that a session alone counts as the same past would.
    """
    return kind.gnn * snapshot.version.linear / snapshot.temperature * amounts_of(seeds, kind)


def amounts_of(seeds: Sequence[Seed], kind: KindWeights) -> Floats:
    """How much each seed counts where a sum is not brought to length one: float64 [len(seeds)]."""
    largest = largest_share(seeds, kind)
    return np.array([getattr(kind, s.type) * s.weight / largest for s in seeds], dtype=np.float64)


def edge_values(edges: Sequence[Edge], kind: KindWeights) -> list[float]:
    """What each edge adds: the strongest of its type gets the type's weight, the others in proportion."""
    strongest: dict[str, float] = {}
    for edge in edges:
        strongest[edge.type] = max(strongest.get(edge.type, 0.0), edge.score)
    return [
        kind.edge_floor + kind.edges.get(e.type, 0.0) * e.score / strongest[e.type]
        if e.score > 0
        else kind.edge_floor
        for e in edges
    ]
