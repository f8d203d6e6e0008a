"""The conditions of a request on the items it returns, as they come in over HTTP."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MOST_ATTRIBUTES = 50  # named in one filter
MOST_NESTED = 100  # filters within one filter, at any depth
Id = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
AttributeValue = Annotated[str, StringConstraints(max_length=512)] | bool | float


class Strict(BaseModel):
    """A model that refuses what it does not know, so that a misspelt option is not silently ignored.

    What is a word of Python's, `not` and `from`, goes by `not_` and `from_` there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PriceRange(Strict):
    """Bounds of a price, both inclusive; an item without a price lies outside any bounds."""

    gte: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Lowest price.", examples=[5], title="At least"
    )
    lte: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Highest price.", examples=[20], title="At most"
    )


class Filters(Strict):
    """Conditions that every returned item meets: all of the fields, and any one of the values of a list.

    A condition on something unknown of an item (a price, a brand, an attribute) does not hold for it.
    """

    category: list[Id] = Field(
        default_factory=list,
        max_length=100,
        description="Categories by name or by path from the root, each with everything below it.",
        examples=[["Cereal", "Food > Snacks"]],
    )
    brand: list[Id] = Field(
        default_factory=list, max_length=1000, description="Brands, in any case.", examples=[["Acme"]]
    )
    price: PriceRange | None = Field(None, description="Bounds of the price.", examples=[{"lte": 20}])
    in_stock: bool | None = Field(
        None, description="Only items in stock (true) or out of stock (false).", examples=[True]
    )
    on_sale: bool | None = Field(
        None,
        description="Only items that cost less than their list price (true), or only others (false).",
        examples=[True],
    )
    released_after: AwareDatetime | None = Field(
        None,
        description="Only items released at or after this time, with its time zone.",
        examples=["2026-01-01T00:00:00Z"],
    )
    released_before: AwareDatetime | None = Field(
        None,
        description="Only items released before this time, with its time zone.",
        examples=["2027-01-01T00:00:00Z"],
    )
    attributes: dict[Id, Annotated[list[AttributeValue], Field(min_length=1, max_length=1000)]] = Field(
        default_factory=dict,
        max_length=MOST_ATTRIBUTES,
        description="By an attribute's name, the values that will do, in any case; 12 and '12' are the same.",
        examples=[{"color": ["red", "blue"]}],
    )
    exclude_item_ids: list[Id] = Field(
        default_factory=list, max_length=10_000, description="Items left out.", examples=[["B00ABC"]]
    )
    not_: Filters | None = Field(
        None,
        alias="not",
        description="Conditions of which none may hold. To refuse only items that meet several at once: "
        '{"not": {"any_of": [{...}]}}.',
        examples=[{"brand": ["Acme"]}],
    )
    any_of: list[Filters] = Field(
        default_factory=list,
        max_length=MOST_NESTED,
        description="Filters of which at least one must hold.",
        examples=[[{"brand": ["Acme"]}, {"price": {"lte": 5}}]],
    )

    @property
    def nested(self) -> list[Filters]:
        """The filters directly within this one."""
        return [*([self.not_] if self.not_ else ()), *self.any_of]

    @property
    def by_category(self) -> bool:
        """Whether a category is named anywhere in it."""
        return bool(self.category) or any(inner.by_category for inner in self.nested)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if _count(self) > MOST_NESTED:
            raise ValueError(f"at most {MOST_NESTED} filters within a filter")
        return self


def _count(filters: Filters) -> int:
    return sum(1 + _count(inner) for inner in filters.nested)
