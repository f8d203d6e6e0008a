"""What goes into and comes out of `POST /v1/audiences`."""

from typing import Final

from pydantic import BaseModel, Field

from api.schemas.conditions import Id, Strict

_REASON: Final = {
    "item_id": "B004756YJA",
    "title": "Argan oil shampoo",
    "event": "BOUGHT",
    "contribution": 2.31,
}


class AudienceRequest(Strict):
    """An item to find users for, an intent of the graph, or a need in words; one of the three."""

    item_id: Id | None = Field(None, description="The item, known or new.", examples=["B004ZT0SSG"])
    intent_id: Id | None = Field(
        None,
        description="An intent of the graph, as answers and suggestions name it.",
        examples=["mined:5b1f"],
    )
    query: str | None = Field(
        None,
        max_length=1000,
        description="The need, in words, which are read as those of a recommendation: only items within a "
        "price that they name, and none that they refuse, stand for it.",
        examples=["gift for a coffee lover"],
    )
    limit: int = Field(100, ge=1, le=1_000_000, description="Number of users wanted.", examples=[100])
    exclude_buyers: bool = Field(
        True,
        description="Leave out who bought or rated the item, or one of the items that stand for the need.",
        examples=[True],
    )


class AudienceReason(BaseModel):
    """The past item that adds most to a user's score."""

    item_id: str = Field(description="The past item.", examples=["B004756YJA"])
    title: str | None = Field(description="Its title.", examples=["Argan oil shampoo"])
    event: str = Field(description="What the user did with it: the relationship's type.", examples=["BOUGHT"])
    contribution: float = Field(description="What it adds to the score.", examples=[2.31])


class AudienceMember(BaseModel):
    """A user of the audience; a line of the answer as JSON lines."""

    user_id: str = Field(description="The user.", examples=["A1YJEY40YUW4SE"])
    score: float = Field(description="What the model scores the item at for this user.", examples=[7.4])
    reason: AudienceReason = Field(
        description="The past item that adds most.",
        examples=[_REASON],
    )


class AudienceResponse(BaseModel):
    """The users whom an item or a need suits best."""

    model_version: str = Field(
        description="The model whose vectors scored.", examples=["2026-11-23T07-00-00"]
    )
    graph_version: str = Field(description="The last finished refresh of the graph.", examples=["run-42"])
    stands_for: list[str] = Field(
        description="The item, or the items that stand for the need.", examples=[["B004ZT0SSG"]]
    )
    notes: list[str] = Field(
        description="What could not be obeyed of the words, in words.",
        examples=[["No item lies within the price that the words name: it was left out of account."]],
    )
    users_scored: int = Field(description="Users with a past who were compared.", examples=[22363])
    members: list[AudienceMember] = Field(
        description="Best first.",
        examples=[[{"user_id": "A1YJEY40YUW4SE", "score": 7.4, "reason": _REASON}]],
    )
    took_ms: float = Field(description="Time spent in the API, in milliseconds.", examples=[912.5])
