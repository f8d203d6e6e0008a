"""What became of what was written over HTTP."""

from typing import Literal

from pydantic import Field

from api.schemas.conditions import Strict


class EventResult(Strict):
    """What became of an event."""

    event_id: str | None = Field(description="As given.", examples=["order-17-line-2"])
    status: Literal["accepted", "duplicate", "pending", "erased", "rejected"] = Field(
        description="pending: kept until its item comes. erased: not kept, its user was erased after it. "
        "rejected: not kept; correct it and send it again.",
        examples=["accepted"],
    )
    reason: str | None = Field(None, description="Why it was rejected.", examples=["item_id is missing"])


class EventResults(Strict):
    """What became of the events, in their order. What is neither erased nor rejected is in the graph."""

    results: list[EventResult] = Field(
        description="One an event.", examples=[[{"event_id": "1", "status": "accepted", "reason": None}]]
    )


class ItemResult(Strict):
    """What became of an item."""

    item_id: str | None = Field(description="As given.", examples=["B004756YJA"])
    status: Literal["created", "changed", "deleted", "unknown", "rejected"] = Field(
        description="unknown: there is no such item to change or delete.", examples=["created"]
    )
    reason: str | None = Field(
        None, description="Why it was rejected.", examples=["price is less than 0: -1"]
    )
    attached_events: int = Field(0, description="Events that had waited for it.", examples=[3])
    notes: list[str] = Field(
        default_factory=list, description="What could not be done.", examples=[["Unknown items: B0."]]
    )


class ItemResults(Strict):
    """What became of the items, in their order."""

    results: list[ItemResult] = Field(
        description="One an item.", examples=[[{"item_id": "B004756YJA", "status": "created"}]]
    )
