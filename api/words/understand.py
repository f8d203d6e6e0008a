"""What the words of a request change about it: filters, items refused, and the kind of recommendation."""

import re
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from api.filters import Further, allowed, nothing
from api.gather import Gathered
from api.schemas import RecommendationRequest
from api.schemas.conditions import Filters, PriceRange
from api.schemas.intent import Finding, Intent, NamedNeed, NamedPrices
from api.state.snapshot import Snapshot
from api.words.intent import Read, lower_third, meaning, read
from api.words.lexicon import tokens
from api.words.named import attribute_values, brands, named, product
from api.words.negations import FREE, LIKELY, SAID, negations
from api.words.prices import Prices
from api.words.spelling import IsWord, spelled

_SURE = 0.5  # what is less sure is told, and filters nothing
_CHEAP = 0.5  # how sure "cheap" is of its bound
_WHAT_WAS_SEEN = ("", "this", "it", "that", "these", "those", "them")  # what a relation may be to, unnamed
_ASKING = ("what", "which", "something", "anything")  # says of a relation nothing that could be searched for


class Understood(NamedTuple):
    """A request with what its words said taken out of them."""

    request: RecommendationRequest  # the query is what is left to search for
    said: Read | None  # None without words
    prices: Prices | None
    refused: frozenset[str]  # ids of items written in words that were negated
    notes: list[str]
    spelled: dict[str, str] = {}  # noqa: RUF012  # words as they were typed -> as they were read


def understand(
    request: RecommendationRequest,
    snapshot: Snapshot,
    further: Further = nothing,
    currencies: Collection[str] = (),
    is_word: IsWord | None = None,
) -> Understood:
    """Read the words. What would leave nothing to return is taken back, and a note says so.

    Args:
        further: conditions that hold whatever the words say: those of a scenario.
        currencies: of the shop's items; where none is known, a price counts in whatever currency it is named.
        is_word: tells errors of spelling from words that the shop lacks; without it there are none.
    """
    if not (request.query or "").strip():
        return Understood(request, None, None, frozenset(), [])
    errors = spelled(request.query or "", snapshot, is_word) if is_word else {}
    request = request.model_copy(update={"query": _with(request.query or "", errors)})
    # What is no ISO 4217 code, such as "€", compares with none.
    priced = sorted({code.upper() for code in currencies if len(code) == 3 and code.isalpha()})
    said, told = _known(read(request.query or "", priced), request.query or "", snapshot)
    notes = [
        *(f"No item is written in {typed!r}: read as {word!r}." for typed, word in errors.items()),
        *told,
    ]
    prices = said.prices or _cheap(said, snapshot)
    plain, told = _related(request, said, snapshot)
    notes += told
    if names := _names_of_goods(request.query or "", said, snapshot):
        plain = plain.model_copy(update={"query": " ".join([plain.query or "", *names]).strip()})
    refused = _refused(said, snapshot)
    filters = request.filters
    if prices and prices.currency and priced and prices.currency not in priced:
        theirs = ", ".join(priced)
        notes.append(f"The words name a price in {prices.currency}, items have {theirs}: it filters nothing.")
    elif prices and prices.gte is not None and prices.lte is not None and prices.gte > prices.lte:
        notes.append(f"No price is {prices.gte:g} or more and {prices.lte:g} or less: it filters nothing.")
    elif prices and prices.confidence >= _SURE and filters.price in (None, PriceRange()):
        bounded = filters.model_copy(update={"price": PriceRange(gte=prices.gte, lte=prices.lte)})
        if _leaves_some(snapshot, bounded, refused, further):
            filters = bounded
        else:
            notes.append("No item lies within the price that the words name: it was left out of account.")
    if said.on_sale and filters.on_sale is None:
        reduced = filters.model_copy(update={"on_sale": True})
        if _leaves_some(snapshot, reduced, refused, further):
            filters = reduced
        else:
            notes.append("Nothing that complies is on sale: that was left out of account.")
    if refused and not _leaves_some(snapshot, filters, refused, further):
        notes.append(f"Every item is written in {', '.join(said.negated)}: that was left out of account.")
        refused = frozenset()
    query = plain.query or None
    if query is None and request.kind == "search":
        notes.append("The words set conditions alone: they name nothing to search for.")
    return Understood(
        plain.model_copy(update={"query": query, "filters": filters}), said, prices, refused, notes, errors
    )


def intent_of(
    query: str | None, understood: Understood, gathered: Gathered, snapshot: Snapshot, encoder: str | None
) -> Intent:
    """The answer's account of what was understood; without an encoder, of what stands in the words."""
    said = understood.said
    if said is None:
        return Intent(query=query)
    intent = Intent(
        query=query,
        words=gathered.words,
        spelled=understood.spelled,
        brands=brands(snapshot, said.words),
        attributes=attribute_values(snapshot, said.words),
        prices=NamedPrices(**understood.prices._asdict()) if understood.prices else None,
        on_sale=said.on_sale,
        negated=list(said.negated),
        relation=said.relation.kind if said.relation else None,
        confidences=_confidences(said),
    )
    words = gathered.signals.words
    if words is None:
        return intent
    found = meaning(snapshot, gathered.words or "", words)
    astray = 0.0 if said.relation else found.out_of_scope  # "goes with this" is about goods
    strange = {"out_of_scope": round(astray, 3)} if astray else {}
    return intent.model_copy(
        update={
            "encoder": encoder,
            "vector": words.vector.tolist() if understood.request.explain == "paths" else None,
            "categories": found.categories,
            "brands": intent.brands
            | {name: p for name, p in found.brands.items() if name not in intent.brands},
            "needs": [
                NamedNeed(
                    intent_id=n.intent_id, text=n.name, closeness=round(n.closeness, 3), support=n.support
                )
                for n in gathered.signals.needs
            ],
            "breadth": found.breadth,
            "out_of_scope": astray > 0,
            "confidence": found.confidence,
            "confidences": intent.confidences | {"breadth": found.known} | strange,
        }
    )


