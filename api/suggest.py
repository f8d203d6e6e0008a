"""Completions and next keywords as one types, from the shop's titles, categories and brands.

Every title, category and brand is an entry: a row of words. One array holds the words of all entries one
after another; a second one lists, word by word in the order of the alphabet, the places where each stands.
The words that begin with a prefix are neighbours in that order, so their places are one slice of it.
Entries are numbered by what is bought, most first: the first entries of a slice are the best.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import OSA

from api.entries import Entry, entries_of
from api.state.columns import Bools
from api.state.snapshot import Snapshot
from api.words.needs import Needs
from api.words.spelling import errors_in
from api.words.tokens import fold, is_unspaced, join, phrases, split

Places = npt.NDArray[np.int64]
_PAUSE = -1  # stands where a phrase ends
_LONGEST = 4  # words that a keyword may add to what was typed
_SELDOM = 0.03  # on Beauty: of 0.001, for 0.001, nail 0.003, argan 0.02; dry 0.10, oil 0.36
_SOUGHT = (
    4  # words that the shop lacks, the last ones, whose nearest is sought: each costs a millisecond or more
)
_CACHED = 4_096  # what was typed most recently: short beginnings fit most and come again and again
_LAST = "\U0010ffff"


class Suggester:
    """The words of one snapshot, and what shoppers were after."""

    def __init__(self, snapshot: Snapshot, needs: Needs | None = None) -> None:
        self.snapshot = snapshot
        self._needs = needs.listed if needs else []
        self._entries = sorted(entries_of(snapshot, self._needs), key=_most_bought)
        self._counts = np.array([(e.items, e.shoppers) for e in self._entries], dtype=np.int64).reshape(-1, 2)
        rows = [phrases(e.text) for e in self._entries]
        written = {fold(word): word.lower() for row in reversed(rows) for words in row for word in words}
        self._words = sorted(written)  # the vocabulary
        self._written = [written[word] for word in self._words]
        self._number = {word: n for n, word in enumerate(self._words)}
        self._text, self._entry = _laid_out(rows, self._number)
        # what a keyword at a place is worth: titles only, and a little for what nobody bought yet
        worth = [e.shoppers + 1e-3 if e.kind == "title" else 0.0 for e in self._entries]
        self._worth = np.array(worth, dtype=np.float64)[self._entry] if worth else np.zeros(1)
        order = np.argsort(self._text, kind="stable")
        self._places = order[np.count_nonzero(self._text == _PAUSE) :]
        self._starts = np.searchsorted(self._text[self._places], np.arange(len(self._words) + 1))
        self._open = self._seldom_last()
        self.suggest = lru_cache(_CACHED)(self._suggest)
        self._telling = np.array(
            [is_unspaced(w) or (len(w) > 1 and not w.isdigit()) for w in self._words], np.bool_
        )

    def fits(self, snapshot: Snapshot, needs: Needs | None = None) -> bool:
        """Whether a snapshot has the same words and shoppers, whatever else has moved."""
        mine, theirs = self.snapshot, snapshot
        return (
            self._needs == (needs.listed if needs else [])
            and mine.shoppers is theirs.shoppers
            and mine.categories is theirs.categories
            and mine.columns.titles == theirs.columns.titles
            and mine.columns.brand_names == theirs.columns.brand_names
            and np.array_equal(mine.columns.brand, theirs.columns.brand)
            and np.array_equal(mine.columns.hidden, theirs.columns.hidden)
        )

    def _suggest(self, typed: str, limit: int) -> list[Entry]:
        """What may be meant, most shoppers first: texts with the words typed so far, and next keywords.

        The last word is completed unless a space follows; a whole word is followed by the next. The other
        words narrow, in any order, the items that count. "green te" may give "green tea", "green tea leaves"
        and "Green tea leaves in a tin". A word that the shop lacks is read as its nearest, and left out where
        none is near.
        """
        written, whole = split(typed), typed[-1:].isspace()
        done = [True] * (len(written) - 1) + [whole]
        lacking = [n for n, word in enumerate(written) if not self._has(word, done[n])]
        words = list(written)
        for n in lacking:
            words[n] = self._nearest(words[n], done[n]) if n in lacking[-_SOUGHT:] else ""
        unfinished = bool(words) and not whole and words[-1] != ""
        words = [word for word in words if word]
        found: list[Entry] = []
        if unfinished:
            places = self._beginning(fold(words[-1]))
            together = places[self._holding(words[:-1])[self._entry[places]]]
            found += self._top(together if together.size else places, limit)
            found += self._keywords(words[:-1], together, limit)
        if words and (last := self._number.get(fold(words[-1]))) is not None:
            places = self._of_word(last)
            places = places[self._holding(words)[self._entry[places]]]
            found += [*self._top(places, limit), *self._keywords(words, self._after(places), limit)]
        return sorted(_distinct(found, typed), key=_most_bought)[:limit]

    def _has(self, word: str, whole: bool) -> bool:
        """Whether an entry has the word, or one that begins so."""
        folded = fold(word)
        return folded in self._number or (not whole and bool(self._beginning(folded).size))

    def _nearest(self, word: str, whole: bool) -> str:
        """The shop's word, or beginning of one, in place of one that it lacks; "" if none is near."""
        folded = fold(word)
        if (most := errors_in(folded)) == 0:
            return ""
        size = len(folded)
        ends = (None,) if whole else range(size - 1, size + 2)
        low, high = bisect_left(self._words, folded[0]), bisect_left(self._words, folded[0] + _LAST)
        near = {other[:end] for other in self._words[low:high] for end in ends}
        found = process.extract(folded, near, scorer=OSA.distance, score_cutoff=most, limit=None)
        ranked = [(errors, -self._beginning(other).size, other) for other, errors, _ in found]
        return min(ranked, default=(0, 0, ""))[2]

    def _seldom_last(self) -> Bools:
        """Words such as "for" that hardly ever end a phrase, so that a keyword should not end with them."""
        times = np.diff(self._starts)
        ends = np.add.reduceat(self._text[self._places + 1] == _PAUSE, self._starts[:-1], dtype=np.int64)
        return np.asarray(ends + 1 < _SELDOM * times)

    def _holding(self, words: Sequence[str]) -> Bools:
        """Which entries hold the words."""
        holding = np.ones(len(self._entries), dtype=np.bool_)
        for word in words:
            has = np.zeros_like(holding)
            has[self._entry[self._of_word(self._number[fold(word)])]] = True
            holding &= has
        return holding

    def _beginning(self, prefix: str) -> Places:
        """Places of words that begin with `prefix`."""
        low, high = bisect_left(self._words, prefix), bisect_left(self._words, prefix + _LAST)
        return self._places[self._starts[low] : self._starts[high]]

    def _of_word(self, number: int) -> Places:
        return self._places[self._starts[number] : self._starts[number + 1]]

    def _after(self, places: Places) -> Places:
        """The places behind these in their phrases, in the order of the words there."""
        behind = places + 1
        behind = behind[self._text[behind] != _PAUSE]
        return np.asarray(behind[np.argsort(self._text[behind], kind="stable")])

    def _top(self, places: Places, limit: int) -> list[Entry]:
        hit = np.zeros(len(self._entries), dtype=np.bool_)
        hit[self._entry[places]] = True
        return [self._entries[n] for n in np.flatnonzero(hit)[:limit]]

    def _keywords(self, done: Sequence[str], places: Places, limit: int) -> list[Entry]:
        """Words at `places` after the finished words: first those that stand right behind them.

        Args:
            places: in the order of the words there.
        """
        numbers = [self._number[fold(word)] for word in done]
        typed = [self._written[n] for n in numbers]
        near = self._best(places[self._text[places - 1] == numbers[-1]] if done else places, numbers, limit)
        far = self._best(places, [*numbers, *(n for n, _ in near)], limit - len(near))
        found = (self._keyword(typed, some) for _, some in (*near, *far))
        return [entry for entry in found if entry is not None]

    def _best(self, places: Places, without: Sequence[int], limit: int) -> list[tuple[int, Places]]:
        """The words whose titles are bought most: each one's number and its places among `places`."""
        words = self._text[places]
        worth = np.bincount(words, self._worth[places], len(self._words))
        worth[~self._telling] = 0
        worth[list(without)] = 0
        known = np.flatnonzero(worth)
        best = known[np.argsort(-worth[known], kind="stable")[:limit]]
        first, last = np.searchsorted(words, best), np.searchsorted(words, best, "right")
        return [(int(n), places[a:b]) for n, a, b in zip(best, first, last, strict=True)]

    def _keyword(self, typed: Sequence[str], places: Places) -> Entry | None:
        """The keyword at `places`, going on while most of what is bought goes on in the same way.

        None where it ends with a word that should not, or where a single title has it.
        """
        places = places[self._worth[places] > 0]
        added = [int(self._text[places[0]])]
        while len(added) < _LONGEST:
            behind = self._text[places + 1]
            worth = np.bincount(behind + 1, self._worth[places], 2)
            likeliest = int(worth[1:].argmax())
            longer = places[behind == likeliest] + 1
            most = worth[likeliest + 1] > worth.sum() / 2 and self._shared(longer)
            if not longer.size or not (most or self._open[added[-1]]):
                break
            added.append(likeliest)
            places = longer
        if self._open[added[-1]] or not self._shared(places):
            return None
        entries = self._entry[places]  # in order, an entry once for each place
        items, shoppers = self._counts[entries[np.flatnonzero(np.diff(entries, prepend=-1))]].sum(axis=0)
        text = join([*typed, *(self._written[n] for n in added)])
        return Entry(text, "keyword", int(items), int(shoppers))

    def _shared(self, places: Places) -> bool:
        """Whether several entries have places in order among these."""
        return bool(places.size and self._entry[places[0]] != self._entry[places[-1]])


