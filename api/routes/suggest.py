"""The HTTP route of suggestions."""

import time
from typing import Annotated

from fastapi import APIRouter, Query

from api.routes.guard import KeeperOf, guarded
from api.schemas.suggest import Suggestion, SuggestOptions, SuggestResponse

router = APIRouter(**guarded, tags=["search"])


@router.get("/suggest")
async def suggest(options: Annotated[SuggestOptions, Query()], keeper: KeeperOf) -> SuggestResponse:
    """Completions and next keywords as one types, from titles, categories, brands, intents; best first."""
    started = time.perf_counter()
    found = keeper.suggester.suggest(options.q, options.limit)
    return SuggestResponse(
        suggestions=[Suggestion(text=e.text, kind=e.kind, items=e.items) for e in found],
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )
