"""Events as shops tell them – over HTTP, in files, through Kafka: one shape and one check."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from kg.files.fields import HIGHEST_PRICE, KEY_LIMIT
from kg.live import events

EventType = Literal["view", "cart", "purchase", "rating", "search", "impression"]
Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=KEY_LIMIT)]
NUL = "a NUL byte"
_LATEST = timedelta(days=1)  # ahead of our clock, as in files


class Event(BaseModel):
    """Something that a shopper did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_id: Key = Field(
        description="Yours; an event whose id was ever accepted changes nothing.",
        examples=["order-17-line-2"],
    )
    type: EventType = Field(description="What was done.", examples=["purchase"])
    user_id: Key | None = Field(
        None, description="The shopper; an anonymous session has none.", examples=["A1YJEY40YUW4SE"]
    )
    session_id: Key | None = Field(
        None, description="The visit; needed where no user is named.", examples=["visit-17"]
    )
    basket: Key | None = Field(
        None,
        description="The order or basket, as the files' column basket has it, so that both are known as one; "
        "the session where it is missing.",
        examples=["order-17"],
    )
    item_id: Key | None = Field(
        None, description="The item; needed for all but a search.", examples=["B004756YJA"]
    )
    at: AwareDatetime | None = Field(
        None,
        description="When, with its time zone or as seconds since 1970; now where it is missing. Late events "
        "are welcome.",
        examples=["2026-11-23T18:00:00Z"],
    )
    weight: float = Field(
        1.0, ge=0, le=1e12, allow_inf_nan=False, description="Quantity or rating.", examples=[2]
    )
    price: float | None = Field(
        None,
        ge=0,
        le=HIGHEST_PRICE,
        allow_inf_nan=False,
        description="What one unit cost, in the item's currency; the item's price where it is missing.",
        examples=[4.5],
    )
    query: str | None = Field(
        None, min_length=1, max_length=3_000, description="The words of a search.", examples=["dry hair"]
    )
    recommendation_id: Key | None = Field(
        None, description="The answer that led to it, which is credited.", examples=["0b8f6a3c"]
    )

    @model_validator(mode="after")
    def _complete(self) -> "Event":
        if self.user_id is None and self.session_id is None:
            raise ValueError("neither user_id nor session_id is given")
        if self.type == "search" and self.query is None:
            raise ValueError("a search needs its query")
        if self.type != "search" and self.item_id is None:
            raise ValueError(f"the type {self.type} needs an item_id")
        if self.at is not None and not 0 <= self.at.timestamp() <= (datetime.now(UTC) + _LATEST).timestamp():
            raise ValueError(f"{self.at:%Y-%m-%d} is before 1970 or in the future")
        return self

    def event(self, now: datetime) -> events.Event:
        """As the graph takes it."""
        return events.Event(
            event_id=self.event_id,
            type=self.type,
            user_id=self.user_id or f"session:{self.session_id}",
            item_id=self.item_id,
            at=(self.at or now).astimezone(UTC).replace(microsecond=0),
            basket=self.basket or self.session_id,
            weight=round(self.weight, 6),
            price=self.price,
            query=self.query,
            recommendation_id=self.recommendation_id,
        )


def judged(told: Any, now: datetime) -> events.Event | str:
    """An event as the graph takes it, or what is wrong with it.

    Args:
        told: what was read from JSON.
        now: when it counts as done where it does not say.
    """
    if holds_nul(told):
        return NUL
    try:
        return Event.model_validate(told).event(now)
    except ValidationError as error:
        return reason_of(error)


def holds_nul(told: Any) -> bool:
    """Whether a text in what was read from JSON holds a NUL, which is refused in files too."""
    waiting = [told]  # no recursion: a sender decides how deep it is nested
    while waiting:
        part = waiting.pop()
        if isinstance(part, str) and "\0" in part:
            return True
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
    return False


def reason_of(error: ValidationError) -> str:
    """What is wrong with one of several things that are judged each by itself."""
    return "; ".join(map(_told, error.errors()))


def _told(error: ErrorDetails) -> str:
    where, what = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "extra_forbidden":
        return f"there is no field {where}"
    return f"{where}: {what}" if where else what
