"""The HTTP route of trends."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query

from api.problems import ApiError
from api.routes.guard import KeeperOf, guarded
from api.schemas.trends import HotCategory, TrendOptions, TrendResponse
from api.trends import hot_categories

router = APIRouter(**guarded, tags=["recommendations"])


@router.get("/trends")
async def trends(options: Annotated[TrendOptions, Query()], keeper: KeeperOf) -> TrendResponse:
    """Categories in which most happens lately, or more than usual. Hot items: the kind `trending`."""
    started = time.perf_counter()
    snapshot = keeper.serving.snapshot
    wanted, categories = options.category, snapshot.categories
    if wanted is not None and not categories.resolve([wanted]):
        raise ApiError(404, "unknown-category", f"There is no category {wanted!r} in the graph.")
    found = await asyncio.to_thread(hot_categories, snapshot, wanted)
    found.sort(key=lambda category: getattr(category, options.by) or 0.0, reverse=True)
    return TrendResponse(
        categories=[
            HotCategory(
                category_id=c.category_id,
                name=categories.names[c.category_id],
                heat=round(c.heat, 3),
                rise=round(c.rise, 3),
                season=c.season,
                items=c.items,
            )
            for c in found[: options.limit]
        ],
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )
