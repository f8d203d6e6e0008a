"""POST /v1/events."""

from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter

from api.problems import shown_id
from api.routes.guard import guarded
from api.schemas.events import EventBatch, EventResult, EventResults
from api.writer import WriterOf
from kg.live.event_shape import judged
from kg.live.events import Event, store

events = APIRouter(**guarded, tags=["events"])


@events.post("/events")
async def take(body: EventBatch, writer: WriterOf) -> EventResults:
    """What shoppers did. Once this answers, the next recommendation knows it."""
    now = datetime.now(UTC)
    read = [judged(told, now) for told in body.events]
    good = [event for event in read if isinstance(event, Event)]
    statuses = iter(await writer.transact("events", partial(store, events=good)) if good else ())
    return EventResults(
        results=[
            EventResult(event_id=event.event_id, status=next(statuses))
            if isinstance(event, Event)
            else EventResult(event_id=shown_id(told, "event_id"), status="rejected", reason=event)
            for told, event in zip(body.events, read, strict=True)
        ]
    )
