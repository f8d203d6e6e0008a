"""Which pairs train, which say when to stop, and which judge. Pure functions.

What has one key is on one side, by a hash of the key: in every run the same, so the weights by which an
adopted encoder was judged (`kg.tuning.adoption.judged`) know nothing of what judges the next one. Keys are
of words, of pairs of items, and of titles that ask for a description: new needs are asked of items that may
have been seen in other needs, as in a shop. Two texts that a held-out pair brings together are brought
together by no training pair of another kind.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from kg.tuning.pairs import GUARD, Kind, Pair

HELD = 0.4  # of all keys; what is adopted is trained on them too in the end
_JUDGE = 0.75  # of those


class Parts(NamedTuple):
    """The pairs of one kind."""

    train: list[Pair]
    stop: list[Pair]  # held out: their loss says when to stop
    judge: list[Pair]  # held out


def split(kinds: Sequence[Kind]) -> dict[str, Parts]:
    """Words of judged queries train nothing either."""
    learned = [kind for kind in kinds if not kind.only_judges]
    asked = {pair.key for kind in kinds if kind.only_judges and kind.name != GUARD for pair in kind.pairs}
    met = {kind.name: {_ends(pair) for pair in kind.pairs if _held(pair)} for kind in learned}
    parts = {kind.name: Parts([], [], kind.pairs) for kind in kinds}
    for kind in learned:
        others = [ends for name, ends in met.items() if name != kind.name]
        parts[kind.name] = of = Parts([], [], [])
        for pair in kind.pairs:
            if _held(pair):
                (of.judge if _share("judge", pair.key) < _JUDGE else of.stop).append(pair)
            elif pair.key not in asked and all(_ends(pair) not in ends for ends in others):
                of.train.append(pair)
    return parts


def _held(pair: Pair) -> bool:
    return _share("held", pair.key) < HELD


def _ends(pair: Pair) -> frozenset[str]:
    """The texts that a pair brings together; of a need, the two items."""
    return frozenset((pair.beside or pair.anchor, pair.positive))


def _share(*words: str) -> float:
    """A number from 0 to 1 that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8]) / 2**64
