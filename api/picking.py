"""From scores to the items of an answer: filters, rules, places that are pinned, alike items kept apart."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from api.experiments import Part
from api.filters import LiveItem, allowed, refusals
from api.gather import NEEDS_ITEMS, Gathered
from api.plan import Plan
from api.ranking.diversity import diversified
from api.ranking.score import Scorer
from api.ranking.signals import Numbers
from api.ranking.weights import RankingWeights
from api.reads import Reads
from api.scenarios.current import Placement
from api.scenarios.rules import merged, numbers_by_score, pins
from api.schemas import FieldName, RecommendationRequest
from api.schemas.intent import Intent
from api.state.activity import newest
from api.state.columns import Bools
from api.state.snapshot import Snapshot
from api.words.scope import ASTRAY
from api.words.understand import Understood
from kg.queries import load

_Q = load("api")
_SPARE = 5  # candidates looked up beyond the limit, should some no longer comply
_POOL = 100  # candidates, or three times the limit, among which alike items are kept apart
_PROPERTY: dict[FieldName, str] = {
    "list_price": "listPrice",
    "in_stock": "inStock",
    "released_at": "releasedAt",
}


class Work(NamedTuple):
    """A request with all that answering it takes."""

    request: RecommendationRequest  # as understood
    snapshot: Snapshot
    reads: Reads
    weights: RankingWeights
    gathered: Gathered
    plan: Plan
    scorer: Scorer
    shown: Sequence[str]  # ids of the items on the pages before
    taken: Collection[str]  # ids of the items that other answers show
    understood: Understood
    intent: Intent
    placement: Placement
    part: Part  # in an experiment
    ranking: str | None = None  # when the weights were learned

    @property
    def notes(self) -> list[str]:
        """What the shopper is told, in the order in which it was found out."""
        astray = [ASTRAY] if self.intent.out_of_scope else []
        said = [*self.understood.notes, *astray]
        return [*self.part.notes, *self.placement.notes, *said, *self.gathered.notes]


class Pinned(NamedTuple):
    """An item that a rule puts at a place."""

    number: int
    rule_id: str
    item: LiveItem


class Picked(NamedTuple):
    """The items to return in their order, and what was left out."""

    items: dict[int, LiveItem]  # by the item's number
    pinned: dict[int, str]  # the rules that put items at their places, by the item's number
    left_out: Counter[str]
    notes: list[str]
    more: bool  # whether at least one other item could follow


async def pick(work: Work) -> Picked:
    """The best items that comply, each checked against the graph as it is now."""
    request = work.request
    verdict = allowed(work.snapshot, request.filters, excluded(work), work.placement.conditions)
    left_out, notes = Counter(verdict.left_out), list(verdict.notes)
    places = await pinned(work, verdict.mask, left_out)
    mask = with_edges(work, verdict.mask)
    mask[[pin.number for pin in places.values()]] = False
    others = await _others(work, mask, left_out)
    order = merged(list(others), {place: pin.number for place, pin in places.items()}, request.limit)
    found = others | {pin.number: pin.item for pin in places.values()}
    picked = Picked(
        items={number: found[number] for number in order},
        pinned={pin.number: pin.rule_id for pin in places.values() if pin.number in order},
        left_out=left_out,
        notes=notes,
        more=len(found) > len(order),
    )
    if len(order) < request.limit:
        notes.append(_fewer(work, picked))
    return picked


async def pinned(work: Work, mask: Bools, left_out: Counter[str]) -> dict[int, Pinned]:
    """What rules put at which place of this page or of one after it, counted from 1.

    Args:
        mask: items that the filters allow, [n].
        left_out: is told of the items that no longer comply.
    """
    snapshot = work.snapshot
    wanted = pins(snapshot.table, work.placement.rules, snapshot.categories, len(work.shown))
    if not wanted:
        return {}
    most = len(wanted) + _SPARE
    candidates = {
        pin.place: numbers_by_score(pin.members & mask, work.scorer.all, most).tolist() for pin in wanted
    }
    numbers = list(dict.fromkeys(n for some in candidates.values() for n in some))
    live, refused = await _checked(work, numbers)
    left_out.update(reason for reason in refused.values() if reason is not None)
    found: dict[int, Pinned] = {}
    for pin in wanted:
        taken = {other.number for other in found.values()}
        good = (n for n in candidates[pin.place] if refused[n] is None and n not in taken)
        if (best := next(good, None)) is not None:
            found[pin.place] = Pinned(best, pin.rule_id, live[best])
    return found


async def _others(work: Work, mask: Bools, left_out: Counter[str]) -> dict[int, LiveItem]:
    """The best items of `mask`, best first: `limit` of them and one more where there are as many."""
    found: dict[int, LiveItem] = {}
    wanted = work.request.limit + _SPARE
    for batch in in_order(work, mask, wanted):
        for start in range(0, len(batch), wanted):
            numbers = batch[start : start + wanted].tolist()
            live, refused = await _checked(work, numbers)
            for number in numbers:
                if (reason := refused[number]) is not None:
                    left_out[reason] += 1
                    continue
                found[number] = live[number]
                if len(found) > work.request.limit:
                    return found
    return found


def in_order(work: Work, mask: Bools, wanted: int) -> Iterator[Numbers]:
    """The items in the order in which they are to be shown, in batches of which the first will mostly do."""
    request, snapshot, plan, scorer = work.request, work.snapshot, work.plan, work.scorer
    # Alike items are kept apart from those of the pages before, which have their places in that order too.
    before = np.zeros_like(mask)
    if request.diversity:
        before[[snapshot.number[i] for i in work.shown if i in snapshot.number]] = True
    whole = mask | before
    first = newest(snapshot.arrived, whole, plan.kind.newest)
    for part in (first, whole & ~first):
        if not request.diversity:
            yield from (items for items, _ in scorer.ranked(part, wanted))
            continue
        pool = max(_POOL, 3 * request.limit)
        batches = scorer.ranked(part, pool)
        best, scores = next(batches)
        top, rest = best[:pool], best[pool:]
        learned = snapshot.target[top].any(axis=1).all()  # else texts tell what is alike
        vectors = snapshot.target[top] if learned else snapshot.text[top]
        order = diversified(top, scores[:pool], vectors, request.diversity)
        for items in chain((order, rest), (others for others, _ in batches)):
            yield items[~before[items]]


def with_edges(work: Work, mask: Bools) -> Bools:
    """A copy of the mask without the items that lack an edge, where the kind asks for one."""
    if not work.plan.kind.only_edges:
        return mask.copy()
    return mask & np.isin(np.arange(len(mask)), [e.number for e in work.plan.signals.edges])


def reaches_some(work: Work) -> bool:
    """Whether any item may be returned, where the kind asks for an edge to it."""
    if not work.plan.kind.only_edges:
        return True
    verdict = allowed(work.snapshot, work.request.filters, excluded(work), work.placement.conditions)
    return bool(with_edges(work, verdict.mask).any())


def excluded(work: Work) -> dict[str, Collection[str]]:
    """Ids of items that are left out whatever the filters say, by the reason."""
    request = work.request
    looked_at = request.item_ids or (request.session_items if request.kind in NEEDS_ITEMS else ())
    return {
        "looked_at": looked_at,
        "seen": _seen(work),
        "shown": work.shown,
        "shown_elsewhere": work.taken,
        "refused": work.understood.refused,
    }


def _seen(work: Work) -> set[str]:
    request, past = work.request, work.gathered.past
    exclude = request.kind == "for_you" if request.exclude_seen is None else request.exclude_seen
    if not exclude:
        return set()
    had = () if past is None else past.bought if request.seen == "bought" else past.touched
    return {*request.session_items, *had}


async def _checked(work: Work, numbers: list[int]) -> tuple[dict[int, LiveItem], dict[int, str | None]]:
    """Items as the graph has them at this moment, and why each may not be returned, None where it may."""
    items = await work.reads.one_list(
        _Q.live_items,
        item_ids=[work.snapshot.ids[n] for n in numbers],
        properties=[_PROPERTY.get(f, f) for f in work.request.fields],
        with_categories=work.request.filters.by_category or work.placement.by_category,
    )
    found = [LiveItem(*item) for item in items]
    live = {work.snapshot.number[item.item_id]: item for item in found}
    reasons = refusals(found, work.request.filters, work.snapshot.categories, work.placement.conditions)
    return live, dict.fromkeys(numbers, "deleted") | dict(zip(live, reasons, strict=True))


async def live_refusal(work: Work, number: int) -> str | None:
    """Why an item, as it is in the graph at this moment, may not be returned; None where it may."""
    return (await _checked(work, [number]))[1][number]


def _fewer(work: Work, picked: Picked) -> str:
    found = f"{len(picked.items)} of {work.request.limit} items"
    if work.plan.kind.only_edges:
        kind = work.request.kind.upper()
        return f"{found}: the graph has no more {kind} edges to items that may be returned."
    causes = ", ".join(f"{reason} {n:,}" for reason, n in picked.left_out.most_common())
    return f"{found}: no other item is left in the shop (left out: {causes or 'none'})."
