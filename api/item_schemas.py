"""Items over HTTP."""

from typing import Any

from pydantic import AwareDatetime, Field, SkipValidation

from api.conditions import Strict
from api.results import ItemResult, ItemResults
from kg import items
from kg.manifest import Kind
from kg.told import Key

__all__ = ["Item", "ItemBatch", "ItemResult", "ItemResults", "NamedItem"]
MOST_ITEMS = 1_000  # of one request


class DeclaredRelation(Strict):
    """What the shop says of this item and another."""

    item_id: Key = Field(description="The other item.", examples=["B004ZT0SSG"])
    kind: Kind = Field(description="What it is in the graph.", examples=["COMPLEMENTS"])
    relation: Key | None = Field(
        None, description="The shop's word for it; the kind where it is missing.", examples=["goes_with"]
    )


class Item(Strict):
    """What the shop sells. Values are checked as `shopgraph graph ingest` checks them."""

    title: str | None = Field(None, description="Its name.", examples=["Green tea in a tin"])
    description: str | None = Field(None, description="Its text.", examples=["Leaves from Uji."])
    brand: str | None = Field(None, description="Its brand.", examples=["Acme"])
    categories: list[str | list[str]] | None = Field(
        None,
        description="Paths from the root: lists, or texts with ' > ' between the levels.",
        examples=[["Food > Tea", ["Gifts", "For him"]]],
    )
    price: float | None = Field(None, description="Its price.", examples=[4.5])
    list_price: float | None = Field(
        None, description="What it costs when it is not on sale: on sale is what costs less.", examples=[5.9]
    )
    currency: str | None = Field(None, description="Of the price.", examples=["EUR"])
    in_stock: bool | None = Field(None, description="Whether it can be bought.", examples=[True])
    released_at: AwareDatetime | None = Field(
        None, description="Since when it can be bought.", examples=["2026-11-01T00:00:00Z"]
    )
    image: str | None = Field(
        None, description="Address of a picture.", examples=["https://shop.example/1.jpg"]
    )
    attributes: dict[str, str | float | bool] | None = Field(
        None, description="Anything else, by name.", examples=[{"colour": "green", "organic": True}]
    )
    hidden: bool = Field(False, description="A hidden item is never recommended.", examples=[False])
    relations: list[DeclaredRelation] | None = Field(
        None,
        max_length=1_000,
        description="In place of those declared before; without it they stay.",
        examples=[[{"item_id": "B004ZT0SSG", "kind": "COMPLEMENTS"}]],
    )


class NamedItem(Item):
    """An item with its id."""

    item_id: Key = Field(description="Its id.", examples=["B004756YJA"])
    delete: bool = Field(
        False, description="Delete it with its edges; its other fields count for nothing.", examples=[True]
    )

    def raw(self) -> dict[str, Any]:
        """For kg.items.checked."""
        if self.delete:
            return {"item_id": self.item_id}
        fields = self.model_dump(exclude={"hidden", "relations", "delete"})
        return fields | {"released_at": self.released_at.timestamp() if self.released_at else None}

    def write(self, row: dict[str, Any], *, whole: bool) -> items.ItemWrite:
        """With its checked row; unless `whole` only what was given."""
        given = self.model_fields_set
        relations = [items.Relation(r.relation or r.kind, r.kind, r.item_id) for r in self.relations or ()]
        return items.ItemWrite(
            fields=row if whole else {name: value for name, value in row.items() if name in given},
            hidden=self.hidden if whole or "hidden" in given else None,
            relations=None if self.relations is None else relations,
        )


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
