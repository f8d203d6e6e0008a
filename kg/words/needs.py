"""Distinct needs from what was said and what was then chosen. Pure functions, no input or output.

Texts that read alike once case and punctuation are gone are one; of the others, those whose vectors are close
stand for one need. A need that was found before leads, so that the same data give the same needs and a
name that a person gave to one of them stays with it.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]
MOST_TEXTS = 20_000  # the most frequent ones; comparing them all takes some seconds
MOST_ITEMS = 50  # of a need
_BLOCK = 1_000  # texts compared at once
_LONGEST = 200  # characters of a text
_WORD = re.compile(r"[^\W_]+")


class Said(NamedTuple):
    """Words, and an item that was chosen after them."""

    text: str
    by: str  # who said so; a need takes several
    item_id: str
    times: int = 1


class Need(NamedTuple):
    """What several shoppers were after."""

    key: str  # the leading text, as `normal` leaves it
    text: str  # as it was written most often
    embedding: Vectors  # [dim], unit length
    support: int  # choices that followed
    items: list[tuple[str, int]]  # with their choices, most first

    @property
    def intent_id(self) -> str:
        return f"mined:{hashlib.sha256(self.key.encode()).hexdigest()[:16]}"


@dataclass
class _Text:
    forms: Counter[str] = field(default_factory=Counter)
    by: set[str] = field(default_factory=set)
    items: Counter[str] = field(default_factory=Counter)


def normal(text: str) -> str:
    """A text without case, punctuation and width; empty where no word is left.

    >>> normal("  Green-TEA, loose! ")
    'green tea loose'
    """
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))[:_LONGEST].strip()


def needs_from(
    said: Iterable[Said],
    encode: Encode,
    *,
    leading: Sequence[str] = (),
    gone: Iterable[str] = (),
    least: int = 2,
    alike: float = 0.9,
) -> list[Need]:
    """The needs that at least `least` shoppers have, most supported first.

    Args:
        encode: texts to unit-length vectors.
        leading: keys of needs found before, which lead again.
        gone: keys among them of needs that are not to come back, with all that is close to them.
        least: how many must have said so.
        alike: texts with at least this cosine are one need.
    """
    texts = _texts(said)
    ranked = sorted(texts, key=lambda key: (-texts[key].items.total(), key))[:MOST_TEXTS]
    leading, gone = list(dict.fromkeys(leading)), frozenset(gone)
    order = [*leading, *(key for key in ranked if key not in set(leading))]
    if not order:
        return []
    vectors = encode(order)
    leaders = _leaders(vectors, len(leading), alike)
    members: dict[int, list[int]] = defaultdict(list)
    for n, leader in enumerate(_nearest(vectors, leaders)):
        if order[n] in texts:
            members[leader].append(n)
    found = (
        _need(order[leader], [(texts[order[n]], vectors[n]) for n in some], least)
        for leader, some in members.items()
        if order[leader] not in gone
    )
    return sorted((need for need in found if need is not None), key=lambda n: (-n.support, n.key))


def _texts(said: Iterable[Said]) -> dict[str, _Text]:
    texts: dict[str, _Text] = defaultdict(_Text)
    for one in said:
        if key := normal(one.text):
            text = texts[key]
            text.forms[" ".join(one.text.split())[:_LONGEST]] += one.times
            text.by.add(one.by)
            text.items[one.item_id] += one.times
    return dict(texts)


def _leaders(vectors: Vectors, first: int, alike: float) -> npt.NDArray[np.int64]:
    """Numbers of the texts that lead: the `first` ones, then each that is like none of those before."""
    led = np.empty_like(vectors)
    led[:first] = vectors[:first]
    leaders = list(range(first))
    for n in range(first, len(vectors)):
        if not leaders or float((led[: len(leaders)] @ vectors[n]).max()) < alike:
            led[len(leaders)] = vectors[n]
            leaders.append(n)
    return np.array(leaders, dtype=np.int64)


def _nearest(vectors: Vectors, leaders: npt.NDArray[np.int64]) -> Iterator[int]:
    """For each text, the number of the leader that it is most like."""
    led = vectors[leaders].T
    for start in range(0, len(vectors), _BLOCK):
        yield from leaders[np.argmax(vectors[start : start + _BLOCK] @ led, axis=1)].tolist()


def _need(key: str, texts: Sequence[tuple[_Text, Vectors]], least: int) -> Need | None:
    if len(set().union(*(text.by for text, _ in texts))) < least:
        return None
    forms: Counter[str] = Counter()
    items: Counter[str] = Counter()
    for text, _ in texts:
        forms.update(text.forms)
        items.update(text.items)
    mean = np.sum([text.items.total() * vector for text, vector in texts], axis=0, dtype=np.float64)
    best = sorted(items.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_ITEMS]
    return Need(
        key=key,
        text=min(forms, key=lambda form: (-forms[form], form)),
        embedding=np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32),
        support=items.total(),
        items=best,
    )
