"""Which pairs train, which say when to stop, and which judge. Pure functions.

What has one key is on one side, by a hash of the key: in every run the same, so an encoder that was adopted
before has not been trained on what judges the next one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kg.tuning.pairs import GUARD, Kind, Pair

HELD = 0.3  # of all keys; a pair of two keys is held out where both are, and trains where neither is


class Parts(NamedTuple):
    """The pairs of one kind."""

    train: list[Pair]
    stop: list[Pair]  # half of the held-out pairs: their loss says when to stop
    judge: list[Pair]  # the other half


def split(kinds: Sequence[Kind]) -> dict[str, Parts]:
    """Held out are also all texts that occur in a held-out pair of any kind, and all judged queries."""
    judged = {kind.name: Parts([], [], kind.pairs) for kind in kinds if kind.only_judges}
    asked = [pair for name, parts in judged.items() if name != GUARD for pair in parts.judge]
    words = {pair.keys[0] for pair in asked}
    learned = [kind for kind in kinds if not kind.only_judges]
    held = {kind.name: [pair for pair in kind.pairs if all(map(_held, pair.keys))] for kind in learned}
    texts = set(_texts(pair for pairs in held.values() for pair in pairs))
    texts.update(pair.anchor for pair in asked)

    def trains(pair: Pair) -> bool:
        known = words.isdisjoint(pair.keys) and texts.isdisjoint(_texts([pair]))
        return known and not any(map(_held, pair.keys))

    parts = {}
    for kind in learned:
        judge = [pair for pair in held[kind.name] if _share("judge", *sorted(pair.keys)) < 0.5]
        stop = sorted(set(held[kind.name]) - set(judge))
        parts[kind.name] = Parts([pair for pair in kind.pairs if trains(pair)], stop, judge)
    return parts | judged


def _held(key: str) -> bool:
    return _share("held", key) < HELD


def _share(*words: str) -> float:
    """A number from 0 to 1 that depends on the words alone."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:8]) / 2**64


def _texts(pairs: Iterable[Pair]) -> list[str]:
    return [text for pair in pairs for text in (pair.anchor, pair.positive)]
