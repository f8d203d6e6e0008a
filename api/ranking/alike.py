"""How alike the texts of two items are: what they mean, and the words that they share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from api.ranking.signals import Floats, Numbers, Seed
from api.state.snapshot import Snapshot


def shared(snapshot: Snapshot, amounts: Iterable[tuple[Seed, float]]) -> Mapping[int, float]:
    """By item number, what the words that others share with it are multiplied by: for `Lexicon.common`.

    A seed without a text vector, or that came after the snapshot, shares none.
    """
    found: dict[int, float] = defaultdict(float)
    for seed, amount in amounts:
        number = snapshot.number.get(seed.item_id)
        if amount and number is not None and np.any(seed.text):
            found[number] += float(amount)
    return found


def likeness(snapshot: Snapshot, seeds: Sequence[Seed], items: Numbers, share: float) -> Floats:
    """How alike the texts of seeds and items are, float64 [len(seeds), len(items)].

    Args:
        share: of the words that they share; the rest is the cosine.
    """
    if not seeds:
        return np.zeros((0, len(items)))
    number = snapshot.number
    words = snapshot.lexicon.pairs([number.get(s.item_id, -1) for s in seeds], items.tolist())
    texts = np.stack([s.text for s in seeds]).astype(np.float64)
    meant = texts @ snapshot.text[items].T.astype(np.float64)
    return (1 - share) * meant + share * words * texts.any(axis=1, keepdims=True)
