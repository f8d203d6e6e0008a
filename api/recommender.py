"""One recommendation, from request to answer."""

import time
from collections.abc import Collection
from datetime import UTC, datetime
from math import isnan
from typing import Any, NamedTuple, cast
from uuid import uuid4

import numpy as np

from api.explain import causes, paths_of, reasons_of, source_of, told
from api.filters import LiveItem
from api.gather import gather
from api.paging import shown_by, token_of
from api.picking import Picked, Work, pick, reaches_some
from api.plan import plan_for
from api.ranking.score import Scorer
from api.ranking.signals import Floats
from api.ranking.weights import DEFAULT, RankingWeights
from api.reads import Reads
from api.scenarios.rules import boosts
from api.schemas import FieldName, RecommendationRequest, shopper_of
from api.schemas.answers import (
    ItemFields,
    Path,
    Reason,
    Recommendation,
    RecommendationResponse,
    SourceLeftOut,
)
from api.state.columns import attributes_of, number_of, seconds, text_of
from api.state.served import Serving
from api.state.snapshot import Snapshot
from api.words.understand import Understood, intent_of, understand
from kg.queries import load

_Q = load("api")


class Given(NamedTuple):
    """An answer, and what is kept beside it."""

    response: RecommendationResponse
    kind: str  # as the scenario completed the request
    shopper: str | None  # who asked, as events name them


async def recommend(
    request: RecommendationRequest,
    serving: Serving,
    reads: Reads,
    weights: RankingWeights = DEFAULT,
    taken: Collection[str] = (),
) -> RecommendationResponse:
    """The answer to a request alone; see `give`."""
    return (await give(request, serving, reads, weights, taken)).response


async def give(
    request: RecommendationRequest,
    serving: Serving,
    reads: Reads,
    weights: RankingWeights = DEFAULT,
    taken: Collection[str] = (),
) -> Given:
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
    picked = await pick(work)
    items = await _items(work, picked)
    shown = [*work.shown, *(item.item_id for item in items)]
    token = token_of(shown, work.taken) if picked.more else None
    end = ["There are more items, but pages end here."] if picked.more and token is None else []
    response = RecommendationResponse.model_construct(
        recommendation_id=uuid4().hex,
        model_version=work.snapshot.version.model,
        graph_version=work.snapshot.version.graph,
        scenario=work.placement.name,
        ranking=work.ranking,
        experiment=work.part.experiment,
        arm=work.part.arm,
        intent=work.intent.model_copy(update={"signals": plan.going_by}),
        items=items,
        fallback_used=plan.fallback,
        filtered_out=dict(picked.left_out),
        sources_left_out=[
            SourceLeftOut.model_construct(source=source, reason=reason)
            for source, reason in work.gathered.left_out.items()
        ],
        notes=[*work.notes, *picked.notes, *end],
        next_page_token=token,
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )
    return Given(response, work.request.kind, shopper_of(request.user_id, request.session_id))


async def prepare(
    request: RecommendationRequest,
    serving: Serving,
    reads: Reads,
    weights: RankingWeights = DEFAULT,
    taken: Collection[str] = (),
) -> Work:
    """Find the placement, understand the words, look up what the graph knows, choose the weights."""
    page = shown_by(request.page_token)
    part = serving.part_of(request.scenario, request.user_id, request.session_id)
    serving = serving.taking(part)
    snapshot = serving.snapshot
    placement = serving.scenarios.at(part.scenario)
    completed = placement.completed(request)
    is_word = serving.encoder.is_word if serving.encoder else None
    understood = understand(completed, snapshot, placement.conditions, snapshot.currencies, is_word)
    understood = _at_hand(understood, snapshot)
    asked = understood.request
    learned = serving.learned.at(asked.kind)
    plain = placement.weighed(weights, asked.kind)
    weights = serving.learned.over(weights, asked.kind, words=bool(asked.query))
    weights = placement.weighed(weights, asked.kind)
    gathered = await gather(asked, serving, reads, weights)
    if asked.kind == "for_you" and not gathered.signals.seeds:  # learned beside a past, for a past
        weights, learned = plain, None
    added = boosts(snapshot.table, placement.rules, snapshot.categories)
    gathered = gathered._replace(signals=gathered.signals._replace(boosts=added))
    plan = plan_for(asked, gathered, snapshot, weights)
    encoder = serving.encoder.name if serving.encoder else None
    work = Work(
        asked,
        snapshot,
        reads,
        weights,
        gathered,
        plan,
        Scorer(snapshot, plan.signals, plan.kind, weights),
        page.shown,
        [*page.elsewhere, *taken],
        understood,
        intent_of(request.query, understood, gathered, snapshot, encoder),
        placement,
        part,
        learned.learned_at if learned else None,
    )
    return work if reaches_some(work) else _without_edges(work)


