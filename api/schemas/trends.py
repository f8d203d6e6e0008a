"""What goes into and comes out of `GET /v1/trends`."""

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas.conditions import Strict


class TrendOptions(Strict):
    """Which categories."""

    by: Literal["heat", "rise", "season"] = Field(
        "heat",
        description="heat: most happens there. rise: more happens there than in the shop's whole past. "
        "season: more happens there at this time of the year than usual, by the years before.",
        examples=["rise"],
    )
    category: str | None = Field(
        None,
        max_length=200,
        description="Id or name of a category: only those below it. Unset: all.",
        examples=["Beverages"],
    )
    limit: int = Field(10, ge=1, le=100, description="Number of categories wanted.", examples=[10])


class HotCategory(BaseModel):
    """A category and how hot it is, with all that lies below it."""

    category_id: str = Field(description="Id of the category.", examples=["Beverages > Tea"])
    name: str = Field(description="Its name.", examples=["Tea"])
    heat: float = Field(
        description="Events of the last 60 days by the weight of their type, each a tenth less for each day "
        "before the newest event of all.",
        examples=[41.7],
    )
    rise: float = Field(
        description="Its share of all heat over its share of all shoppers of items ever; 1 is as always.",
        examples=[1.8],
    )
    season: float | None = Field(
        None,
        description="How many times as much as usual happens there in this week of the year, by all years "
        "before; null where less than a year is known.",
        examples=[1.3],
    )
    items: int = Field(description="Visible items in it.", examples=[120])


class TrendResponse(BaseModel):
    """Hot categories."""

    categories: list[HotCategory] = Field(
        description="The hottest, or those that rise most, first.",
        examples=[
            [
                {
                    "category_id": "Beverages > Tea",
                    "name": "Tea",
                    "heat": 41.7,
                    "rise": 1.8,
                    "season": 1.3,
                    "items": 120,
                }
            ]
        ],
    )
    took_ms: float = Field(description="Time spent in the API, in milliseconds.", examples=[0.8])
