"""One recommendation, from request to answer."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from api.activity import newest
from api.answers import Path, Reason, Recommendation, RecommendationResponse
from api.columns import Bools, seconds
from api.diversity import diversified
from api.explain import path_pairs, paths_of, reasons_of, source_of
from api.filters import LiveItem, allowed, refusals
from api.gather import Gathered, gather
from api.paging import shown_by, token_of
from api.plan import Plan, plan_for
from api.ranking import Numbers, ranked, score_all, split
from api.reads import Reads
from api.schemas import FieldName, RecommendationRequest
from api.serving import Serving
from api.snapshot import Snapshot
from api.understand import Understood, intent_of, understand
from api.weights import DEFAULT, RankingWeights
from kg.queries import load

_Q = load("api")
_SPARE = 5  # candidates looked up beyond the limit, should some no longer comply
_POOL = 100  # candidates, or three times the limit, among which alike items are kept apart
_PROPERTY: dict[FieldName, str] = {"in_stock": "inStock", "released_at": "releasedAt"}


class Work(NamedTuple):
    """A request with all that answering it takes."""

    request: RecommendationRequest  # as understood
    snapshot: Snapshot
    reads: Reads
    weights: RankingWeights
    gathered: Gathered
    plan: Plan
    shown: Sequence[str]  # ids of the items on the pages before
    taken: Collection[str]  # ids of the items that other answers show
    understood: Understood


class Picked(NamedTuple):
    """The items to return in their order, and what was left out."""

    items: dict[int, LiveItem]  # by the item's number
    left_out: Counter[str]
    notes: list[str]
    more: bool  # whether at least one other item could follow


async def recommend(
    request: RecommendationRequest,
    serving: Serving,
    reads: Reads,
    weights: RankingWeights = DEFAULT,
    taken: Collection[str] = (),
) -> RecommendationResponse:
    """Answer a request from one snapshot and the graph's current edges.

    Args:
        taken: ids of items to leave out since another answer shows them.

    Raises:
        ApiError: the request cannot be answered: an unknown item, a missing field, a bad token, no encoder.
        GraphError: the graph does not answer.
    """
    started = time.perf_counter()
    work = await prepare(request, serving, reads, weights, taken)
    plan = work.plan
    picked = await _pick(work)
    items = await _items(work, picked)
    encoder = serving.encoder.name if serving.encoder else None
    intent = intent_of(request.query, work.understood, work.gathered, serving.snapshot, encoder)
    return RecommendationResponse.model_construct(
        recommendation_id=uuid4().hex,
        model_version=serving.snapshot.version.model,
        graph_version=serving.snapshot.version.graph,
        intent=intent.model_copy(update={"signals": plan.going_by}),
        items=items,
        fallback_used=plan.fallback,
        filtered_out=dict(picked.left_out),
        notes=[*work.understood.notes, *work.gathered.notes, *picked.notes],
        next_page_token=token_of([*work.shown, *taken, *(i.item_id for i in items)]) if picked.more else None,
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )


async def prepare(
    request: RecommendationRequest,
    serving: Serving,
    reads: Reads,
    weights: RankingWeights = DEFAULT,
    taken: Collection[str] = (),
) -> Work:
    """Understand the words, look up what the graph knows, choose the weights."""
    shown = shown_by(request.page_token)
    understood = understand(request, serving.snapshot)
    gathered = await gather(understood.request, serving, reads, weights)
    plan = plan_for(understood.request, gathered, serving.snapshot, weights)
    return Work(
        understood.request, serving.snapshot, reads, weights, gathered, plan, shown, taken, understood
    )


async def _pick(work: Work) -> Picked:
    """The best items that comply, each checked against the graph as it is now."""
    request, snapshot = work.request, work.snapshot
    verdict = allowed(snapshot, request.filters, excluded(work))
    picked = Picked({}, Counter(verdict.left_out), list(verdict.notes), more=False)
    wanted = request.limit + _SPARE
    for batch in _candidates(work, verdict.mask, wanted):
        for start in range(0, len(batch), wanted):
            numbers = batch[start : start + wanted].tolist()
            live = await _live(work, numbers)
            reasons = refusals(list(live.values()), request.filters, snapshot.categories)
            refused = dict(zip(live, reasons, strict=True))
            for number in numbers:
                reason = refused.get(number, "deleted")
                if reason is not None:
                    picked.left_out[reason] += 1
                elif len(picked.items) == request.limit:
                    return picked._replace(more=True)
                else:
                    picked.items[number] = live[number]
    if len(picked.items) < request.limit:
        picked.notes.append(_fewer(work, picked))
    return picked


def _candidates(work: Work, mask: Bools, wanted: int) -> Iterator[Numbers]:
    """The items in the order in which they are to be shown, in batches of which the first will mostly do."""
    request, snapshot, plan = work.request, work.snapshot, work.plan
    if plan.kind.only_edges:
        mask = mask & np.isin(np.arange(len(mask)), [e.number for e in plan.signals.edges])
    scores = score_all(snapshot, plan.signals, plan.kind, work.weights)
    first = newest(snapshot.arrived, mask, plan.kind.newest)
    for part in (first, mask & ~first):
        if not request.diversity:
            yield from ranked(scores, part, wanted)
            continue
        pool = max(_POOL, 3 * request.limit)
        batches = ranked(scores, part, pool)
        best = next(batches)
        top, rest = best[:pool], best[pool:]
        yield diversified(top, scores[top], snapshot.target[top], request.diversity)
        yield rest
        yield from batches


def excluded(work: Work) -> dict[str, Collection[str]]:
    """Ids of items that are left out whatever the filters say, by the reason."""
    return {
        "looked_at": work.request.item_ids,
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


async def _live(work: Work, numbers: list[int]) -> dict[int, LiveItem]:
    items = await work.reads.one_list(
        _Q.live_items,
        item_ids=[work.snapshot.ids[n] for n in numbers],
        properties=[_PROPERTY.get(f, f) for f in work.request.fields],
        with_categories=work.request.filters.by_category,
    )
    found = (LiveItem(*item) for item in items)
    return {work.snapshot.number[item.item_id]: item for item in found}


async def live_refusal(work: Work, number: int) -> str | None:
    """Why an item, as it is in the graph at this moment, may not be returned; None where it may."""
    live = await _live(work, [number])
    if number not in live:
        return "deleted"
    return refusals([live[number]], work.request.filters, work.snapshot.categories)[0]


def _fewer(work: Work, picked: Picked) -> str:
    found = f"{len(picked.items)} of {work.request.limit} items"
    if work.plan.kind.only_edges:
        kind = work.request.kind.upper()
        return f"{found}: the graph has no more {kind} edges to items that may be returned."
    causes = ", ".join(f"{reason} {n:,}" for reason, n in picked.left_out.most_common())
    return f"{found}: no other item is left in the shop (left out: {causes or 'none'})."


async def _items(work: Work, picked: Picked) -> list[Recommendation]:
    numbers = list(picked.items)
    parts = split(
        work.snapshot, work.plan.signals, work.plan.kind, work.weights, np.array(numbers, dtype=np.int64)
    )
    scores = np.zeros(len(numbers))
    for part in parts:
        scores += part.values
    reasons = {
        number: reasons_of(
            parts, column, work.gathered.words, int(work.snapshot.shoppers[number]), work.snapshot.title
        )
        if work.request.explain != "none"
        else []
        for column, number in enumerate(numbers)
    }
    paths = await _paths(work, reasons)
    # the order of the float64 sums, unless another one was asked for
    order = range(len(numbers)) if work.request.diversity else np.argsort(-scores, kind="stable").tolist()
    return [
        Recommendation.model_construct(
            rank=rank,
            item_id=work.snapshot.ids[numbers[column]],
            score=float(scores[column]),
            source=source_of(parts, column),
            reasons=reasons[numbers[column]],
            paths=paths.get(numbers[column]),
            fields=_fields(work.request, picked.items[numbers[column]]),
        )
        for rank, column in enumerate(order, start=1)
    ]


async def _paths(work: Work, reasons: dict[int, list[Reason]]) -> dict[int, list[Path]]:
    if work.request.explain != "paths":
        return {}
    ids = work.snapshot.ids
    pairs = [pair for number, found in reasons.items() for pair in path_pairs(ids[number], found)]
    rows = await work.reads.rows(_Q.paths, pairs=pairs) if pairs else []
    ways = {(row["from_id"], row["to_id"]): row for row in rows}
    events = {s.item_id: s.event for s in work.plan.signals.seeds if s.type == "history"}
    user_id = work.request.user_id
    return {number: paths_of(ids[number], found, ways, events, user_id) for number, found in reasons.items()}


def _fields(request: RecommendationRequest, item: LiveItem) -> dict[str, Any]:
    values = dict(zip(request.fields, item.shown, strict=True))
    if "in_stock" in values:
        values["in_stock"] = (
            values["in_stock"] is not False
        )  # as in api.columns: in stock unless said otherwise
    if values.get("released_at") is not None:
        values["released_at"] = int(seconds(values["released_at"]))
    return values
