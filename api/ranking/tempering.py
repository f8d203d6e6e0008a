"""All other things beside words: what tells items apart more than words can is scaled down.

The LEADS_TO edges and the shared categories are sums over the past: of two hundred items they tell items
apart by several times as much as of ten. What speaks for items whoever asks comes on top.
"""

import numpy as np

from api.ranking.score import Scorer
from api.ranking.signals import Signals
from api.ranking.weights import STANDING, KindWeights, RankingWeights
from api.state.snapshot import Snapshot

_SAMPLE = 2_000  # items that are looked at


def tempered(snapshot: Snapshot, signals: Signals, kind: KindWeights, weights: RankingWeights) -> KindWeights:
    """The kind with all that but its words counting less, where it would drown these."""
    return scaled(kind, share_beside_words(snapshot, signals, kind, weights))


def share_beside_words(
    snapshot: Snapshot, signals: Signals, kind: KindWeights, weights: RankingWeights
) -> float:
    """What other things are multiplied by beside words, 0 to 1; without words, 1: only the order counts."""
    if signals.words is None or not kind.words:
        return 1.0
    told = spread(snapshot, signals, kind, weights)
    return min(1.0, kind.words * weights.beside_words / max(told, 1e-9))


def spread(snapshot: Snapshot, signals: Signals, kind: KindWeights, weights: RankingWeights) -> float:
    """How far other things than words put the best of a sample of items above the median one."""
    alone = kind.model_copy(update={"cold_text": 0.0})
    scores = Scorer(snapshot, Signals(signals.seeds), alone, weights).sample(_SAMPLE)
    return float(scores.max() - np.median(scores))


def scaled(kind: KindWeights, share: float) -> KindWeights:
    """The kind with the model's part and what speaks for items whoever asks counting so much less."""
    if share == 1:
        return kind
    others = ("gnn", "category", *STANDING)
    return kind.model_copy(update={name: share * getattr(kind, name) for name in others})
