"""Which items are written about in the words of a query: BM25 over all items at once."""

import logging
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from copy import copy
from functools import lru_cache

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer

Scores = npt.NDArray[np.float32]

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


class Lexicon:
    """The words of every item.

    Args:
        texts: what is written about each item, [n].
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        self._newer: dict[int, list[str]] = {}  # words of items that came or changed later
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
        newer._newer = self._newer | dict(zip(numbers, map(tokens, texts), strict=True))
        return newer

    def known(self, words: str) -> list[str]:
        """The words that some item has, each once."""
        later = {word for some in self._newer.values() for word in some}
        return [word for word in dict.fromkeys(tokens(words)) if word in self._items or word in later]

    def scores(self, words: str) -> Scores:
        """BM25 (Robertson and Zaragoza 2009) of every item, >= 0: float32 [n]; 0 where no word is met."""
        scores, said = np.zeros(self._n, dtype=np.float32), self.known(words)
        indexed = [word for word in said if word in self._items]
        if indexed:
            found = self._index.get_scores(indexed)
            scores[: len(found)] = found
        for number, text in self._newer.items():
            scores[number] = sum(self._weight(word, text) for word in said)
        return scores

    def _weight(self, word: str, text: list[str]) -> float:
        count, items = text.count(word), max(self._items[word], 1)
        rarity = math.log(1 + (self._n - items + 0.5) / (items + 0.5))
        return rarity * count / (count + _K1 * (1 - _B + _B * len(text) / self._length))
