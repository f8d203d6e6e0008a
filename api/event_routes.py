"""POST /v1/events."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError

from api.event_schemas import Event, EventBatch, EventResult, EventResults
from api.problems import reason_of, shown_id
from api.routes import guarded
from api.writer import WriterOf
from kg.events import store

events = APIRouter(**guarded, tags=["events"])


@events.post("/events")
async def take(body: EventBatch, writer: WriterOf) -> EventResults:
    """What shoppers did. Once this answers, the next recommendation knows it."""
    now = datetime.now(UTC)
    judged = [_judge(told) for told in body.events]
    good = [told.event(now) for told in judged if isinstance(told, Event)]
    statuses = iter(await writer.transact("events", partial(store, events=good)) if good else ())
    return EventResults(
        results=[
            EventResult(event_id=told.event_id, status=next(statuses)) if isinstance(told, Event) else told
            for told in judged
        ]
    )


def _judge(told: Any) -> Event | EventResult:
    try:
        return Event.model_validate(told)
    except ValidationError as error:
        return EventResult(event_id=shown_id(told, "event_id"), status="rejected", reason=reason_of(error))
