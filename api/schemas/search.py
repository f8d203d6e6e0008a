"""What goes into and comes out of `GET /v1/search`."""

from pydantic import BaseModel, Field

from api.schemas import Options
from api.schemas.answers import RecommendationResponse


class SearchOptions(Options):
    """The options of a search."""

    query: str = Field(min_length=1, max_length=1000, description="The words.", examples=["dry hair"])


class FacetValue(BaseModel):
    """A value and how many of the counted results have it."""

    value: str = Field(description="The value, as a filter takes it.", examples=["Shampoos"])
    count: int = Field(description="Results that have it.", examples=[42])


class Prices(BaseModel):
    """The prices of the counted results."""

    lowest: float = Field(description="The lowest.", examples=[2.5])
    median: float = Field(description="The median.", examples=[9.9])
    highest: float = Field(description="The highest.", examples=[49.0])


class Facets(BaseModel):
    """What the 100 best results have in common, most frequent first; the same on each page."""

    counted: int = Field(description="Results that were counted.", examples=[100])
    category: list[FacetValue] = Field(
        description="By category, those above it included.", examples=[[{"value": "Shampoos", "count": 42}]]
    )
    brand: list[FacetValue] = Field(description="By brand.", examples=[[{"value": "Acme", "count": 17}]])
    attributes: dict[str, list[FacetValue]] = Field(
        description="By attribute, those first that most results have.",
        examples=[{"color": [{"value": "red", "count": 12}, {"value": "blue", "count": 3}]}],
    )
    price: Prices | None = Field(
        description="The prices; null where none is known.",
        examples=[{"lowest": 2.5, "median": 9.9, "highest": 49.0}],
    )


class SearchResponse(RecommendationResponse):
    """The items that the words find, and facets."""

    facets: Facets = Field(
        description="What the best results have in common.",
        examples=[
            {
                "counted": 100,
                "category": [{"value": "Shampoos", "count": 42}],
                "brand": [{"value": "Acme", "count": 17}],
                "attributes": {"color": [{"value": "red", "count": 12}]},
                "price": {"lowest": 2.5, "median": 9.9, "highest": 49.0},
            }
        ],
    )