def suggester_for(snapshot: Snapshot, before: Suggester | None, needs: Needs | None = None) -> Suggester:
    """The suggester of a snapshot: the one before where that still fits, else a new one."""
    if before is None or not before.fits(snapshot, needs):
        return Suggester(snapshot, needs)
    before.snapshot = snapshot  # the older one may go
    return before


def _laid_out(rows: Sequence[list[list[str]]], number: dict[str, int]) -> tuple[Places, Places]:
    """The word's number and the entry's at every place, a pause behind each phrase and one at the start."""
    folded: dict[str, int] = {}
    text, lengths = [_PAUSE], []
    for row in rows:
        before = len(text)
        for words in row:
            for word in words:
                if word not in folded:
                    folded[word] = number[fold(word)]
                text.append(folded[word])
            text.append(_PAUSE)
        lengths.append(len(text) - before)
    entry = np.repeat(np.arange(len(rows)), lengths)
    return np.array(text, dtype=np.int64), np.concatenate([[0], entry])


def _most_bought(entry: Entry) -> tuple[int, int, str]:
    return (-entry.shoppers, -entry.items, entry.text)


def _distinct(entries: Iterable[Entry], typed: str) -> Iterable[Entry]:
    """One of those that read alike, the name of something before a title, and no keyword that was typed."""
    found: dict[str, Entry] = {}
    for entry in entries:
        key = _same(entry.text)
        if entry.kind == "keyword" and key == _same(typed):
            continue
        if key not in found or found[key].kind in ("title", "keyword"):
            found[key] = entry
    return found.values()


def _same(text: str) -> str:
    return join(map(fold, split(text)))
