"""Which items are written about in the words of a query: BM25 over all items at once."""

import logging
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import bm25s
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import Stemmer
from rapidfuzz import process
from rapidfuzz.distance import OSA

Scores = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

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
        words = [tokens(text) for text in texts]
        self._items = Counter(word for some in words for word in set(some))  # how many are written in it
        self._length = sum(map(len, words)) / max(len(words), 1) or 1.0
        self._place: Mapping[str, int] = {}  # word -> its column
        self._columns = sp.csc_matrix((self._n, 0), dtype=np.float32)  # what each word adds to each item
        if self._items:
            index = bm25s.BM25(method="lucene", k1=_K1, b=_B)
            index.index(words, show_progress=False)
            self._place = index.vocab_dict
            parts = tuple(index.scores[name] for name in ("data", "indices", "indptr"))
            self._columns = sp.csc_matrix(parts, shape=(self._n, len(parts[2]) - 1))
        self._rows = sp.csr_matrix(self._columns)
        self._words = list(self._place)  # by their columns

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

    def near(self, word: str, most: int) -> list[str]:
        """The words of the items that begin alike and differ by at most so many letters, the nearest first.

        Of those that differ as much first what most items have. A letter that is missing, too many, another
        or exchanged with its neighbour counts one (optimal string alignment, Boytsov 2011).

        Args:
            word: as `tokens` has it.
        """
        newer = {other for segment in self._segments for other in segment.places} - self._items.keys()
        alike = [*self._beginning[word[:1]], *(w for w in newer if w[:1] == word[:1] and w.isalpha())]
        found = process.extract(word, alike, scorer=OSA.distance, score_cutoff=most, limit=None)
        return [
            other for *_, other in sorted((errors, -self._items[other], other) for other, errors, _ in found)
        ]

    @cached_property
    def _beginning(self) -> defaultdict[str, list[str]]:
        """The words of the index by their first letter, those of letters alone."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._items:
            if word.isalpha():
                found[word[0]].append(word)
        return found

    def having(self, word: str) -> Numbers:
        """The items that have a word, as `tokens` has it."""
        return np.flatnonzero(self._scores({word: 1.0}))

    def scores(self, words: str) -> Scores:
        """BM25 (Robertson and Zaragoza 2009) of every item, >= 0: float32 [n]; 0 where no word is met."""
        return self._scores(dict.fromkeys(self.known(words), 1.0))

    def written(self, words: str) -> Bools:
        """The items that are written in all of some words, also those joined by hyphens, bool [n]."""
        return np.asarray(np.all([self._scores({word: 1.0}) > 0 for word in tokens(words)], axis=0))

    def common(self, amounts: Mapping[int, float]) -> Scores:
        """How much of what some items are written in each item is written in too, [n].

        sum_i a_i BM25(i, j) / BM25(i, i), the words of i each once: a_i for item i itself, had it no others.

        Args:
            amounts: item number -> a_i.
        """
        said: defaultdict[str, float] = defaultdict(float)
        for number, amount in amounts.items():
            of = self._of(number)
            own = sum(of.values())
            for word in of:
                said[word] += amount / own
        return self._scores(said)

    def pairs(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """What `common` gives each of the others for each number alone, float64 [numbers, others].

        Args:
            numbers: of items; -1 has no words.
        """
        rows = [self._of(other) for other in others]
        place = {word: n for n, word in enumerate(dict.fromkeys(word for row in rows for word in row))}
        weights, said = np.zeros((len(place), len(others))), np.zeros((len(numbers), len(place)))
        for n, row in enumerate(rows):
            weights[[place[word] for word in row], n] = list(row.values())
        for n, number in enumerate(numbers):
            of = self._of(number)
            said[n, [place[word] for word in of if word in place]] = 1 / (sum(of.values()) or 1.0)
        return said @ weights

    def _of(self, number: int) -> dict[str, float]:
        """The words of an item, and what each adds to its score."""
        for segment in reversed(self._segments):
            if number in segment.items:
                words = segment.items[number]
                room = self._room(len(words))
                counts = Counter(words).items()
                return {word: self._rarity(word) * count / (count + room) for word, count in counts}
        if not 0 <= number < self._rows.shape[0]:
            return {}
        some = slice(self._rows.indptr[number], self._rows.indptr[number + 1])
        places, weights = self._rows.indices[some].tolist(), self._rows.data[some].tolist()
        return {self._words[place]: weight for place, weight in zip(places, weights, strict=True)}

    def _has(self, word: str) -> bool:
        return word in self._items or any(word in segment.places for segment in self._segments)

    def _scores(self, said: Mapping[str, float]) -> Scores:
        """The weights of these words in every item, each times its amount, [n]."""
        amounts = np.zeros(self._columns.shape[1], dtype=np.float32)
        for word, amount in said.items():
            if word in self._items:
                amounts[self._place[word]] = amount
        places = np.flatnonzero(amounts)
        scores = np.zeros(self._n, dtype=np.float32)
        scores[: self._columns.shape[0]] = self._columns[:, places] @ amounts[places]
        for segment in self._segments:  # what is newer stands for what is older
            scores[segment.numbers] = self._scores_of(segment, said)
        return scores

    def _scores_of(self, segment: _Segment, said: Mapping[str, float]) -> Scores:
        scores = np.zeros(len(segment.numbers), dtype=np.float32)
        for word, amount in said.items():
            if word in segment.places:
                places, counts = segment.places[word]
                room = self._room(segment.lengths[places])
                scores[places] += np.float32(amount * self._rarity(word)) * counts / (counts + room)
        return scores

    def _rarity(self, word: str) -> float:
        items = max(self._items[word], 1)
        return math.log(1 + (self._n - items + 0.5) / (items + 0.5))

    def _room(self, length: float | Scores) -> Any:
        return _K1 * (1 - _B + _B * length / self._length)


def _merged(segments: list[_Segment]) -> tuple[_Segment, ...]:
    while len(segments) > 1 and len(segments[-2].items) <= 2 * len(segments[-1].items):
        newer, older = segments.pop(), segments.pop()
        segments.append(_Segment.of({**older.items, **newer.items}))
    return tuple(segments)
