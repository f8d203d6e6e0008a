"""A long past beside words: what the model makes of it tells items apart no more than words can."""

import numpy as np

from api.ranking.score import Scorer
from api.ranking.signals import Signals
from api.ranking.weights import STANDING, KindWeights, RankingWeights
from api.state.snapshot import Snapshot

_SAMPLE = 2_000  # items that are looked at
_BEST = 10


def tempered(snapshot: Snapshot, signals: Signals, kind: KindWeights, weights: RankingWeights) -> KindWeights:
    """The kind with what was learned counting less, where a long past would drown the words.

    The LEADS_TO edges and the shared categories are sums over the past: of two hundred items they tell items
    apart by several times as much as of ten. Without words nothing changes, as only the order counts.
    """
    if signals.words is None or not kind.words or not signals.seeds:
        return kind
    told = spread(snapshot, signals, kind, weights)
    if told <= weights.beside_words:
        return kind
    share = weights.beside_words / told
    return kind.model_copy(update={"gnn": share * kind.gnn, "category": share * kind.category})


def spread(snapshot: Snapshot, signals: Signals, kind: KindWeights, weights: RankingWeights) -> float:
    """By how much the past alone puts the 10th best of a sample of items above the median one."""
    alone = kind.model_copy(update={"cold_text": 0.0, **dict.fromkeys(STANDING, 0.0)})
    scores = Scorer(snapshot, Signals(signals.seeds), alone, weights).sample(_SAMPLE)
    best = min(_BEST, len(scores))
    return float(np.partition(scores, -best)[-best] - np.median(scores))
