"""Items as shops tell them – over HTTP, in files, through Kafka: one shape and one check."""

from collections.abc import Sequence
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from kg.files.fields import HIGHEST_PRICE
from kg.files.manifest import Kind
from kg.live import items
from kg.live.event_shape import NUL, Key, holds_nul, reason_of

Scalar = str | bool | int | float


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeclaredRelation(_Strict):
    """What the shop says of this item and another."""

    item_id: Key = Field(description="The other item.", examples=["B004ZT0SSG"])
    kind: Kind = Field(description="What it is in the graph.", examples=["COMPLEMENTS"])
    relation: Key | None = Field(
        None, description="The shop's word for it; the kind where it is missing.", examples=["goes_with"]
    )


class Item(_Strict):
    """What the shop sells. Values are checked as `shopgraph graph ingest` checks them."""

    title: str | None = Field(None, description="Its name.", examples=["Green tea in a tin"])
    description: str | None = Field(None, description="Its text.", examples=["Leaves from Uji."])
    brand: str | None = Field(None, description="Its brand.", examples=["Acme"])
    categories: list[str | list[str]] | None = Field(
        None,
        description="Paths from the root: lists, or texts with ' > ' between the levels.",
        examples=[["Food > Tea", ["Gifts", "For him"]]],
    )
    price: float | None = Field(None, le=HIGHEST_PRICE, description="Its price.", examples=[4.5])
    list_price: float | None = Field(
        None,
        le=HIGHEST_PRICE,
        description="What it costs when it is not on sale: on sale is what costs less.",
        examples=[5.9],
    )
    currency: str | None = Field(None, description="Of the price.", examples=["EUR"])
    in_stock: bool | None = Field(None, description="Whether it can be bought.", examples=[True])
    released_at: AwareDatetime | None = Field(
        None, description="Since when it can be bought.", examples=["2026-11-01T00:00:00Z"]
    )
    image: str | None = Field(
        None, description="Address of a picture.", examples=["https://shop.example/1.jpg"]
    )
    attributes: dict[str, Scalar | list[Scalar]] | None = Field(
        None,
        description="Anything else, by name, a value or several; given, they replace all of before.",
        examples=[{"colour": "green", "organic": True, "size": ["S", "M"]}],
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
        """For kg.live.items.checked."""
        if self.delete:
            return {"item_id": self.item_id}
        fields = self.model_dump(exclude={"hidden", "relations", "delete", "whole"})
        return fields | {"released_at": self.released_at.timestamp() if self.released_at else None}

    def write(self, row: dict[str, Any], *, whole: bool) -> items.ItemWrite | items.Deletion:
        """With its checked row; unless `whole` only what was given."""
        if self.delete:
            return items.Deletion(self.item_id)
        given = self.model_fields_set
        relations = [items.Relation(r.relation or r.kind, r.kind, r.item_id) for r in self.relations or ()]
        return items.ItemWrite(
            fields=row if whole else {name: value for name, value in row.items() if name in given},
            whole=whole,
            hidden=self.hidden if whole or "hidden" in given else None,
            relations=None if self.relations is None else relations,
        )


class StreamedItem(NamedItem):
    """An item among messages of a stream."""

    whole: bool = Field(
        True, description="Fields that are not given are removed; else they stay.", examples=[False]
    )


def judged(told: Sequence[Any], *, whole: bool | None) -> list[items.ItemWrite | items.Deletion | str]:
    """Each item ready to be stored or deleted, or what is wrong with it.

    Args:
        told: what was read from JSON.
        whole: as PUT or as PATCH; None where each says it itself.
    """
    read = [_read(one, NamedItem if whole is not None else StreamedItem) for one in told]
    rows = iter(items.checked([item.raw() for item in read if isinstance(item, NamedItem)]))
    found: list[items.ItemWrite | items.Deletion | str] = []
    for item in read:
        row = item if isinstance(item, str) else next(rows)
        if isinstance(item, str) or isinstance(row, str):
            found.append(str(row))
            continue
        all_of_it = item.whole if isinstance(item, StreamedItem) else bool(whole)
        if item.delete or all_of_it or item.model_fields_set - {"item_id", "delete", "whole"}:
            found.append(item.write(row, whole=all_of_it))
        else:
            found.append("no field is named, so nothing would change")
    return found


def _read(told: Any, shape: type[NamedItem]) -> NamedItem | str:
    if holds_nul(told):
        return NUL
    try:
        return shape.model_validate(told)
    except ValidationError as error:
        return reason_of(error)
