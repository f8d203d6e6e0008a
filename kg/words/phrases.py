"""Needs of a shop without queries: phrases of its titles and categories that mean something specific."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kg.words.needs import Said, normal

_MOST = 1_000  # phrases, the most chosen ones
_LEAST_ITEMS = 3
_ALWAYS_FEW = 10  # items that are few in any shop
_LARGEST_PART = 0.05  # of the shop: what more items have says little
_CLOSE = 0.75  # least length of the mean of the items' vectors: 1 where all are alike
_SIZES = (2, 3)  # words of a phrase
_OPEN = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "by",
        "de",
        "for",
        "from",
        "in",
        "la",
        "le",
        "mit",
        "of",
        "on",
        "or",
        "pour",
        "the",
        "to",
        "und",
        "von",
        "with",
        "x",
    ]
)
_PIECE = re.compile(r"[,;:|/()\[\]•&+。，、]|\s[-–—]+\s|\.\s")


class Titled(NamedTuple):
    """What phrases are found in."""

    item_id: str
    title: str | None
    vector: npt.NDArray[np.float32] | None  # unit length
    categories: Sequence[str]  # names
    shoppers: int


def phrases_of(items: Sequence[Titled]) -> Iterator[Said]:
    """Phrases as if they had been searched for, each with its items, as often as these have shoppers."""
    having: dict[str, set[int]] = defaultdict(set)
    for n, item in enumerate(items):
        for phrase in _phrases(item.title or ""):
            having[phrase].add(n)
        for name in item.categories:
            having[normal(name)].add(n)
    most = max(_LARGEST_PART * len(items), _ALWAYS_FEW)
    specific = [
        (phrase, sorted(numbers))
        for phrase, numbers in having.items()
        if phrase and _LEAST_ITEMS <= len(numbers) <= most and _close([items[n] for n in numbers])
    ]
    worth = {phrase: sum(items[n].shoppers + 1 for n in numbers) for phrase, numbers in specific}
    for phrase, numbers in sorted(specific, key=lambda pair: (-worth[pair[0]], pair[0]))[:_MOST]:
        for n in numbers:
            # Every item vouches for the phrase, as a shopper does for words.
            yield Said(phrase, items[n].item_id, items[n].item_id, items[n].shoppers + 1)


def _phrases(title: str) -> Iterator[str]:
    for piece in _PIECE.split(title):
        words = normal(piece).split()
        for size in _SIZES:
            for start in range(len(words) - size + 1):
                some = words[start : start + size]
                ends = (some[0], some[-1])
                if not any(w in _OPEN or w[0].isdigit() for w in ends):
                    yield " ".join(some)


def _close(items: Sequence[Titled]) -> bool:
    vectors = [item.vector for item in items if item.vector is not None]
    return bool(vectors) and float(np.linalg.norm(np.mean(vectors, axis=0))) >= _CLOSE
