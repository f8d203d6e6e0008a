"""Words that nobody writes so, read as the shop's own word that is nearest: "accesories" as "accessories"."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from rapidfuzz.distance import OSA

from api.state.snapshot import Snapshot
from api.words.lexicon import tokens
from api.words.tokens import fold, split

IsWord = Callable[[str], bool]
_LEAST: Final = 5  # letters: shorter ones are near to too many others
_LONG: Final = 8  # letters from which on two may be wrong
_NEAR: Final = 20  # words of the shop that are looked at: endings are off, so that one letter more may differ
_TITLES: Final = 50  # in which it is looked how one is written


def spelled(query: str, snapshot: Snapshot, is_word: IsWord) -> dict[str, str]:
    """What is read in place of words that no item is written in, as they were typed.

    Args:
        is_word: whether the encoder knows a word whole; then it is no error, whatever the shop sells.
    """
    found = {}
    for typed in dict.fromkeys(split(query)):
        word = fold(typed)
        if not errors_in(word) or snapshot.lexicon.known(word):
            continue
        stem, *more = tokens(word)  # several where the script has no spaces
        if not more and not is_word(word) and not is_word(stem) and (right := _nearest(word, stem, snapshot)):
            found[typed] = right
    return found


def errors_in(word: str) -> int:
    """How many letters of a word may be wrong: none of a short one, or where it is not of letters alone."""
    if len(word) < _LEAST or not word.isalpha():
        return 0
    return 2 if len(word) >= _LONG else 1


def _nearest(word: str, stem: str, snapshot: Snapshot) -> str | None:
    most = errors_in(word)
    forms: Counter[str] = Counter()
    for near in snapshot.lexicon.near(stem, most + 1)[:_NEAR]:
        forms += _forms(near, snapshot)
    ranked = [(OSA.distance(word, form), -titles, form) for form, titles in forms.items()]
    return next((form for errors, _, form in sorted(ranked) if errors <= most), None)


def _forms(stem: str, snapshot: Snapshot) -> Counter[str]:
    """How titles write a word, and how many of those that were looked at."""
    titles = (snapshot.columns.titles[n] or "" for n in snapshot.lexicon.having(stem)[:_TITLES])
    return Counter(
        form for title in titles for form in {fold(w) for w in split(title) if tokens(w) == [stem]}
    )
