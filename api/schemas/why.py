"""What goes into and comes out of `POST /v1/explain`."""

from pydantic import BaseModel, Field

from api.schemas import RecommendationRequest
from api.schemas.answers import EXAMPLE_REASON, Fallback, Reason, SourceLeftOut
from api.schemas.conditions import Id


class ExplainRequest(RecommendationRequest):
    """A request for recommendations, and the item to explain in it."""

    item_id: Id = Field(description="The item to explain.", examples=["B004ZT0SSG"])


class Explanation(BaseModel):
    """Where the item stands, and what put it there."""

    item_id: str = Field(description="The item.", examples=["B004ZT0SSG"])
    returned: bool = Field(description="Whether the request would return it.", examples=[False])
    removed_by: str | None = Field(
        description="The filter, the exclusion or the rule (rule.<rule_id>) that removes it, whatever it "
        "scores.",
        examples=["price"],
    )
    rank: int | None = Field(
        description="Its place in the order in which the request returns items; null where it is removed.",
        examples=[57],
    )
    score: float = Field(description="What it scores.", examples=[3.1])
    needed: float | None = Field(
        description="The score of the last item that is returned. Null where no score would do: alike items "
        "are kept apart (diversity), newer items come first (new_arrivals), rules pin every place, or fewer "
        "are left than wanted.",
        examples=[4.7],
    )
    pinned_by: str | None = Field(
        None, description="The rule that puts it at its rank, if one.", examples=["december-acme"]
    )
    reasons: list[Reason] = Field(description="The parts of its score.", examples=[[EXAMPLE_REASON]])
    silent: list[str] = Field(
        description="What the ranking went by that adds nothing to this item.", examples=[["words"]]
    )
    summary: str = Field(
        description="The answer as a sentence.", examples=["Ranks 57 with 3.10; 4.70 were needed."]
    )
    fallback_used: Fallback | None = Field(
        description="Set where the request could not be answered as asked.",
        examples=[{"to": "popular", "reason": "The graph has no user 'nobody'."}],
    )
    sources_left_out: list[SourceLeftOut] = Field(
        description="What could not be looked up in its time, so that the score rests on the rest.",
        examples=[[{"source": "history", "reason": "no answer in 1 s"}]],
    )
    notes: list[str] = Field(
        description="What the recommendations note on the same request.",
        examples=[["3 of 10 items: no other item is left in the shop (left out: price 812)."]],
    )
    model_version: str = Field(description="The model whose vectors scored.", examples=["20261123-070000"])
