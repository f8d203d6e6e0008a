"""Which items are written about in the words of a query: BM25 over all items at once."""

import logging
import re
import unicodedata
from collections.abc import Sequence

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer

Scores = npt.NDArray[np.float32]

_RUNS = re.compile(r"[぀-ヿ㐀-鿿가-힯]+|[^\W_]+")
_WITHOUT_SPACES = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
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


class Lexicon:
    """The words of every item.

    Args:
        texts: what is written about each item, [n].
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        words = [tokens(text) for text in texts]
        self._known = {word for some in words for word in some}
        if self._known:
            self._index.index(words, show_progress=False)

    def known(self, words: str) -> list[str]:
        """The words that some item has, each once."""
        return [word for word in dict.fromkeys(tokens(words)) if word in self._known]

    def scores(self, words: str) -> Scores:
        """BM25 (Robertson and Zaragoza 2009) of every item, >= 0: float32 [n]; 0 where no word is met."""
        known = self.known(words)
        if not known:
            return np.zeros(self._n, dtype=np.float32)
        return np.asarray(self._index.get_scores(known), dtype=np.float32)
