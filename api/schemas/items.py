"""Items over HTTP."""

from pydantic import Field, SkipValidation

from api.schemas.conditions import Strict
from api.schemas.results import ItemResult, ItemResults
from kg.live.item_shape import Item, NamedItem

__all__ = ["Item", "ItemBatch", "ItemResult", "ItemResults", "NamedItem"]
MOST_ITEMS = 1_000  # of one request


class ItemBatch(Strict):
    """Items, each judged by itself."""

    items: list[SkipValidation[NamedItem]] = Field(
        min_length=1, max_length=MOST_ITEMS, description="Each id once.",
        examples=[[{"item_id": "B004756YJA", "title": "Green tea in a tin"}]],
    )  # fmt: skip
    whole: bool = Field(
        True,
        description="As PUT: fields that are not given are removed. false: as PATCH, they stay.",
        examples=[False],
    )
