"""Recommendations over HTTP, one or several at once, and the models that they come from."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.batch import recommend_each
from api.ledger import Ledger
from api.recommender import Given, give
from api.routes.guard import KeeperOf, LedgerOf, admitting
from api.schemas import BatchRequest, Options, RecommendationRequest, RelatedOptions
from api.schemas.answers import (
    BatchResponse,
    ModelInfo,
    ModelList,
    RecommendationResponse,
)
from api.schemas.conditions import Id
from api.state.serving import Keeper
from kg.queries import load

_Q = load("api")
v1 = APIRouter(**admitting)


@v1.post("/recommendations", tags=["recommendations"], response_model=RecommendationResponse)
async def recommendations(body: RecommendationRequest, keeper: KeeperOf, ledger: LedgerOf) -> Response:
    """Items for a user, a session, an item, words, or any of these together."""
    return await _answer(body, keeper, ledger)


@v1.post("/recommendations:batch", tags=["recommendations"], response_model=BatchResponse)
async def batch(request: Request, body: BatchRequest, keeper: KeeperOf, ledger: LedgerOf) -> Response:
    """Several recommendations in one call, without an item twice; one that fails does so by itself."""
    answers = await recommend_each(body, keeper.serving, keeper.reads, request.url.path)
    bodies = (kept(a, ledger) if isinstance(a, Given) else a.model_dump_json() for a in answers)
    return Response(f'{{"answers":[{",".join(bodies)}]}}', media_type="application/json")


@v1.get(
    "/users/{user_id:path}/recommendations", tags=["recommendations"], response_model=RecommendationResponse
)
async def for_user(
    user_id: Annotated[Id, Path(description="The shopper.", examples=["A1YJEY40YUW4SE"])],
    options: Annotated[Options, Query()],
    keeper: KeeperOf,
    ledger: LedgerOf,
) -> Response:
    """Items for a user."""
    return await _answer(options.request(None, user_id, []), keeper, ledger)


@v1.get("/items/{item_id:path}/related", tags=["recommendations"], response_model=RecommendationResponse)
async def related(
    item_id: Annotated[Id, Path(description="The item looked at.", examples=["B004ZT0SSG"])],
    options: Annotated[RelatedOptions, Query()],
    keeper: KeeperOf,
    ledger: LedgerOf,
) -> Response:
    """Items similar to an item, bought with it, going with it or able to replace it."""
    serving = keeper.serving
    part = serving.part_of(options.scenario, options.user_id, options.session_id)
    placement = serving.scenarios.at(part.scenario)
    own = placement.scenario.kind if placement.scenario and "kind" not in options.model_fields_set else None
    request = options.request(own or options.kind, options.user_id, [item_id])
    return await _answer(request, keeper, ledger)


@v1.get("/models", tags=["models"])
async def models(keeper: KeeperOf) -> ModelList:
    """The published models and which of them is live."""
    rows = await keeper.reads.rows(_Q.models)
    return ModelList(
        models=[
            ModelInfo(
                version=row["version"],
                live="live" in row["aliases"],
                slot=row["slot"],
                dim=row["dim"],
                temperature=row["temperature"],
                trained_at=row["trained_at"],
                metrics=json.loads(row["metrics"] or "{}"),
            )
            for row in rows
        ]
    )


def kept(given: Given, ledger: Ledger) -> str:
    """The JSON of an answer, which the ledger keeps."""
    # serialised here: checking our own answer against the schema once more would double the time
    body = given.response.model_dump_json()
    ledger.add(given, body)
    return body


async def _answer(body: RecommendationRequest, keeper: Keeper, ledger: Ledger) -> Response:
    given = await give(body, keeper.serving, keeper.reads)
    return Response(kept(given, ledger), media_type="application/json")
