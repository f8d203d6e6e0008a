"""The HTTP routes of version 1."""

import json
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.admission import admitted
from api.batch import recommend_each
from api.ledger import Ledger, ledger_of
from api.problems import ApiError
from api.recommender import Given, give
from api.schemas import BatchRequest, Options, RecommendationRequest, RelatedOptions
from api.schemas.answers import (
    BatchResponse,
    Health,
    ModelInfo,
    ModelList,
    Problem,
    Ready,
    RecommendationResponse,
)
from api.state.serving import Keeper
from api.state.version import check_model
from kg.queries import load

_Q = load("api")
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
    for status, text in (
        (401, "The key is missing or wrong."),
        (404, "No such item."),
        (422, "A field has a bad value; the document names it."),
        (500, "The API failed; its log has the trace."),
        (
            503,
            "The graph, the model or the encoder is missing, or too much is asked; it says what to do.",
        ),
    )
}
_bearer = HTTPBearer(auto_error=False, description="The key in SHOPGRAPH_API_KEY, where one is set.")


def keeper_of(request: Request) -> Keeper:
    """The process's snapshot keeper."""
    keeper: Keeper = request.app.state.keeper
    return keeper


def authorised(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Let through who carries the key, and everybody where no key is set."""
    key = request.app.state.settings.api_key
    if key is None:
        return
    if given is None or not secrets.compare_digest(
        given.credentials.encode(), key.get_secret_value().encode()
    ):
        detail = "Send the key of SHOPGRAPH_API_KEY as 'Authorization: Bearer <key>'."
        raise ApiError(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})


KeeperOf = Annotated[Keeper, Depends(keeper_of)]
LedgerOf = Annotated[Ledger, Depends(ledger_of)]
guarded: dict[str, Any] = {"prefix": "/v1", "dependencies": [Depends(authorised)], "responses": PROBLEMS}
# Of what takes computing.
admitting: dict[str, Any] = guarded | {"dependencies": [Depends(authorised), Depends(admitted)]}
v1 = APIRouter(**admitting)
health = APIRouter(tags=["health"], responses={500: PROBLEMS[500]})


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
    user_id: Annotated[str, Path(description="The shopper.", examples=["A1YJEY40YUW4SE"], max_length=512)],
    options: Annotated[Options, Query()],
    keeper: KeeperOf,
    ledger: LedgerOf,
) -> Response:
    """Items for a user."""
    return await _answer(options.request(None, user_id, []), keeper, ledger)


@v1.get("/items/{item_id:path}/related", tags=["recommendations"], response_model=RecommendationResponse)
async def related(
    item_id: Annotated[str, Path(description="The item looked at.", examples=["B004ZT0SSG"], max_length=512)],
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


@health.get("/healthz")
async def healthz() -> Health:
    """Whether the process is up."""
    return Health()


@health.get("/readyz", responses={503: PROBLEMS[503]})
async def readyz(keeper: KeeperOf, ledger: LedgerOf) -> Ready:
    """Whether the API can answer: the graph answers, a model is live and in memory, words can be read."""
    await keeper.reads.rows(_Q.ping)
    serving = keeper.serving
    if serving.encoder is None:
        raise ApiError(503, "no-encoder", f"Words cannot be read: {serving.encoder_problem}")
    version = serving.snapshot.version
    check_model(version)
    return Ready(
        model_version=version.model,
        graph_version=version.graph,
        items=len(serving.snapshot.ids),
        encoder=serving.encoder.name,
        answers_dropped=ledger.dropped,
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
