"""What the words of a request change about it: filters, items refused, and the kind of recommendation."""

from typing import NamedTuple

import numpy as np

from api.conditions import Filters, PriceRange
from api.filters import Further, allowed, nothing
from api.gather import Gathered
from api.intent import Prices, Read, lower_third, meaning, read
from api.intent_schemas import Intent, NamedNeed, NamedPrices
from api.schemas import RecommendationRequest
from api.snapshot import Snapshot

_SURE = 0.5  # what is less sure is told, and filters nothing
_CHEAP = 0.5  # how sure "cheap" is of its bound


class Understood(NamedTuple):
    """A request with what its words said taken out of them."""

    request: RecommendationRequest  # the query is what is left to search for
    said: Read | None  # None without words
    prices: Prices | None
    refused: frozenset[str]  # ids of items written in words that were negated
    notes: list[str]


def understand(request: RecommendationRequest, snapshot: Snapshot, further: Further = nothing) -> Understood:
    """Read the words. What would leave nothing to return is taken back, and a note says so.

    Args:
        further: conditions that hold whatever the words say: those of a scenario.
    """
    if not (request.query or "").strip():
        return Understood(request, None, None, frozenset(), [])
    said = read(request.query or "")
    prices = said.prices or _cheap(said, snapshot)
    changed = {"query": said.words}
    if said.relation and request.kind == "for_you" and (request.item_ids or request.session_items):
        changed["kind"] = said.relation
    plain = request.model_copy(update=changed)
    refused = _refused(said, snapshot)
    notes: list[str] = []
    filters = request.filters
    if prices and prices.confidence >= _SURE and filters.price is None:
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
    return Understood(plain.model_copy(update={"filters": filters}), said, prices, refused, notes)


def intent_of(
    query: str | None, understood: Understood, gathered: Gathered, snapshot: Snapshot, encoder: str | None
) -> Intent:
    """The answer's account of what was understood."""
    said, signals = understood.said, gathered.signals
    if said is None or signals.words is None:
        return Intent(query=query)
    found = meaning(snapshot, said.words, signals.words)
    return Intent(
        query=query,
        words=gathered.words,
        encoder=encoder,
        categories=found.categories,
        needs=[
            NamedNeed(intent_id=n.intent_id, text=n.name, closeness=round(n.closeness, 3), support=n.support)
            for n in signals.needs
        ],
        brands=found.brands,
        attributes=found.attributes,
        prices=NamedPrices(**understood.prices._asdict()) if understood.prices else None,
        on_sale=said.on_sale,
        negated=said.negated,
        relation=said.relation,
        breadth=found.breadth,
        out_of_scope=found.out_of_scope,
        confidence=found.confidence,
    )


def _cheap(said: Read, snapshot: Snapshot) -> Prices | None:
    limit = lower_third(snapshot, snapshot.lexicon.scores(said.words)) if said.cheap else None
    return None if limit is None else Prices(None, limit, None, _CHEAP)


def _refused(said: Read, snapshot: Snapshot) -> frozenset[str]:
    """Items written in a negated word, unless they say of themselves that they are without it."""
    lexicon, found = snapshot.lexicon, np.zeros(len(snapshot.ids), dtype=np.bool_)
    for word in said.negated:
        found |= lexicon.scores(word) > 0
    if found.any():
        found &= ~((lexicon.scores("free") > 0) | (lexicon.scores("without") > 0))
    return frozenset(snapshot.ids[n] for n in np.flatnonzero(found).tolist())


def _leaves_some(snapshot: Snapshot, filters: Filters, refused: frozenset[str], further: Further) -> bool:
    return bool(allowed(snapshot, filters, {"refused": refused}, further).mask.any())
