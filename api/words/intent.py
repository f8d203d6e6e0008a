"""What a shopper's words ask for: pure functions over a snapshot, no model but the item vectors themselves.

Prices, negations and relations are read from the words and taken out of them; categories and brands are
those of the shop. Each finding says how sure it is, and nothing that is unsure is made a filter.
"""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

import numpy as np

from api.ranking.signals import Words
from api.state.snapshot import Snapshot, Vectors
from api.words.lexicon import tokens
from api.words.named import categories
from api.words.negations import LIKELY, SAID, negations
from api.words.prices import Prices, prices
from api.words.scope import out_of_scope
from kg.words.classifier import Classifier, softmax

Relation = Literal["complements", "substitutes", "similar"]

DOUBTFUL = 0.5  # words that often mean something else

_NOT = r"\b(?:not|nothing)(?: (?:an?|the|too|very|so|that))* "
_CHEAP = re.compile(
    rf"\b(?:cheap(?:er|est)?|budget|inexpensive|low[- ]cost|affordable)\b|{_NOT}(?:expensive|pricey)\b"
)
_SALE = re.compile(r"\b(?:on (?:sale|offer)|discounted|(?:at )?reduced prices?|special offers?)\b")
_NEITHER = re.compile(rf"{_NOT}(?:{_CHEAP.pattern}|{_SALE.pattern})")  # says nothing that could be obeyed
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
_LEAST_PART = 0.05  # of the distribution over categories or brands


class Related(NamedTuple):
    """A relation to an item that the words ask for."""

    kind: Relation
    to: str  # what the words name after it, at their end
    confidence: float


class Read(NamedTuple):
    """What stands in the words."""

    words: str  # without what was taken out; none where they set conditions alone
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
    out_of_scope: float  # how sure that they are about something else than goods, 0 where they are not
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
    bounds, words = prices(query.casefold(), currencies)
    words = _NEITHER.sub(" ", words)
    cheap = bool(_CHEAP.search(words))
    words = _CHEAP.sub(" ", words)
    on_sale = bool(_SALE.search(words))
    words = _SALE.sub(" ", words)
    negated, words = negations(words)
    relation, words = _relation(words)
    words = _tidy(words)
    if not (words or bounds or cheap or on_sale or negated):
        words = " ".join(query.split())  # so that there is something to search for
    return Read(words, bounds, cheap, negated, relation, on_sale)


def meaning(snapshot: Snapshot, words: str, said: Words) -> Meaning:
    """Where in the shop the words point to.

    Args:
        words: as `read` leaves them.
        said: what they mean.
    """
    likely = _likely(snapshot.of_categories, said.vector, categories(snapshot, words))
    makers = snapshot.trained.get("brand")
    known = len(snapshot.lexicon.known(words)) / max(len(set(tokens(words))), 1)
    exact = int(np.count_nonzero(said.lexical > 0.9)) <= 3 and len(tokens(words)) > 1
    sure = next(iter(likely.values()), 0.0)
    return Meaning(
        categories=likely,
        brands=_likely(makers, said.vector) if makers else {},
        breadth="exact" if exact else "broad",
        out_of_scope=out_of_scope(words, known, said),
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
    """What cheap means among the items that the words match, or all where they match none: their lower third
    ends there.
    """
    prices = snapshot.columns.price[(lexical > 0) | (not lexical.any())]
    prices = prices[np.isfinite(prices)]
    return float(np.quantile(prices, 1 / 3)) if len(prices) else None


def _relation(words: str) -> tuple[Related | None, str]:
    for kind, pattern, sure in _RELATIONS:
        found = pattern.search(words)
        if found:
            to = _tidy(words[found.end() :])
            return Related(kind, to, sure), words[: found.start()] + " " + to
    return None, words


def _tidy(words: str) -> str:
    return " ".join(words.split()).strip(" ,;:-?!")
