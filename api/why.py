"""Why an item is recommended, and why another is not."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, Field

from api.answers import Reason
from api.conditions import Id
from api.explain import reasons_of
from api.filters import allowed
from api.problems import ApiError
from api.ranking import score_all, split
from api.reads import Reads
from api.recommender import excluded, live_refusal, prepare
from api.routes import PROBLEMS, KeeperOf, authorised
from api.schemas import RecommendationRequest
from api.serving import Serving

router = APIRouter(prefix="/v1", tags=["explain"], dependencies=[Depends(authorised)], responses=PROBLEMS)


class ExplainRequest(RecommendationRequest):
    """A request for recommendations, and the item to explain in it."""

    item_id: Id = Field(description="The item to explain.", examples=["B004ZT0SSG"])


class Explanation(BaseModel):
    """Where the item stands, and what put it there."""

    item_id: str = Field(description="The item.", examples=["B004ZT0SSG"])
    returned: bool = Field(description="Whether the request would return it.", examples=[False])
    removed_by: str | None = Field(
        description="The filter or exclusion that removes it, whatever it scores.", examples=["price"]
    )
    rank: int | None = Field(
        description="Its place among the items that may be returned; null where it is removed.", examples=[57]
    )
    score: float = Field(description="What it scores.", examples=[3.1])
    needed: float | None = Field(
        description="The score of the last item that is returned; null where fewer are left than wanted.",
        examples=[4.7],
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
    snapshot = serving.snapshot
    number = snapshot.number.get(request.item_id)
    if number is None:
        raise ApiError(404, "unknown-item", f"There is no item {request.item_id!r} in the graph.")
    work = await prepare(request, serving, reads)
    plan, left_out = work.plan, excluded(work)
    mask = allowed(snapshot, work.request.filters, left_out).mask
    scores = score_all(snapshot, plan.signals, plan.kind, work.weights)
    if plan.kind.only_edges:
        mask &= np.isin(np.arange(len(mask)), [edge.number for edge in plan.signals.edges])
    removed = next((reason for reason, ids in left_out.items() if request.item_id in ids), None)
    removed = removed or await live_refusal(work, number)
    if removed is None and not mask[number]:
        removed = "no_edge"
    parts = split(snapshot, plan.signals, plan.kind, work.weights, np.array([number]))
    score = float(sum(part.values[0] for part in parts))
    others = np.sort(scores[mask])[::-1]
    rank = None if removed else int(np.count_nonzero(scores[mask] > scores[number])) + 1
    needed = float(others[request.limit - 1]) if len(others) >= request.limit else None
    returned = rank is not None and rank <= request.limit
    telling = {part.type for part in parts if part.values[0]}
    return Explanation(
        item_id=request.item_id,
        returned=returned,
        removed_by=removed,
        rank=rank,
        score=score,
        needed=needed,
        reasons=reasons_of(parts, 0, work.gathered.words, int(snapshot.shoppers[number]), snapshot.title),
        silent=[name for name in plan.going_by if name not in telling],
        summary=_summary(removed, rank, returned, score, needed),
        model_version=snapshot.version.model,
    )


def _summary(
    removed: str | None, rank: int | None, returned: bool, score: float, needed: float | None
) -> str:
    if removed:
        return f"Removed by {removed}, whatever it scores ({score:.2f})."
    if returned or needed is None:
        return f"Returned at rank {rank} with {score:.2f}."
    return f"Ranks {rank} with {score:.2f}; {needed:.2f} were needed."
