"""What a shopper's words ask for: pure functions over a snapshot, no model but the item vectors themselves.

Prices, negations and relations are read from the words and taken out of them; categories and brands are
those of the shop. Each finding says how sure it is, and nothing that is unsure is made a filter.
"""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

import numpy as np

from api.lexicon import tokens
from api.named import categories
from api.signals import Words
from api.snapshot import Snapshot, Vectors
from kg.classifier import Classifier, softmax

Relation = Literal["complements", "substitutes", "similar"]

SAID, LIKELY, DOUBTFUL = 0.9, 0.7, 0.5  # words that hardly mean anything else, that may, that often do

_DOLLARS = ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD")
_CROWNS = ("SEK", "NOK", "DKK")
_CODES = (*_DOLLARS, *_CROWNS, "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "PLN")
_SIGNS = {"$": _DOLLARS, "€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), "₹": ("INR",)}
_MONIES: dict[str, tuple[str, ...]] = {  # a plural "s" may follow
    **{code.casefold(): (code,) for code in _CODES},
    **dict.fromkeys(("dollar", "buck"), _DOLLARS),
    **dict.fromkeys(("kr", "kronor", "kroner"), _CROWNS),
    **dict.fromkeys(("pound", "quid"), ("GBP",)),
    **dict.fromkeys(("franc", "franken"), ("CHF",)),
    **dict.fromkeys(("zł", "zloty"), ("PLN",)),
    **{"euro": ("EUR",), "yen": ("JPY",), "yuan": ("CNY",), "rupee": ("INR",)},
}
_NAMES = rf"(?:[{''.join(_SIGNS)}]|(?:{'|'.join(_MONIES)})s?\b)"
_UNITS = (  # "under 5 kg" is no price
    r"\s?-?(?:[kmc]?m|[km]?g|lbs?|oz|inch(?:es)?|in|ft|[kmgt]b|mah|"
    r"[kmw]?w|v|ml|l|[kmg]?hz|mp|x|years?|months?|packs?|pieces?|pcs)\b"
)
_NO_UNIT = rf"(?!{_UNITS}|[\da-z]|[.,]\d|\s?[%\"'])"
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,'’\s])\d{3}(?:\1\d{3})*(?!\d)")
_NARROW = "'’\u00a0\u2009\u202f"
_GROUPS = "|".join(rf"(?:[{mark}]\d{{3}})+" for mark in (",", ".", _NARROW))
_BEFORE_MONEY = rf"(?=[.,\d]*\s?(?:{_NAMES}|(?:-|–|to\b|and\b)\s?[^\w\s]?\d))"
# "1 500" alone is left unread: it may be 1,500, or 1 and 500 of something. Of "20 128 gb" the 20 can be read.
_UNCLEAR = rf"[{_NARROW}]\d|\s0\d\d\b|\s\d{{3}}\b(?!{_UNITS})"
_NUMBER = (
    rf"(?:[1-9]\d{{0,2}}(?:{_GROUPS}|(?: \d{{3}})+(?!\d){_BEFORE_MONEY})(?!\d)(?:[.,]\d+)?"
    rf"|\d+(?:[.,]\d+)?(?!{_UNCLEAR}))"
)
_LOW, _HIGH = (
    rf"(?:(?P<{bound}b>{_NAMES})\s?)?(?P<{bound}>{_NUMBER})(?:\s?(?P<{bound}a>{_NAMES}))?"
    for bound in ("low", "high")
)
_BELOW = r"under|below|less than|cheaper than|up to|at most|max(?:imum)?"
_ABOVE = r"over|above|more than|from|at least|min(?:imum)?"
_PRICES = (
    (re.compile(rf"\b(?:between|from)\s+{_LOW}\s+(?:and|to)\s+{_HIGH}{_NO_UNIT}"), 0.9),
    (re.compile(rf"(?<![\w-]){_LOW}\s?(?:-|–|to)\s?{_HIGH}{_NO_UNIT}"), 0.6),
    (re.compile(rf"\b(?:{_BELOW})\s+{_HIGH}{_NO_UNIT}"), 0.9),
    (re.compile(rf"\b(?:{_ABOVE})\s+{_LOW}{_NO_UNIT}"), 0.9),
)
_CHEAP = re.compile(r"\b(?:cheap|budget|inexpensive|low[- ]cost|affordable)\b")
_SALE = re.compile(r"\b(?:on (?:sale|offer)|discounted|(?:at )?reduced prices?|special offers?)\b")
_KNOWN_FREE = (  # without a hyphen, "shoes with free laces" is more often meant
    "acetone|alcohol|alumini?um|bpa|caffeine|cruelty|dairy|eggs?|fat|fluoride|fragrance|gluten|grain|lactose|"
    "latex|meat|milk|nickel|nuts?|oil|parabens?|peanuts?|perfume|preservatives?|salt|silicones?|soya?|sugar|"
    "sul(?:f|ph)ates?|wheat"
)
_NO = r"\b(?:without|except|excluding|free (?:of|from)|not|no)\s+"
_PADDING = r"(?:(?:any|added|extra|additional|artificial|too|much|an?|the)\s+)*"
_AND = r"(?:or|and|nor)\b"
_GOODS = r"(?! (?:shipping|delivery|range)\b)"  # of "free": goods are, and not how they come
_THING = rf"{_PADDING}(?!{_AND})(?:(?:{_KNOWN_FREE}) free\b{_GOODS}|[^\W\d_]{{3,}}\b(?:-[^\W\d_]+\b)?)"
# "not black, size 42": what follows a comma is refused only where it is a part of the list, one word alone.
_MORE = rf"(?:\s*,)?\s+{_AND}\s+(?:{_NO})?{_THING}|\s*,\s*(?:{_NO})?{_THING}(?=\s*(?:,|$|{_AND}))"
_NOT = re.compile(rf"(?P<no>{_NO})(?P<what>{_THING}(?:{_MORE})*)")
_BETWEEN = re.compile(rf"\s*,\s*|\s+{_AND}\s+")
_FREE = re.compile(rf"\b(?P<what>[^\W\d_]{{3,}}(?=-)|(?:{_KNOWN_FREE})(?= ))[- ]free\b{_GOODS}")
_WITH = r"(?:that |to )?go(?:es)? (?:well )?with|to wear with|accessor(?:y|ies) for"
_FOR = r"instead of|in place of|alternatives? to|replacements? for|substitutes? for"
_LIKE = r"similar to|(?:something|anything|things?|items?|products?|more) like|like this"
_ARTICLE = r"\b(?:\s+(?:an?|the|my)\b)?"
_RELATIONS: tuple[tuple[Relation, re.Pattern[str], float], ...] = (
    ("complements", re.compile(rf"\b(?:something )?(?:{_WITH}){_ARTICLE}"), SAID),
    ("complements", re.compile(rf"\b(?:something )?matching{_ARTICLE}"), DOUBTFUL),
    ("substitutes", re.compile(rf"\b(?:{_FOR}){_ARTICLE}"), SAID),
    ("similar", re.compile(rf"\b(?:{_LIKE}){_ARTICLE}"), SAID),
    ("similar", re.compile(rf"^\s*like(?=\s)(?!\s+new\b){_ARTICLE}"), LIKELY),
)
_NAMED = 6.0  # what the logit of a category gains whose name the words are
_STRANGE = 0.25  # below this cosine to every item the words are about something else
_LEAST_PART = 0.05  # of the distribution over categories or brands


class Prices(NamedTuple):
    """Bounds that the words set, both inclusive."""

    gte: float | None
    lte: float | None
    currency: str | None  # ISO 4217, where the words name one
    confidence: float


class Related(NamedTuple):
    """A relation to an item that the words ask for."""

    kind: Relation
    to: str  # what the words name after it, at their end
    confidence: float


class Read(NamedTuple):
    """What stands in the words."""

    words: str  # without what was taken out
    prices: Prices | None
    cheap: bool
    negated: dict[str, float]  # word -> how sure
    relation: Related | None
    on_sale: bool


class Meaning(NamedTuple):
    """What the words mean in this shop."""

    categories: dict[str, float]  # category id -> probability, the likeliest first
    brands: dict[str, float]  # the same by folded name; empty where no classifier was trained
    breadth: Literal["broad", "exact"] | None
    out_of_scope: bool
    confidence: float  # of the likeliest category
    known: float  # share of the words that some item is written in


def read(query: str, currencies: Collection[str] = ()) -> Read:
    """Take prices, sales, negations and a relation out of the words.

    Args:
        currencies: those of the shop; one of them is meant by a sign that several share.

    >>> read("red shoes under $50 not leather")
    Read(words='red shoes', prices=Prices(gte=None, lte=50.0, currency='USD', confidence=0.9), cheap=False, \
negated={'leather': 0.7}, relation=None, on_sale=False)
    """
    words = query.casefold()
    prices, words = _prices(words, currencies)
    cheap = bool(_CHEAP.search(words))
    words = _CHEAP.sub(" ", words)
    on_sale = bool(_SALE.search(words))
    words = _SALE.sub(" ", words)
    negated, words = negations(words)
    relation, words = _relation(words)
    # Of words that say nothing else all are kept, so that there is something to search for.
    return Read(_tidy(words) or " ".join(query.split()), prices, cheap, negated, relation, on_sale)


def negations(words: str) -> tuple[dict[str, float], str]:
    """The words that are refused, each with how sure that is, and what is left without them.

    "Sugar-free" stays, since this is what is written on what is looked for.

    >>> negations("sugar-free tea without any milk or added honey")
    ({'milk': 0.9, 'honey': 0.9, 'sugar': 0.9}, 'sugar-free tea  ')
    >>> negations("bread, not gluten free")
    ({'gluten-free': 0.7}, 'bread,  ')
    """
    found: dict[str, float] = {}
    for said in _NOT.finditer(words):
        sure = LIKELY if said["no"].strip() in ("no", "not") else SAID
        things = (part.replace(" free", "-free") for part in _BETWEEN.split(said["what"]))
        found |= {thing.split()[-1]: sure for thing in things}
    rest = _NOT.sub(" ", words)
    return found | {said["what"]: SAID for said in _FREE.finditer(rest)}, rest


def meaning(snapshot: Snapshot, words: str, said: Words) -> Meaning:
    """Where in the shop the words point to.

    Args:
        words: as `read` leaves them.
        said: what they mean.
    """
    likely = _likely(snapshot.of_categories, said.vector, categories(snapshot, words))
    makers = snapshot.trained.get("brand")
    known = len(snapshot.lexicon.known(words)) / max(len(set(tokens(words))), 1)
    strange = known < 0.5 and float(said.near.max(initial=-1.0)) < _STRANGE
    exact = int(np.count_nonzero(said.lexical > 0.9)) <= 3 and len(tokens(words)) > 1
    sure = next(iter(likely.values()), 0.0)
    return Meaning(
        categories=likely,
        brands=_likely(makers, said.vector) if makers else {},
        breadth="exact" if exact else "broad",
        out_of_scope=strange,
        confidence=sure,
        known=round(known, 3),
    )


def _likely(classifier: Classifier, vector: Vectors, named: Collection[str] = ()) -> dict[str, float]:
    """Up to five labels, each with its probability, the likeliest first.

    Args:
        named: labels that the words are the name of; one that was not learned is else as likely as most are.
    """
    labels = [*classifier.labels, *(label for label in named if label not in classifier.labels)]
    logits = np.zeros(len(labels), dtype=np.float32)
    logits[: len(classifier.labels)] = classifier.logits(vector)
    logits[len(classifier.labels) :] = logits[: len(classifier.labels)].mean() if classifier.labels else 0
    share = softmax(logits + _NAMED * np.isin(labels, list(named)))
    best = np.argsort(-share, kind="stable")[:5]
    return {labels[n]: round(float(share[n]), 3) for n in best if share[n] >= _LEAST_PART}


def lower_third(snapshot: Snapshot, lexical: Vectors) -> float | None:
    """What cheap means among the items that the words match: their lower third ends there."""
    prices = snapshot.columns.price[lexical > 0]
    prices = prices[np.isfinite(prices)]
    return float(np.quantile(prices, 1 / 3)) if len(prices) else None


def _prices(words: str, currencies: Collection[str]) -> tuple[Prices | None, str]:
    for pattern, confidence in _PRICES:
        found = pattern.search(words)
        if found:
            of = found.groupdict()
            low, high = (_number(of.get(bound)) for bound in ("low", "high"))
            if low is not None and high is not None and low > high:
                return None, words
            names = [of.get(name) for name in ("lowb", "lowa", "highb", "higha")]
            name = next((n for n in names if n), None)
            sure = confidence if name or confidence > 0.8 else 0.3
            prices = Prices(low, high, _currency(name, currencies), sure)
            rest = words[: found.start()] + " " + words[found.end() :]
            return prices, rest if sure >= 0.5 else words
    return None, words


def _currency(name: str | None, currencies: Collection[str]) -> str | None:
    """What a sign or a word means: of several currencies the shop's own, else the first."""
    if name is None:
        return None
    meant = _SIGNS.get(name) or _MONIES[name.removesuffix("s")]
    return next((code for code in meant if code in currencies), meant[0])


def _number(text: str | None) -> float | None:
    """A comma or point before exactly three digits parts thousands unless a 0 or more than three digits stand
    before it, as an apostrophe and a narrow space do; any other one is the decimal point.

    >>> [_number(n) for n in ("1,000", "1.299,99", "1,000,000.50", "12,50", "0.500", "1234.567")]
    [1000.0, 1299.99, 1000000.5, 12.5, 0.5, 1234.567]
    """
    if text is None:
        return None
    grouped = _THOUSANDS.match(text)
    whole = grouped.end() if grouped else 0
    return float(re.sub(r"\D", "", text[:whole]) + text[whole:].replace(",", "."))


def _relation(words: str) -> tuple[Related | None, str]:
    for kind, pattern, sure in _RELATIONS:
        found = pattern.search(words)
        if found:
            to = _tidy(words[found.end() :])
            return Related(kind, to, sure), words[: found.start()] + " " + to
    return None, words


def _tidy(words: str) -> str:
    return " ".join(words.split()).strip(" ,;:-")
