"""The HTTP route of explanations."""

from typing import Annotated

from fastapi import APIRouter, Body

from api.routes.guard import KeeperOf, admitting
from api.schemas.why import ExplainRequest, Explanation
from api.why import explained

router = APIRouter(**admitting, tags=["explain"])


@router.post("/explain")
async def explain(
    body: Annotated[ExplainRequest, Body(description="The request and the item.")], keeper: KeeperOf
) -> Explanation:
    """Why this item, or why not: the filter that removes it, or its rank, and the score that it lacks."""
    return await explained(body, keeper.serving, keeper.reads)
