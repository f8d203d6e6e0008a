"""What goes into and comes out of `GET /v1/suggest`."""

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas.conditions import Strict


class SuggestOptions(Strict):
    """What is typed so far."""

    q: str = Field(
        min_length=1,
        max_length=200,
        description="What is typed so far; a space at the end says that the last word is finished.",
        examples=["green te"],
    )
    limit: int = Field(10, ge=1, le=50, description="Number of suggestions wanted.", examples=[10])


class Suggestion(BaseModel):
    """A text that the shopper may mean."""

    text: str = Field(description="The whole text, in place of what is typed.", examples=["green tea"])
    kind: Literal["category", "brand", "intent", "keyword", "title"] = Field(
        description="A category or brand by its name, what several shoppers were after, one item's title, "
        "or what is typed, going on as several titles do.",
        examples=["keyword"],
    )
    items: int = Field(description="How many items are behind it.", examples=[12])


class SuggestResponse(BaseModel):
    """Suggestions for what is typed."""

    suggestions: list[Suggestion] = Field(
        description="The most bought first. A word that the shop lacks is read as its nearest.",
        examples=[[{"text": "green tea", "kind": "keyword", "items": 12}]],
    )
    took_ms: float = Field(description="Time spent in the API, in milliseconds.", examples=[0.8])
