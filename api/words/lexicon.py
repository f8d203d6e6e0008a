"""Which items are written about in the words of a query: BM25 over all items at once."""

import logging
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import lru_cache
from typing import NamedTuple

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer

Scores = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

_RUNS = re.compile(r"[぀-ヿ㐀-鿿가-힯]+|[^\W_]+")
_WITHOUT_SPACES = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
_K1, _B = 1.2, 0.75  # as Lucene has them
_stem = Stemmer.Stemmer("english")
logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs every step of building


def tokens(text: str) -> list[str]:
    """Words as they are compared: without case, accents and English endings; Chinese and the like by pairs.

    >>> tokens("Café Crèmes, 青い")
    ['cafe', 'creme', '青い']
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))
    found: list[str] = []
    for run in _RUNS.findall(plain):
        if _WITHOUT_SPACES.match(run):
            found += [run[n : n + 2] for n in range(max(len(run) - 1, 1))]
        else:
            found.append(_stem.stemWord(run))
    return found


@lru_cache(maxsize=100_000)
def words_of(name: str) -> frozenset[str]:
    """The tokens of a name, each once.

    >>> sorted(words_of("Hair Care and Styling")) == sorted(words_of("hair-care & styling"))
    True
    """
    return frozenset(tokens(name)) - {"and"}


class _Segment(NamedTuple):
    """Items that came or changed after the index was made, and where each word stands in them."""

    items: Mapping[int, tuple[str, ...]]  # number -> its words
    numbers: Numbers  # [m]
    lengths: Scores  # [m], in words
    places: Mapping[str, tuple[Numbers, Scores]]  # word -> places among the m, and how often in each

    @classmethod
    def of(cls, items: Mapping[int, tuple[str, ...]]) -> "_Segment":
        found: dict[str, dict[int, int]] = {}
        for place, words in enumerate(items.values()):
            for word, count in Counter(words).items():
                found.setdefault(word, {})[place] = count
        return cls(
            items,
            np.fromiter(items, dtype=np.int64, count=len(items)),
            np.array([len(words) for words in items.values()], dtype=np.float32),
            {
                word: (np.array(list(of), dtype=np.int64), np.array(list(of.values()), dtype=np.float32))
                for word, of in found.items()
            },
        )


class Lexicon:
    """The words of every item.

    Items that come or change later stand in segments, each of which is more than twice as large as the next,
    so that an item is moved a few times only (log-structured merging, O'Neil et al. 1996).

    Args:
        texts: what is written about each item, [n].
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        self._texts = list(map(hash, texts))  # to tell whether one has changed
        self._segments: tuple[_Segment, ...] = ()  # the newest last
        self._index = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        words = [tokens(text) for text in texts]
        self._items = Counter(word for some in words for word in set(some))  # how many are written in it
        self._length = sum(map(len, words)) / max(len(words), 1) or 1.0
        if self._items:
            self._index.index(words, show_progress=False)

    def placed(self, numbers: Sequence[int], texts: Sequence[str], n: int) -> "Lexicon":
        """The same with these texts in the places `numbers`, of `n` items; frequencies stay as they were."""
        newer = copy(self)
        newer._n = n
        newer._texts = self._texts + [hash("")] * (n - len(self._texts))
        given = zip(numbers, texts, strict=True)
        changed = {number: text for number, text in given if hash(text) != newer._texts[number]}
        for number, text in changed.items():
            newer._texts[number] = hash(text)
        if changed:
            items = {number: tuple(tokens(text)) for number, text in changed.items()}
            newer._segments = _merged([*self._segments, _Segment.of(items)])
        return newer

    def known(self, words: str) -> list[str]:
        """The words that some item has, or had a moment ago, each once."""
        return [word for word in dict.fromkeys(tokens(words)) if self._has(word)]

    def scores(self, words: str) -> Scores:
        """BM25 (Robertson and Zaragoza 2009) of every item, >= 0: float32 [n]; 0 where no word is met."""
        scores, said = np.zeros(self._n, dtype=np.float32), self.known(words)
        indexed = [word for word in said if word in self._items]
        if indexed:
            found = self._index.get_scores(indexed)
            scores[: len(found)] = found
        for segment in self._segments:  # what is newer stands for what is older
            scores[segment.numbers] = self._scores_of(segment, said)
        return scores

    def _has(self, word: str) -> bool:
        return word in self._items or any(word in segment.places for segment in self._segments)

    def _scores_of(self, segment: _Segment, said: Iterable[str]) -> Scores:
        scores = np.zeros(len(segment.numbers), dtype=np.float32)
        for word in said:
            if word in segment.places:
                places, counts = segment.places[word]
                items = max(self._items[word], 1)
                rarity = math.log(1 + (self._n - items + 0.5) / (items + 0.5))
                room = _K1 * (1 - _B + _B * segment.lengths[places] / self._length)
                scores[places] += np.float32(rarity) * counts / (counts + room)
        return scores


def _merged(segments: list[_Segment]) -> tuple[_Segment, ...]:
    while len(segments) > 1 and len(segments[-2].items) <= 2 * len(segments[-1].items):
        newer, older = segments.pop(), segments.pop()
        segments.append(_Segment.of({**older.items, **newer.items}))
    return tuple(segments)
