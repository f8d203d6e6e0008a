"""The HTTP route of audiences: as one JSON document, or as JSON lines for large ones."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.audience import Goal, Member, blocks, find_audience, goal_of_item, goal_of_need, goal_of_text
from api.filters import allowed
from api.gather import compared, seeds_of
from api.problems import ApiError, bad_field
from api.ranking.weights import DEFAULT
from api.reads import Reads
from api.routes.guard import KeeperOf, guarded
from api.schemas import RecommendationRequest
from api.schemas.audience import AudienceMember, AudienceReason, AudienceRequest, AudienceResponse
from api.state.served import Serving
from api.state.snapshot import Snapshot
from api.words.intent import meaning
from api.words.needs import need_of
from api.words.scope import ASTRAY
from api.words.understand import understand
from kg.queries import load

_Q = load("api")
_LINES = "application/x-ndjson"
_MOST_AS_DOCUMENT = 1_000  # members; more come as lines
_CHUNK = 1_000  # lines sent at once
router = APIRouter(**guarded, tags=["audiences"])


@router.post(
    "/audiences",
    response_model=AudienceResponse,
    responses={200: {"content": {_LINES: {"schema": {"$ref": "#/components/schemas/AudienceMember"}}}}},
)
async def audiences(
    body: AudienceRequest,
    keeper: KeeperOf,
    request: Request,
    accept: Annotated[
        str, Header(description="application/x-ndjson: a line for each user.", examples=[_LINES])
    ] = "*/*",
) -> Response:
    """The users whom an item or a need suits best, best first: for launches, campaigns, advertisements.

    More than 1,000 come as JSON lines in any case, with the versions in the headers X-Model-Version and
    X-Graph-Version, and the notes as a JSON list in X-Notes. Requests are worked on one after another.
    """
    started = time.perf_counter()
    serving = keeper.serving
    snapshot = serving.snapshot
    goal, notes = await _goal(body, serving, keeper.reads)
    async with request.app.state.audience_turn:
        members, scored = await asyncio.to_thread(
            find_audience, keeper.graph, snapshot, goal, body.limit, body.exclude_buyers, DEFAULT
        )
    version = snapshot.version
    if _LINES in accept or body.limit > _MOST_AS_DOCUMENT:
        headers = {"X-Model-Version": version.model, "X-Graph-Version": version.graph}
        headers["X-Notes"] = json.dumps(notes)  # in ASCII
        return StreamingResponse(_lines(members, snapshot), media_type=_LINES, headers=headers)
    answer = AudienceResponse(
        model_version=version.model,
        graph_version=version.graph,
        stands_for=list(goal.item_ids),
        notes=notes,
        users_scored=scored,
        members=[_shown(member, snapshot) for member in members],
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )
    return Response(answer.model_dump_json(), media_type="application/json")


async def _goal(body: AudienceRequest, serving: Serving, reads: Reads) -> tuple[Goal, list[str]]:
    words = " ".join((body.query or "").split())
    if sum(map(bool, (body.item_id, body.intent_id, words))) != 1:
        raise bad_field("item_id", body.item_id, "an item_id, an intent_id or a query, and one of them alone")
    notes: list[str] = []
    if body.item_id:
        goal = await _of_item(body.item_id, serving.snapshot, reads)
    elif body.intent_id:
        goal = await _of_intent(body.intent_id, serving.snapshot, reads)
    else:
        goal, notes = await _of_words(words, serving)
    if goal is None:
        steps = "shopgraph graph encode, shopgraph gnn train, shopgraph gnn write-back"
        raise ApiError(503, "no-vectors", f"There are no learned vectors to go by. Run: {steps}")
    return goal, notes


async def _of_item(item_id: str, snapshot: Snapshot, reads: Reads) -> Goal | None:
    if item_id in snapshot.number:
        return goal_of_item(snapshot, snapshot.number[item_id], DEFAULT.alike_temperature)
    (found,) = await seeds_of([item_id], snapshot, reads)
    goal = goal_of_text(snapshot, found.text, DEFAULT.alike_temperature)
    return goal and goal._replace(item_ids=(item_id,))


async def _of_intent(intent_id: str, snapshot: Snapshot, reads: Reads) -> Goal | None:
    need = await need_of(intent_id, snapshot, reads)
    if need is None:
        raise ApiError(404, "unknown-intent", f"There is no intent {intent_id!r} with items in the graph.")
    return goal_of_need(snapshot, need)


async def _of_words(words: str, serving: Serving) -> tuple[Goal | None, list[str]]:
    """What stands for words is what a search for them might return: prices and negations hold."""
    encoder, snapshot = serving.encoder, serving.snapshot
    if encoder is None:
        raise ApiError(503, "no-encoder", f"The query cannot be read: {serving.encoder_problem}")

    def found() -> tuple[Goal | None, list[str]]:
        search = RecommendationRequest(query=words, kind="search")
        understood = understand(search, snapshot, currencies=snapshot.currencies, is_word=encoder.is_word)
        asked = understood.request
        if asked.query is None:
            raise bad_field("query", words, "words that name what is to be liked; these set conditions alone")
        may = allowed(snapshot, asked.filters, {"refused": understood.refused}).mask
        said = compared(asked.query, encoder.encode, snapshot)
        notes = [*understood.notes, *([ASTRAY] if meaning(snapshot, asked.query, said).out_of_scope else [])]
        goal = goal_of_text(snapshot, said.vector, DEFAULT.words_temperature, may)
        if goal is None and snapshot.target.any():
            raise bad_field("query", words, "conditions that some item meets which the model knows")
        return goal, notes

    return await asyncio.to_thread(found)


def _lines(members: Sequence[Member], snapshot: Snapshot) -> Iterator[str]:
    for chunk in blocks(members, _CHUNK):
        yield "".join(_shown(member, snapshot).model_dump_json() + "\n" for member in chunk)


def _shown(member: Member, snapshot: Snapshot) -> AudienceMember:
    reason = AudienceReason(
        item_id=member.item_id,
        title=snapshot.title(member.item_id),
        event=member.event,
        contribution=member.contribution,
    )
    return AudienceMember(user_id=member.user_id, score=member.score, reason=reason)
