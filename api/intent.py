"""What a shopper's words ask for: pure functions over a snapshot, no model but the item vectors themselves.

Prices, negations and relations are read from the words and taken out of them; categories and brands are
those of the shop. Each finding says how sure it is, and nothing that is unsure is made a filter.
"""

import re
from typing import Literal, NamedTuple

import numpy as np

from api.lexicon import tokens
from api.named import attribute_values, brands
from api.signals import Words
from api.snapshot import Snapshot, Vectors

Relation = Literal["complements", "substitutes", "similar"]

_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "usd": "USD", "eur": "EUR", "gbp": "GBP"}
_CURRENCIES |= {"dollars": "USD", "dollar": "USD", "euros": "EUR", "euro": "EUR", "pounds": "GBP"}
_NAMES = r"[$€£¥]|(?:usd|eur|gbp|dollars?|euros?|pounds)\b"
_MONEY = r"(?P<{0}b>[$€£¥])?\s?(?P<{0}>\d+(?:[.,]\d+)?)(?:\s?(?P<{0}a>" + _NAMES + "))?"
_UNIT = (  # "under 5 kg" is no price
    r"(?!\s?-?(?:[kmc]?m|[km]?g|lbs?|oz|inch(?:es)?|in|ft|[kmgt]b|mah|"
    r"[kmw]?w|v|ml|l|[kmg]?hz|mp|x|years?|months?|packs?|pieces?|pcs)\b"
    r"|\d|[.,]\d|\s?[%\"'])"
)
_LOW, _HIGH = _MONEY.format("low"), _MONEY.format("high")
_BELOW = r"under|below|less than|cheaper than|up to|at most|max(?:imum)?"
_ABOVE = r"over|above|more than|from|at least|min(?:imum)?"
_PRICES = (
    (re.compile(rf"\b(?:between|from)\s+{_LOW}\s+(?:and|to)\s+{_HIGH}{_UNIT}"), 0.9),
    (re.compile(rf"(?<![\w-]){_LOW}\s?(?:-|–|to)\s?{_HIGH}{_UNIT}"), 0.6),
    (re.compile(rf"\b(?:{_BELOW})\s+{_HIGH}{_UNIT}"), 0.9),
    (re.compile(rf"\b(?:{_ABOVE})\s+{_LOW}{_UNIT}"), 0.9),
)
_CHEAP = re.compile(r"\b(?:cheap|budget|inexpensive|low[- ]cost|affordable)\b")
_SALE = re.compile(r"\b(?:on (?:sale|offer)|discounted|(?:at )?reduced prices?|special offers?)\b")
_NOT = re.compile(r"\b(?:without(?: any)?|not|except|excluding|no)\s+(?P<what>[^\W\d_]{3,}(?:-[^\W\d_]+)?)")
_WITH = r"(?:that |to )?go(?:es)? (?:well )?with|to wear with|matching|accessor(?:y|ies) for"
_FOR = r"instead of|in place of|alternatives? to|replacements? for|substitutes? for"
_LIKE = r"similar to|something like|like this"
_RELATIONS: dict[Relation, re.Pattern[str]] = {
    "complements": re.compile(rf"\b(?:something )?(?:{_WITH})\b"),
    "substitutes": re.compile(rf"\b(?:{_FOR})\b"),
    "similar": re.compile(rf"\b(?:{_LIKE})\b"),
}
_SURE = 0.05  # temperature of the softmax over categories: cosines differ by hundredths
_STRANGE = 0.25  # below this cosine to every item the words are about something else
_LEAST_PART = 0.05  # of the distribution over categories


class Prices(NamedTuple):
    """Bounds that the words set, both inclusive."""

    gte: float | None
    lte: float | None
    currency: str | None  # ISO 4217, where the words name one
    confidence: float


class Read(NamedTuple):
    """What stands in the words."""

    words: str  # without what was taken out
    prices: Prices | None
    cheap: bool
    negated: list[str]
    relation: Relation | None
    on_sale: bool


class Meaning(NamedTuple):
    """What the words mean in this shop."""

    categories: dict[str, float]  # category id -> probability, the likeliest first
    brands: dict[str, float]  # as the shop has them, folded -> how sure
    attributes: dict[str, dict[str, float]]  # attribute -> value -> how sure
    breadth: Literal["broad", "exact"]
    out_of_scope: bool
    confidence: float  # of the likeliest category


def read(query: str) -> Read:
    """Take prices, sales, negations and a relation out of the words.

    >>> read("red shoes under $50 not leather")
    Read(words='red shoes', prices=Prices(gte=None, lte=50.0, currency='USD', confidence=0.9), cheap=False, \
negated=['leather'], relation=None, on_sale=False)
    """
    words = query.casefold()
    prices, words = _prices(words)
    cheap = bool(_CHEAP.search(words))
    words = _CHEAP.sub(" ", words)
    on_sale = bool(_SALE.search(words))
    words = _SALE.sub(" ", words)
    negated = [found["what"] for found in _NOT.finditer(words)]
    words = _NOT.sub(" ", words)
    relation = next((name for name, pattern in _RELATIONS.items() if pattern.search(words)), None)
    for pattern in _RELATIONS.values():
        words = pattern.sub(" ", words)
    plain = " ".join(words.split()).strip(" ,;:-")
    # Of words that say nothing else all are kept, so that there is something to search for.
    return Read(plain or " ".join(query.split()), prices, cheap, negated, relation, on_sale)


def meaning(snapshot: Snapshot, words: str, said: Words) -> Meaning:
    """Where in the shop the words point to.

    Args:
        words: as `read` leaves them.
        said: what they mean.
    """
    ids, centroids = snapshot.centroids
    near = centroids @ said.vector
    share = np.exp((near - near.max(initial=-1.0)) / _SURE)
    share /= max(float(share.sum()), 1e-9)
    best = np.argsort(-share)[:5]
    categories = {ids[n]: round(float(share[n]), 3) for n in best if share[n] >= _LEAST_PART}
    known = len(snapshot.lexicon.known(words)) / max(len(set(tokens(words))), 1)
    strange = known < 0.5 and float(said.near.max(initial=-1.0)) < _STRANGE
    exact = int(np.count_nonzero(said.lexical > 0.9)) <= 3 and len(tokens(words)) > 1
    sure = next(iter(categories.values()), 0.0)
    return Meaning(
        categories,
        brands(snapshot, words),
        attribute_values(snapshot, words),
        "exact" if exact else "broad",
        strange,
        sure,
    )


def lower_third(snapshot: Snapshot, lexical: Vectors) -> float | None:
    """What cheap means among the items that the words match: their lower third ends there."""
    prices = snapshot.columns.price[lexical > 0]
    prices = prices[np.isfinite(prices)]
    return float(np.quantile(prices, 1 / 3)) if len(prices) else None


def _prices(words: str) -> tuple[Prices | None, str]:
    for pattern, confidence in _PRICES:
        found = pattern.search(words)
        if found:
            of = found.groupdict()
            low, high = (_number(of.get(name)) for name in ("low", "high"))
            if low is not None and high is not None and low > high:
                return None, words
            signs = [of.get(name) for name in ("lowb", "lowa", "highb", "higha")]
            sign = next((s for s in signs if s), None)
            sure = confidence if sign or confidence > 0.8 else 0.3
            prices = Prices(low, high, _CURRENCIES.get(sign or ""), sure)
            rest = words[: found.start()] + " " + words[found.end() :]
            return prices, rest if sure >= 0.5 else words
    return None, words


def _number(text: str | None) -> float | None:
    return None if text is None else float(text.replace(",", "."))