def _with(query: str, errors: dict[str, str]) -> str:
    for typed, word in errors.items():
        query = re.sub(rf"(?<!\w){re.escape(typed)}(?!\w)", word, query)
    return query


def _related(
    request: RecommendationRequest, said: Read, snapshot: Snapshot
) -> tuple[RecommendationRequest, list[str]]:
    """With the relation as its kind: to the items sent, else to the one that the words name."""
    searched, relation = request.model_copy(update={"query": said.words}), said.relation
    if relation is None or request.kind not in ("for_you", "search"):
        return searched, []
    if request.kind == "for_you":
        by_title = relation.confidence >= LIKELY and not request.item_ids
        item = product(snapshot, relation.to) if by_title else None
        if item is not None:
            rest = _without_end(said.words, relation.to)
            changed = {"kind": relation.kind, "item_ids": [item], "query": rest}
            return request.model_copy(update=changed), [f"The item looked at is {snapshot.title(item)!r}."]
        of_session = relation.confidence >= LIKELY and relation.to in _WHAT_WAS_SEEN and request.session_items
        if request.item_ids or of_session:
            rest = _without_end(said.words, relation.to) if relation.to in _WHAT_WAS_SEEN else said.words
            return request.model_copy(update={"kind": relation.kind, "query": rest}), []
    note = (
        f"The words ask for {relation.kind} of an item, but none is known: they are searched for as they are."
    )
    return searched, [f"{note} Send item_ids, with kind for_you."]


def _without_end(words: str, end: str) -> str | None:
    """What is to be searched for beside what a relation is to."""
    rest = words.removesuffix(end).strip()
    return None if rest in ("", *_ASKING) else rest


def _known(said: Read, query: str, snapshot: Snapshot) -> tuple[Read, list[str]]:
    """What the words refuse, as the shop's items name it, and notes of what none of them names.

    A brand is refused by its whole name, and "gluten-free" is searched for where items say it of themselves:
    elsewhere such words are nearest to what is full of gluten.
    """
    brand_names = list(named(query.casefold(), snapshot.columns.brand_number))
    lexicon, words, notes = snapshot.lexicon, said.words, []
    negated: dict[str, float] = {}
    for thing, sure in said.negated.items():
        name = next((brand for brand in brand_names if brand.startswith(f"{thing} ")), thing)
        negated[name] = sure
        if rest := name[len(thing) :].strip():
            words = re.sub(rf"(?<!\w){re.escape(rest)}(?!\w)", " ", words, count=1)
        if not lexicon.written(name.removesuffix("-free")).any():
            notes.append(f"No item is written in {name!r}: whether items are without it is not known.")
    for claim in FREE.finditer(words):
        if not (lexicon.written(claim["what"]) & (lexicon.scores("free") > 0)).any():
            words = words.replace(claim[0], " ")
            notes.append(f"No item says {claim[0]!r} of itself: it is not searched for.")
    return said._replace(words=" ".join(words.split()), negated=negated), notes


def _confidences(said: Read) -> dict[Finding, float]:
    found: dict[Finding, float] = {"negated": min(said.negated.values())} if said.negated else {}
    if said.relation:
        found["relation"] = said.relation.confidence
    if said.on_sale:
        found["on_sale"] = SAID
    return found


def _cheap(said: Read, snapshot: Snapshot) -> Prices | None:
    limit = lower_third(snapshot, snapshot.lexicon.scores(said.words)) if said.cheap else None
    return None if limit is None else Prices(None, limit, None, _CHEAP)


def _refused(said: Read, snapshot: Snapshot) -> frozenset[str]:
    """Items written in a negated word, unless they say of themselves that they are without it."""
    if not said.negated:
        return frozenset()
    lexicon, titles = snapshot.lexicon, snapshot.columns.titles
    spared = (lexicon.scores("free") > 0) | (lexicon.scores("without") > 0)
    denying = lexicon.scores("no") > 0
    found: set[int] = set()
    for word in said.negated:
        if word.endswith("-free"):  # what says of itself that it is
            of = lexicon.written(word.removesuffix("-free"))
            found.update(np.flatnonzero(of & (lexicon.scores("free") > 0)).tolist())
            continue
        written = lexicon.written(word) & ~spared
        found.update(np.flatnonzero(written & ~denying).tolist())
        found.update(n for n in np.flatnonzero(written & denying).tolist() if not _denies(titles[n], word))
    return frozenset(snapshot.ids[n] for n in found)


def _names_of_goods(query: str, said: Read, snapshot: Snapshot) -> list[str]:
    """Of the words after "no" those that items are called by, "no show socks": they are looked for too."""
    lexicon, titles = snapshot.lexicon, snapshot.columns.titles
    found = []
    for word in said.negated:
        if re.search(rf"\bno[ -]{re.escape(word)}\b", query.casefold()) and f"no {word}" not in said.words:
            written = lexicon.written(word) & (lexicon.scores("no") > 0)
            if any(_denies(titles[n], word) for n in np.flatnonzero(written)):
                found.append(f"no {word}")
    return found


def _denies(title: str | None, word: str) -> bool:
    """Whether it negates the word, as in "no added sugar"."""
    negated, _ = negations((title or "").casefold())
    return not set(tokens(word)).isdisjoint(tokens(" ".join(negated)))


def _leaves_some(snapshot: Snapshot, filters: Filters, refused: frozenset[str], further: Further) -> bool:
    return bool(allowed(snapshot, filters, {"refused": refused}, further).mask.any())
