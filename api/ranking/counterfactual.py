"""What a score would be had one of the past items not been there."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from api.ranking.signals import Floats, Numbers, Seed
from api.ranking.weights import KindWeights
from api.state.snapshot import Snapshot

_NEWEST_FIRST: Final = {"history": True, "session": False}  # the order that api.history gives the seeds


def losses(
    snapshot: Snapshot,
    seeds: Sequence[Seed],
    contexts: Floats,
    edges: Floats,
    kind: KindWeights,
    items: Numbers,
) -> Floats:
    """How much the scores of `items` fall without each seed: float64 [len(seeds), len(items)].

    That is not the seed's part of the score: without it the user's vector has another length, and what the
    user came to before it fades by one item less. NaN for a seed that is looked at, or has no vector.

    Args:
        contexts: the seeds', [len(seeds), dim].
        edges: what the linear term gives each seed, float64 [len(seeds), len(items)].
    """
    result = np.full((len(seeds), len(items)), np.nan)
    if not seeds:
        return result
    told = np.any(contexts != 0, axis=1)
    target = snapshot.target[items].astype(np.float64) * kind.gnn / snapshot.temperature
    places = {
        name: [n for n, s in enumerate(seeds) if s.type == name] for name in ("history", "session", "item")
    }
    sums = {
        name: np.array([seeds[n].weight for n in of]) @ contexts[of] if of else np.zeros(contexts.shape[1])
        for name, of in places.items()
    }
    mixed = sum(
        (_shared(total, getattr(kind, name)) for name, total in sums.items()), np.zeros(contexts.shape[1])
    )
    whole = target @ _unit(mixed)
    for name, newest_first in _NEWEST_FIRST.items():
        if not told[places[name]].any():
            continue
        every = places[name] if newest_first else places[name][::-1]
        weights = np.array([seeds[n].weight for n in every])
        without = _without(weights[:, None] * contexts[every], snapshot.version.fade)
        share = getattr(kind, name)
        users = _unit(mixed - _shared(sums[name], share) + _shared(without, share))
        # The only seed of its type takes the type's share with it.
        others = [s for s in seeds if s.type != name] if len(every) == 1 else seeds
        scale = largest_share(seeds, kind) / largest_share(others, kind)
        rest = edges.sum(axis=0) - edges[every].sum(axis=0)
        linear = edges.sum(axis=0) - scale * (rest + _without(edges[every], snapshot.version.fade))
        result[every] = whole - users @ target.T + linear
        result[[n for n in every if not told[n]]] = np.nan
    return result


def largest_share(seeds: Sequence[Seed], kind: KindWeights) -> float:
    """Of the types of seeds that there are."""
    return max((float(getattr(kind, name)) for name in {s.type for s in seeds}), default=0.0) or 1.0


def _without(parts: Floats, fade: float) -> Floats:
    """The sum of the rows, newest first, without each of them; older ones then fade by one step less."""
    newer = np.cumsum(parts, axis=0) - parts
    older = parts.sum(axis=0) - newer - parts
    return np.asarray(newer + math.exp(fade) * older)


def _shared(total: Floats, share: float) -> Floats:
    return share * _unit(total)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.where(length > 1e-9, rows / np.maximum(length, 1e-9), 0.0)
