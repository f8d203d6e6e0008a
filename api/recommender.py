"""One recommendation, from request to answer."""

import time
from collections import Counter
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from api.columns import seconds
from api.explain import path_pairs, paths_of, reasons_of, source_of
from api.filters import LiveItem, allowed, refusal
from api.gather import Gathered, gather
from api.plan import Plan, plan_for
from api.ranking import Part, ranked, score_all, split
from api.reads import Reads
from api.schemas import (
    FieldName,
    Intent,
    Path,
    Reason,
    Recommendation,
    RecommendationRequest,
    RecommendationResponse,
)
from api.serving import Serving
from api.snapshot import Snapshot
from api.weights import DEFAULT, RankingWeights
from kg.queries import load

_Q = load("api")
_SPARE = 5  # candidates looked up beyond the limit, should some no longer comply
_PROPERTY: dict[FieldName, str] = {"in_stock": "inStock", "released_at": "releasedAt"}


class Picked(NamedTuple):
    """The items to return."""

    numbers: list[int]
    rows: dict[int, LiveItem]
    left_out: Counter[str]
    notes: list[str]


async def recommend(
    request: RecommendationRequest, serving: Serving, reads: Reads, weights: RankingWeights = DEFAULT
) -> RecommendationResponse:
    """Answer a request from one snapshot and the graph's current edges.

    Raises:
        ApiError: the request cannot be answered: an unknown item, a missing field, no encoder.
        GraphError: the graph does not answer.
    """
    started = time.perf_counter()
    gathered = await gather(request, serving, reads, weights)
    plan = plan_for(request, gathered, weights)
    picked = await _pick(request, serving.snapshot, gathered, plan, reads, weights)
    items = await _items(request, serving.snapshot, gathered, plan, picked, reads, weights)
    version = serving.snapshot.version
    encoder = serving.encoder.name if serving.encoder and gathered.words else None
    return RecommendationResponse.model_construct(
        recommendation_id=uuid4().hex,
        model_version=version.model,
        graph_version=version.graph,
        intent=Intent.model_construct(
            query=request.query, words=gathered.words, encoder=encoder, signals=plan.going_by
        ),
        items=items,
        fallback_used=plan.fallback,
        filtered_out=dict(picked.left_out),
        notes=[*gathered.notes, *picked.notes],
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )


async def _pick(
    request: RecommendationRequest,
    snapshot: Snapshot,
    gathered: Gathered,
    plan: Plan,
    reads: Reads,
    weights: RankingWeights,
) -> Picked:
    """The best items that comply, checked against the graph as it is now."""
    verdict = allowed(snapshot, request.filters, looked_at=request.item_ids, seen=_seen(request, gathered))
    mask = verdict.mask
    if plan.kind.only_edges:
        mask = mask & np.isin(np.arange(len(mask)), [e.number for e in plan.signals.edges])
    scores = score_all(snapshot, plan.signals, plan.kind, weights)
    categories = snapshot.categories.resolve(request.filters.category)
    picked = Picked([], {}, Counter(verdict.left_out), list(verdict.notes))
    wanted = request.limit + _SPARE
    for batch in ranked(scores, mask, wanted):
        for start in range(0, len(batch), wanted):
            numbers = batch[start : start + wanted].tolist()
            rows = await _live(request, snapshot, numbers, reads)
            for number in numbers:
                row = rows.get(snapshot.ids[number])
                reason = "deleted" if row is None else refusal(row, request.filters, categories)
                if row is not None and reason is None:
                    picked.numbers.append(number)
                    picked.rows[number] = row
                    if len(picked.numbers) == request.limit:
                        return picked
                elif reason is not None:
                    picked.left_out[reason] += 1
    picked.notes.append(_fewer(request, picked, plan))
    return picked


def _seen(request: RecommendationRequest, gathered: Gathered) -> set[str]:
    exclude = request.kind == "for_you" if request.exclude_seen is None else request.exclude_seen
    if not exclude:
        return set()
    return {*request.session_items, *(gathered.past.bought if gathered.past else ())}


async def _live(
    request: RecommendationRequest, snapshot: Snapshot, numbers: list[int], reads: Reads
) -> dict[str, LiveItem]:
    items = await reads.one_list(
        _Q.live_items,
        item_ids=[snapshot.ids[n] for n in numbers],
        properties=[_PROPERTY.get(f, f) for f in request.fields],
        with_categories=bool(request.filters.category),
    )
    return {item[0]: LiveItem(*item) for item in items}


def _fewer(request: RecommendationRequest, picked: Picked, plan: Plan) -> str:
    found = f"{len(picked.numbers)} of {request.limit} items"
    if plan.kind.only_edges:
        return f"{found}: the graph has no more {request.kind.upper()} edges to items that may be returned."
    causes = ", ".join(f"{reason} {n:,}" for reason, n in picked.left_out.most_common())
    return f"{found}: no other item is left in the shop (left out: {causes or 'none'})."


async def _items(
    request: RecommendationRequest,
    snapshot: Snapshot,
    gathered: Gathered,
    plan: Plan,
    picked: Picked,
    reads: Reads,
    weights: RankingWeights,
) -> list[Recommendation]:
    numbers = np.array(picked.numbers, dtype=np.int64)
    parts = split(snapshot, plan.signals, plan.kind, weights, numbers)
    scores = np.zeros(len(numbers))
    for part in parts:
        scores += part.values
    order = np.argsort(-scores, kind="stable")
    reasons = {int(c): _reasons(request, snapshot, gathered, parts, int(c), int(numbers[c])) for c in order}
    paths = await _paths(request, snapshot, gathered, numbers.tolist(), reasons, reads)
    return [
        Recommendation.model_construct(
            rank=rank,
            item_id=snapshot.ids[numbers[c]],
            score=float(scores[c]),
            source=source_of(parts, int(c)) if parts else "popularity",
            reasons=reasons[int(c)],
            paths=paths.get(int(c)),
            fields=_fields(request, picked.rows[int(numbers[c])]),
        )
        for rank, c in enumerate(order, start=1)
    ]


def _reasons(
    request: RecommendationRequest,
    snapshot: Snapshot,
    gathered: Gathered,
    parts: list[Part],
    column: int,
    number: int,
) -> list[Reason]:
    if request.explain == "none":
        return []
    return reasons_of(parts, column, gathered.words, int(snapshot.shoppers[number]), snapshot.title)


async def _paths(
    request: RecommendationRequest,
    snapshot: Snapshot,
    gathered: Gathered,
    numbers: list[int],
    reasons: dict[int, list[Reason]],
    reads: Reads,
) -> dict[int, list[Path]]:
    if request.explain != "paths":
        return {}
    ids = [snapshot.ids[n] for n in numbers]
    pairs = [pair for column, found in reasons.items() for pair in path_pairs(ids[column], found)]
    rows = await reads.rows(_Q.paths, pairs=pairs) if pairs else []
    found_ways = {(row["from_id"], row["to_id"]): row for row in rows}
    events = {s.item_id: s.event for s in gathered.signals.seeds if s.type == "history"}
    return {
        column: paths_of(ids[column], found, found_ways, events, request.user_id)
        for column, found in reasons.items()
    }


def _fields(request: RecommendationRequest, row: LiveItem) -> dict[str, Any]:
    values = dict(zip(request.fields, row.shown, strict=True))
    if "in_stock" in values:
        values["in_stock"] = row.in_stock
    if values.get("released_at") is not None:
        values["released_at"] = int(seconds(values["released_at"]))
    return values
