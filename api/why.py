"""Why an item is recommended, and why another is not."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from api.answers import Reason
from api.conditions import Id
from api.explain import reasons_of, told
from api.filters import allowed
from api.picking import excluded, live_refusal, pinned, with_edges
from api.problems import ApiError
from api.reads import Reads
from api.recommender import prepare
from api.routes import KeeperOf, admitting
from api.rules import position_of
from api.schemas import RecommendationRequest
from api.served import Serving
from api.signals import Boost, Part

router = APIRouter(**admitting, tags=["explain"])


class ExplainRequest(RecommendationRequest):
    """A request for recommendations, and the item to explain in it."""

    item_id: Id = Field(description="The item to explain.", examples=["B004ZT0SSG"])


class Explanation(BaseModel):
    """Where the item stands, and what put it there."""

    item_id: str = Field(description="The item.", examples=["B004ZT0SSG"])
    returned: bool = Field(description="Whether the request would return it.", examples=[False])
    removed_by: str | None = Field(
        description="The filter, the exclusion or the rule (rule.<rule_id>) that removes it, whatever it "
        "scores.",
        examples=["price"],
    )
    rank: int | None = Field(
        description="Its place among the items that may be returned; null where it is removed.", examples=[57]
    )
    score: float = Field(description="What it scores.", examples=[3.1])
    needed: float | None = Field(
        description="The score of the last item that is returned; null where fewer are left than wanted.",
        examples=[4.7],
    )
    pinned_by: str | None = Field(
        None, description="The rule that puts it at its rank, if one.", examples=["december-acme"]
    )
    reasons: list[Reason] = Field(description="The parts of its score.", examples=[[]])
    silent: list[str] = Field(
        description="What the ranking went by that adds nothing to this item.", examples=[["words"]]
    )
    summary: str = Field(description="The answer as a sentence.", examples=["Ranks 57; 4.70 were needed."])
    model_version: str = Field(description="The model whose vectors scored.", examples=["20261123-070000"])


@router.post("/explain")
async def explain(
    body: Annotated[ExplainRequest, Body(description="The request and the item.")], keeper: KeeperOf
) -> Explanation:
    """Why this item, or why not: the filter that removes it, or its rank, and the score that it lacks."""
    return await explained(body, keeper.serving, keeper.reads)


async def explained(request: ExplainRequest, serving: Serving, reads: Reads) -> Explanation:
    """Score the item as the request would.

    Raises:
        ApiError: there is no such item, or the request cannot be answered.
    """
    number = serving.snapshot.number.get(request.item_id)
    if number is None:
        raise ApiError(404, "unknown-item", f"There is no item {request.item_id!r} in the graph.")
    work = await prepare(request, serving, reads)
    snapshot, plan, left_out = work.snapshot, work.plan, excluded(work)
    complying = allowed(snapshot, work.request.filters, left_out, work.placement.conditions).mask
    scores = work.scorer.all
    places = await pinned(work, complying, Counter())
    place, pin = next(((p, pin) for p, pin in places.items() if pin.number == number), (None, None))
    mask = with_edges(work, complying)
    mask[[p.number for p in places.values()]] = False
    removed = next((reason for reason, ids in left_out.items() if request.item_id in ids), None)
    removed = removed or await live_refusal(work, number)
    if removed is None and not mask[number] and pin is None:
        removed = "no_edge"
    parts = work.scorer.split(np.array([number]))
    score = float(sum(part.values[0] for part in parts))
    others = np.sort(scores[mask])[::-1]
    better = int(np.count_nonzero(scores[mask] > scores[number]))
    rank = None if removed else _rank(place, places, better, len(others))
    room = request.limit - sum(p <= request.limit for p in places)  # beside what is pinned
    needed = float(others[room - 1]) if 0 < room <= len(others) else None
    returned = rank is not None and rank <= request.limit
    telling = {part.type for part in parts if part.values[0]}
    return Explanation(
        item_id=request.item_id,
        returned=returned,
        removed_by=removed,
        rank=rank,
        score=score,
        needed=needed,
        pinned_by=pin.rule_id if pin else None,
        reasons=reasons_of(
            told(parts, 1), 0, work.gathered.words, int(snapshot.shoppers[number]), snapshot.title
        ),
        silent=[name for name in plan.going_by if name not in telling],
        summary=_summary(removed, rank, returned, score, needed) + _by_rules(pin and pin.rule_id, parts),
        model_version=snapshot.version.model,
    )


def _rank(place: int | None, places: Collection[int], better: int, others: int) -> int:
    """The place of an item that is pinned, or that `better` of the `others` come before."""
    if place is None:
        return position_of(better, places)
    return min(place, others + sorted(places).index(place) + 1)


def _summary(
    removed: str | None, rank: int | None, returned: bool, score: float, needed: float | None
) -> str:
    if removed:
        return f"Removed by {removed}, whatever it scores ({score:.2f})."
    if returned:
        return f"Returned at rank {rank} with {score:.2f}."
    if needed is None:
        return f"Ranks {rank} with {score:.2f}; rules pin what comes before."
    return f"Ranks {rank} with {score:.2f}; {needed:.2f} were needed."


def _by_rules(pinned_by: str | None, parts: Sequence[Part]) -> str:
    """What rules did to the item, as further sentences."""
    pin = f" Pinned there by the rule {pinned_by!r}." if pinned_by else ""
    boosts = ((p.cause.text, p.values[0]) for p in parts if isinstance(p.cause, Boost) and p.values[0])
    return pin + "".join(f" {text[:-1]} ({value:+.2f})." for text, value in boosts)