def _without_edges(work: Work) -> Work:
    """With what stands in for a kind none of whose edges leads to an item that may be returned."""
    gathered = work.gathered._replace(signals=work.gathered.signals._replace(edges=()))
    plan = plan_for(work.request, gathered, work.snapshot, work.weights)
    reason = f"No {work.request.kind.upper()} edge of the items named leads to an item that may be returned."
    if plan.fallback is not None:
        plan = plan._replace(fallback=plan.fallback.model_copy(update={"reason": reason}))
    scorer = Scorer(work.snapshot, plan.signals, plan.kind, work.weights)
    return work._replace(gathered=gathered, plan=plan, scorer=scorer)


def _at_hand(understood: Understood, snapshot: Snapshot) -> Understood:
    """Instead of an item that is sold out, items in stock, unless the request says which it wants."""
    request = understood.request
    if request.kind != "substitutes" or request.filters.in_stock is not None:
        return understood
    known = [item_id for item_id in request.item_ids if item_id in snapshot.number]
    gone = next((i for i in known if not snapshot.columns.in_stock[snapshot.number[i]]), None)
    if gone is None:
        return understood
    filters = request.filters.model_copy(update={"in_stock": True})
    note = f"{snapshot.title(gone) or gone!r} is out of stock: only substitutes in stock."
    return understood._replace(
        request=request.model_copy(update={"filters": filters}), notes=[*understood.notes, note]
    )


async def _items(work: Work, picked: Picked) -> list[Recommendation]:
    numbers = list(picked.items)
    parts = work.scorer.split(np.array(numbers, dtype=np.int64))
    found = told(parts, len(numbers))
    scores = found.values.sum(axis=0)
    reasons = {
        number: reasons_of(
            found, column, work.gathered.words, int(work.snapshot.shoppers[number]), work.snapshot.title
        )
        if work.request.explain != "none"
        else []
        for column, number in enumerate(numbers)
    }
    paths = await _paths(work, reasons)
    return [
        Recommendation.model_construct(
            rank=rank,
            item_id=work.snapshot.ids[numbers[column]],
            score=float(scores[column]),
            source=source_of(found, column),
            reasons=reasons[numbers[column]],
            paths=paths.get(numbers[column]),
            pinned_by=picked.pinned.get(numbers[column]),
            fields=_fields(work.request, picked.items[numbers[column]]),
        )
        for rank, column in enumerate(order_of(work, picked, scores), start=1)
    ]


def order_of(work: Work, picked: Picked, scores: Floats) -> list[int]:
    """Places among the items picked, in the order of the float64 sums unless another one was asked for."""
    order = list(range(len(scores)))
    if work.request.diversity:
        return order
    free = [place for place, number in enumerate(picked.items) if number not in picked.pinned]
    best = sorted(free, key=lambda place: -scores[place])
    for place, item in zip(free, best, strict=True):
        order[place] = item
    return order


async def _paths(work: Work, reasons: dict[int, list[Reason]]) -> dict[int, list[Path]]:
    if work.request.explain != "paths":
        return {}
    ids = work.snapshot.ids
    shown = ((ids[number], causes(ids[number], found)) for number, found in reasons.items())
    pairs = [[c.item_id, item_id] for item_id, found in shown for c in found if c.item_id is not None]
    slot = work.snapshot.version.slot
    rows = await work.reads.rows(_Q.paths, pairs=pairs, slot=slot) if pairs else []
    ways = {(row["from_id"], row["to_id"]): row for row in rows}
    events = {s.item_id: s.event for s in work.plan.signals.seeds if s.type == "history"}
    shopper = work.request.past_of
    return {
        number: paths_of(ids[number], found, ways, events, shopper, slot) for number, found in reasons.items()
    }


def _fields(request: RecommendationRequest, item: LiveItem) -> ItemFields:
    shown = zip(request.fields, item.shown, strict=True)
    return cast(ItemFields, {name: _field(name, value) for name, value in shown})


def _field(name: FieldName, value: Any) -> Any:
    """As api.state.columns reads it."""
    match name:
        case "price" | "list_price":
            return None if isnan(price := number_of(value)) else price
        case "in_stock":
            return value is not False
        case "released_at":
            at = seconds(value)
            return None if isnan(at) else datetime.fromtimestamp(int(at), UTC)
        case "categories":
            return value if isinstance(value, list) else None
        case "attributes":
            return attributes_of(value)
        case _:
            return text_of(value)
