"""Words that nobody writes so, read as the shop's own word that is nearest: "accesories" as "accessories"."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from rapidfuzz.distance import OSA

from api.state.snapshot import Snapshot
from api.words.lexicon import Numbers, tokens
from api.words.tokens import fold, split

IsWord = Callable[[str], bool]
_LEAST: Final = 5  # letters: shorter ones are near to too many others
_LONG: Final = 8  # letters from which on two may be wrong
_NEAR: Final = 10  # words of the shop that are looked at: endings are off, so that one letter more may differ
_ITEMS: Final = 500  # in whose titles it is looked how one is written
_WORDS: Final = 8  # of a query that are read otherwise at most: each is sought among all of the shop


def spelled(query: str, snapshot: Snapshot, is_word: IsWord) -> dict[str, str]:
    """What is read in place of words that no item is written in, as they were typed.

    Args:
        is_word: whether the encoder knows a word whole; then it is no error, whatever the shop sells.
    """
    found, looked = {}, 0
    for typed in dict.fromkeys(split(query)):
        word = fold(typed)
        if not errors_in(word) or snapshot.lexicon.known(word):
            continue
        stem, *more = tokens(word)  # several where the script has no spaces
        if more or is_word(word) or is_word(stem):
            continue
        looked += 1
        if right := _nearest(word, stem, snapshot):
            found[typed] = right
        if looked == _WORDS:
            break
    return found


def errors_in(word: str) -> int:
    """How many letters of a word may be wrong: none of a short one, or where it is not of letters alone."""
    if len(word) < _LEAST or not word.isalpha():
        return 0
    return 2 if len(word) >= _LONG else 1


def _nearest(word: str, stem: str, snapshot: Snapshot) -> str | None:
    most, lexicon = errors_in(word), snapshot.lexicon
    found: list[tuple[int, int, str]] = []
    for near in lexicon.near(stem, most + 1)[:_NEAR]:
        items = lexicon.having(near)
        if form := _form(word, near, items, snapshot):
            found.append((OSA.distance(word, form), -len(items), form))
    return min(found, default=(0, 0, None))[2]


def _form(word: str, stem: str, items: Numbers, snapshot: Snapshot) -> str | None:
    """How titles write a word so that it is nearest to what was typed: of several the one that most do."""
    forms: Counter[str] = Counter()
    for n in items[:_ITEMS]:
        for form in {fold(w) for w in split(snapshot.columns.titles[n] or "")}:
            near = OSA.distance(word, form, score_cutoff=errors_in(word)) <= errors_in(word)
            if near and tokens(form) == [stem]:
                forms[form] += 1
    ranked = [(OSA.distance(word, form), -titles, form) for form, titles in forms.items()]
    return min(ranked, default=(0, 0, None))[2]
