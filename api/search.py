"""Search: the words alone, with facets counted over the best results."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.answers import Recommendation, RecommendationResponse
from api.recommender import give
from api.routes import KeeperOf, LedgerOf, admitting, kept
from api.schemas import Options

COUNTED = 100  # results that facets are counted over
_MOST = 10  # values of a facet
router = APIRouter(**admitting, tags=["search"])


class SearchOptions(Options):
    """The options of a search."""

    query: str = Field(min_length=1, max_length=1000, description="The words.", examples=["dry hair"])


class FacetValue(BaseModel):
    """A value and how many of the counted results have it."""

    value: str = Field(description="The value, as a filter takes it.", examples=["Shampoos"])
    count: int = Field(description="Results that have it.", examples=[42])


class Facets(BaseModel):
    """What the best results have in common, most frequent first."""

    counted: int = Field(description="Results that were counted.", examples=[100])
    category: list[FacetValue] = Field(description="By category.", examples=[[]])
    brand: list[FacetValue] = Field(description="By brand.", examples=[[]])
    price: dict[str, float] | None = Field(
        description="Lowest, median and highest price; null where none is known.",
        examples=[{"lowest": 2.5, "median": 9.9, "highest": 49.0}],
    )


class SearchResponse(RecommendationResponse):
    """The items that the words find, and facets."""

    facets: Facets = Field(description="Counted over the best results.", examples=[{"counted": 100}])


@router.get("/search", response_model=SearchResponse)
async def search(options: Annotated[SearchOptions, Query()], keeper: KeeperOf, ledger: LedgerOf) -> Response:
    """Items for words alone: by what they mean and by how they are written."""
    wanted = options.request("search", None, [])
    shown = {*options.fields, "brand", "categories", "price"}
    deep = wanted.model_copy(update={"limit": max(COUNTED, wanted.limit), "fields": sorted(shown)})
    given = await give(deep, keeper.serving, keeper.reads)
    answer = given.response
    facets = facets_of(answer.items[:COUNTED])
    items = answer.items[: wanted.limit]
    for item in items:
        item.fields = {name: item.fields.get(name) for name in options.fields}
    update = {"items": items, "next_page_token": None}
    response = SearchResponse.model_construct(**answer.model_copy(update=update).__dict__, facets=facets)
    return Response(kept(given._replace(response=response), ledger), media_type="application/json")


def facets_of(items: list[Recommendation]) -> Facets:
    """Counts of their fields."""
    categories = Counter(c for item in items for c in dict.fromkeys(item.fields.get("categories") or ()))
    brands = Counter(item.fields["brand"] for item in items if item.fields.get("brand"))
    prices = sorted(item.fields["price"] for item in items if item.fields.get("price") is not None)
    return Facets(
        counted=len(items),
        category=[FacetValue(value=v, count=n) for v, n in categories.most_common(_MOST)],
        brand=[FacetValue(value=v, count=n) for v, n in brands.most_common(_MOST)],
        price={"lowest": prices[0], "median": prices[len(prices) // 2], "highest": prices[-1]}
        if prices
        else None,
    )
