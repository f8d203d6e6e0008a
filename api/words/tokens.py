"""Text as a shopper types it and as a shop prints it, cut into words that compare equal."""

import re
import unicodedata
from collections.abc import Iterable

# Han and kana are written without spaces: each character stands as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:['’](?:(?![{_UNSPACED}])\w)+)?")
_UNSPACED_WORD = re.compile(rf"[{_UNSPACED}]")
_UNSAID = re.compile("[\u0300-\u036f'’]")  # accents, apostrophes
_PAUSE = re.compile(r"[,;:|/()\[\]!?•&+。，、；：（）【】！？]|\s[-–—]+\s|\.\s")


def phrases(text: str) -> list[list[str]]:
    """The words of a text, as they are written, in the stretches between its punctuation.

    >>> phrases("Crème-brûlée, 2 pcs 绿茶")
    [['Crème', 'brûlée'], ['2', 'pcs', '绿', '茶']]
    """
    parts = _PAUSE.split(unicodedata.normalize("NFKC", text))
    return [words for part in parts if (words := _WORD.findall(part))]


def split(text: str) -> list[str]:
    """All words of a text."""
    return [word for phrase in phrases(text) for word in phrase]


def fold(word: str) -> str:
    """A word without case, accents and apostrophes.

    >>> fold("Crème"), fold("L'Oréal")
    ('creme', 'loreal')
    """
    return unicodedata.normalize("NFC", _UNSAID.sub("", unicodedata.normalize("NFKD", word.casefold())))


def join(words: Iterable[str]) -> str:
    """Words as one text, with spaces where the script has them.

    >>> join(["green", "tea"]), join(["绿", "茶"])
    ('green tea', '绿茶')
    """
    text = ""
    for word in words:
        glued = not text or (is_unspaced(text[-1]) and is_unspaced(word))
        text += word if glued else f" {word}"
    return text


def is_unspaced(word: str) -> bool:
    """Whether a word is a character of a script without spaces."""
    return _UNSPACED_WORD.fullmatch(word) is not None
