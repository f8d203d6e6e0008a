"""Events over HTTP."""

from typing import Any, Literal

from pydantic import Field, SkipValidation, model_validator

from api.conditions import Strict
from kg.told import Event

MOST_EVENTS = 1_000  # of one request


class EventBatch(Strict):
    """Events, or one event as it is; each is judged by itself."""

    events: list[SkipValidation[Event]] = Field(
        min_length=1,
        max_length=MOST_EVENTS,
        description="In any order.",
        examples=[[{"event_id": "1", "type": "view", "user_id": "A1YJEY40YUW4SE", "item_id": "B004756YJA"}]],
    )

    @model_validator(mode="before")
    @classmethod
    def _one(cls, body: Any) -> Any:
        return {"events": [body]} if isinstance(body, dict) and "type" in body else body


class EventResult(Strict):
    """What became of an event."""

    event_id: str | None = Field(description="As given.", examples=["order-17-line-2"])
    status: Literal["accepted", "duplicate", "pending", "rejected"] = Field(
        description="pending: kept until its item comes. rejected: not kept; correct it and send it again.",
        examples=["accepted"],
    )
    reason: str | None = Field(None, description="Why it was rejected.", examples=["item_id is missing"])


class EventResults(Strict):
    """What became of the events, in their order. What is not rejected is in the graph."""

    results: list[EventResult] = Field(
        description="One an event.", examples=[[{"event_id": "1", "status": "accepted", "reason": None}]]
    )
