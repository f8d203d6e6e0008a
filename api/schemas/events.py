"""Events over HTTP."""

from typing import Any

from pydantic import ConfigDict, Field, SkipValidation, model_validator

from api.schemas.conditions import Strict
from api.schemas.results import EventResult, EventResults
from kg.live.event_shape import Event

__all__ = ["EventBatch", "EventResult", "EventResults"]
MOST_EVENTS = 1_000  # of one request


def _or_one(schema: dict[str, Any]) -> None:
    """Tell in the schema that an event alone will do."""
    one = dict(schema["properties"]["events"]["items"])
    batch = {key: schema.pop(key) for key in ("type", "properties", "required", "additionalProperties")}
    schema["anyOf"] = [batch, one]


class EventBatch(Strict):
    """Events, or one event as it is; each is judged by itself."""

    model_config = ConfigDict(json_schema_extra=_or_one)

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
