"""Why an item is recommended, and why another is not."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from api.explain import reasons_of, told
from api.filters import allowed, conditions
from api.picking import Picked, Work, excluded, in_order, live_refusal, pick, pinned, with_edges
from api.problems import ApiError
from api.ranking.signals import Boost, Part
from api.reads import Reads
from api.recommender import order_of, prepare
from api.scenarios.rules import position_of
from api.schemas.answers import SourceLeftOut
from api.schemas.why import ExplainRequest, Explanation
from api.state.activity import newest
from api.state.columns import Bools
from api.state.served import Serving
from kg.queries import load

_Q = load("api")


class Standing(NamedTuple):
    """Where an item stands in the answer to a request."""

    rank: int | None  # None where it is removed
    needed: float | None  # the score of the last item returned; None where no score would do
    removed_by: str | None = None
    pinned_by: str | None = None
    behind_newer: bool = False


async def explained(request: ExplainRequest, serving: Serving, reads: Reads) -> Explanation:
    """Answer the request as the recommendations do, and look where the item stands.

    Raises:
        ApiError: there is no such item, it came just now, or the request cannot be answered.
    """
    work = await prepare(request, serving, reads)
    snapshot, plan, gathered = work.snapshot, work.plan, work.gathered
    number = snapshot.number.get(request.item_id)
    if number is None:
        raise await _not_ranked(request.item_id, reads)
    picked = await pick(work)
    page = _page(work, picked)
    stands = await _standing(work, picked, page, number)
    parts = work.scorer.split(np.array([number]))
    score = float(sum(part.values[0] for part in parts))
    telling = {part.type for part in parts if part.values[0]}
    shoppers = int(snapshot.shoppers[number])
    return Explanation(
        item_id=request.item_id,
        returned=number in page,
        removed_by=stands.removed_by,
        rank=stands.rank,
        score=score,
        needed=stands.needed,
        pinned_by=stands.pinned_by,
        reasons=reasons_of(told(parts, 1), 0, gathered.words, shoppers, snapshot.title),
        silent=[name for name in plan.going_by if name not in telling],
        summary=_summary(work, stands, number in page, score) + _by_rules(stands.pinned_by, parts),
        fallback_used=plan.fallback,
        sources_left_out=[SourceLeftOut(source=s, reason=why) for s, why in gathered.left_out.items()],
        notes=[*work.notes, *picked.notes],
        model_version=snapshot.version.model,
    )


async def _not_ranked(item_id: str, reads: Reads) -> ApiError:
    """The problem with an item that the snapshot lacks."""
    if await reads.one_list(_Q.live_items, item_ids=[item_id], properties=[], with_categories=False):
        detail = f"Item {item_id!r} came just now and is not ranked yet: ask again in some seconds."
        return ApiError(404, "not-ranked-yet", detail)
    return ApiError(404, "unknown-item", f"There is no item {item_id!r} in the graph.")


def _page(work: Work, picked: Picked) -> dict[int, float]:
    """The scores of the items returned, by their numbers, in their order."""
    numbers = list(picked.items)
    parts = work.scorer.split(np.array(numbers, dtype=np.int64))
    scores = told(parts, len(numbers)).values.sum(axis=0)
    return {numbers[n]: float(scores[n]) for n in order_of(work, picked, scores)}


async def _standing(work: Work, picked: Picked, page: dict[int, float], number: int) -> Standing:
    """Where an item stands, in the order in which the request returns items."""
    free = [n for n in page if n not in picked.pinned]
    by_score = len(page) == work.request.limit and not work.request.diversity
    needed = min((page[n] for n in free), default=None) if by_score else None
    if number in page:
        return Standing(list(page).index(number) + 1, needed, pinned_by=picked.pinned.get(number))
    filters, left_out = work.request.filters, excluded(work)
    complying = allowed(work.snapshot, filters, left_out, work.placement.conditions).mask
    places = await pinned(work, complying, Counter())
    others = with_edges(work, complying)
    others[[pin.number for pin in places.values()]] = False
    for place, pin in places.items():
        if pin.number == number:
            rank = min(place, int(np.count_nonzero(others)) + sorted(places).index(place) + 1)
            return Standing(rank, needed, pinned_by=pin.rule_id)
    removed = await _removed_by(work, left_out, others, number)
    if removed is not None:
        return Standing(None, needed, removed)
    order = np.concatenate(list(in_order(work, others, work.request.limit)))
    # Those before the last item returned that are not returned themselves were refused a moment ago.
    last = np.flatnonzero(np.isin(order, free)).max(initial=-1)
    rank = position_of(len(free) + int(np.flatnonzero(order == number)[0] - last) - 1, places)
    first = newest(work.snapshot.arrived, others, work.plan.kind.newest)
    rivals = [page[n] for n in free if first[n] == first[number]]
    return Standing(
        rank, min(rivals, default=None) if by_score else None, behind_newer=bool(free and not rivals)
    )


async def _removed_by(
    work: Work, left_out: Mapping[str, Collection[str]], complying: Bools, number: int
) -> str | None:
    """What takes an item out that is not returned: in the snapshot, or in the graph at this moment."""
    snapshot, tree = work.snapshot, work.snapshot.categories
    if complying[number]:
        return await live_refusal(work, number)
    if snapshot.columns.hidden[number]:
        return "hidden"
    excluded_by = (reason for reason, ids in left_out.items() if snapshot.ids[number] in ids)
    passing = (
        *work.placement.conditions(snapshot.table, tree),
        *conditions(snapshot.table, work.request.filters, tree),
    )
    refused_by = (reason for reason, passes in passing if not passes[number])
    return next(chain(excluded_by, refused_by), "no_edge")


def _summary(work: Work, stands: Standing, returned: bool, score: float) -> str:
    if stands.removed_by:
        return f"Removed by {stands.removed_by}, whatever it scores ({score:.2f})."
    if returned:
        return f"Returned at rank {stands.rank} with {score:.2f}."
    ranks = f"Ranks {stands.rank} with {score:.2f};"
    if stands.needed is not None:
        return f"{ranks} {stands.needed:.2f} were needed."
    if work.request.diversity:
        return f"{ranks} alike items are kept apart."
    if stands.behind_newer:
        return f"{ranks} newer items come first."
    return f"{ranks} rules pin what comes before."


def _by_rules(pinned_by: str | None, parts: Sequence[Part]) -> str:
    """What rules did to the item, as further sentences."""
    pin = f" Pinned there by the rule {pinned_by!r}." if pinned_by else ""
    boosts = ((p.cause.text, p.values[0]) for p in parts if isinstance(p.cause, Boost) and p.values[0])
    return pin + "".join(f" {text[:-1]} ({value:+.2f})." for text, value in boosts)
