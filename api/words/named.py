"""Brands, categories, attribute values and items of the shop that words name."""

import re
from collections.abc import Container, Iterator

import numpy as np

from api.state.columns import Numbers
from api.state.snapshot import Snapshot
from api.words.lexicon import tokens, words_of

_WORD = re.compile(r"[\w&'.-]+")
_MOST_WORDS = 4
_TITLES = 100  # that are compared: of the items best written in the words


def brands(snapshot: Snapshot, words: str) -> dict[str, float]:
    """Names of brands as the shop's folded spelling, each with how sure it is, the longest first."""
    columns = snapshot.columns
    return {
        name: _sure(snapshot, name, np.flatnonzero(columns.brand == columns.brand_number[name]))
        for name in named(words, columns.brand_number)
    }


def categories(snapshot: Snapshot, words: str) -> list[str]:
    """Ids of the categories that the words are the name of, alone or beside brands."""
    said = words_of(words)
    of_brands = {word for brand in named(words, snapshot.columns.brand_number) for word in tokens(brand)}
    by_words = snapshot.categories_by_words
    return by_words.get(said) or by_words.get(said - of_brands) or []


def attribute_values(snapshot: Snapshot, words: str) -> dict[str, dict[str, float]]:
    """By attribute, the values that the words name, each with how sure it is."""
    found: dict[str, dict[str, float]] = {}
    for value in named(words, snapshot.attributes_by_value):
        for attribute in snapshot.attributes_by_value[value]:
            sure = _sure(snapshot, value, snapshot.columns.attributes[attribute][value])
            found.setdefault(attribute, {})[value] = sure
    return found


def product(snapshot: Snapshot, words: str) -> str | None:
    """The id of the item whose title the words are or, of several words, the only title that begins so."""
    said = tokens(words)
    scores = np.where(snapshot.columns.hidden, 0, snapshot.lexicon.scores(words))
    best = np.argpartition(-scores, min(_TITLES, len(scores)) - 1)[:_TITLES]
    titles = {n: tokens(snapshot.columns.titles[n] or "") for n in best.tolist() if scores[n] > 0}
    same = [n for n, title in titles.items() if title == said]
    begun = [n for n, title in titles.items() if title[: len(said)] == said and len(said) > 1]
    found = sorted(same, key=lambda n: -snapshot.shoppers[n]) or (begun if len(begun) == 1 else [])
    return snapshot.ids[found[0]] if found else None


def named(words: str, vocabulary: Container[str]) -> Iterator[str]:
    """Entries of the vocabulary in the words: the longest first, up to four words, none within another.

    >>> list(named("a Deep Red coat", {"red", "deep red"}))
    ['deep red']
    """
    said = _WORD.findall(words.casefold())
    taken: set[int] = set()
    for size in range(_MOST_WORDS, 0, -1):
        for start in range(len(said) - size + 1):
            place = set(range(start, start + size))
            phrase = " ".join(said[start : start + size])
            if len(phrase) > 1 and phrase in vocabulary and not place & taken:
                taken |= place
                yield phrase


def _sure(snapshot: Snapshot, phrase: str, items: Numbers) -> float:
    """Share of `items` among all that have the phrase or are written in all of it: low for common words."""
    written = snapshot.lexicon.written(phrase)
    written[items] = True
    return round(len(items) / max(int(written.sum()), 1), 3)
