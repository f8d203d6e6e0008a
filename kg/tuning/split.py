"""Which pairs train, which say when to stop, and which judge. Pure functions.

What has one key is on one side, by a hash of the key: in every run the same, so an encoder that was adopted
before has not been trained on what judges the next one. Keys are of words, of pairs of items, and of titles
that ask for a description: new needs are asked of items that may have been seen in other needs, as in a shop.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from kg.tuning.pairs import GUARD, Kind, Pair

HELD = 0.3  # of all keys; a pair is held out where all of its keys are, and trains where none is


class Parts(NamedTuple):
    """The pairs of one kind."""

    train: list[Pair]
    stop: list[Pair]  # half of the held-out pairs: their loss says when to stop
    judge: list[Pair]  # the other half


def split(kinds: Sequence[Kind]) -> dict[str, Parts]:
    """Words of judged queries train nothing either."""
    asked = {pair.keys[0] for kind in kinds if kind.only_judges and kind.name != GUARD for pair in kind.pairs}
    return {
        kind.name: Parts([], [], kind.pairs) if kind.only_judges else _parts(kind.pairs, asked)
        for kind in kinds
    }


def _parts(pairs: Sequence[Pair], asked: set[str]) -> Parts:
    parts = Parts([], [], [])
    for pair in pairs:
        held = [_share("held", key) < HELD for key in pair.keys]
        if all(held):
            judges = _share("judge", *pair.keys) < 0.5
            (parts.judge if judges else parts.stop).append(pair)
        elif not any(held) and asked.isdisjoint(pair.keys):
            parts.train.append(pair)
    return parts


def _share(*words: str) -> float:
    """A number from 0 to 1 that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8]) / 2**64
