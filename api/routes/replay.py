"""GET /v1/recommendations/{recommendation_id}."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.problems import ApiError
from api.routes.guard import KeeperOf, LedgerOf, guarded
from api.schemas.answers import RecommendationResponse
from kg.feedback.answers import REPLAYED, unpacked
from kg.queries import load

_Q = load("answers")
replays = APIRouter(**guarded, tags=["recommendations"])
_HOURS = int(REPLAYED.total_seconds() // 3600)


@replays.get("/recommendations/{recommendation_id}", response_model=RecommendationResponse)
async def replay(
    recommendation_id: Annotated[
        str,
        Path(description="Of an answer.", examples=["5b1f0f0f6d9c4f0d8a4c6f6f2b7a9e10"], max_length=1_000),
    ],
    keeper: KeeperOf,
    ledger: LedgerOf,
) -> Response:
    """An answer of the last 24 hours as it was given, with its versions, whichever process gave it.

    It is there at once in the process that gave it, and within a second in the others.
    """
    body = ledger.find(recommendation_id)
    if body is None:
        rows = await keeper.reads.rows(
            _Q.find, recommendation_id=recommendation_id, since=datetime.now(UTC) - REPLAYED
        )
        if not rows:
            detail = (
                f"There is no answer {recommendation_id!r}: it was never given, its user was erased, or "
                f"another process gave it within the last second. Answers are kept for {_HOURS} hours."
            )
            raise ApiError(404, "unknown-recommendation", detail)
        if rows[0]["body"] is None:
            detail = (
                f"The answer {recommendation_id!r} was given at {rows[0]['at'].iso_format()}, more than "
                f"{_HOURS} hours ago, and can no longer be replayed."
            )
            raise ApiError(404, "expired-recommendation", detail)
        body = unpacked(rows[0]["body"])
    return Response(body, media_type="application/json")
