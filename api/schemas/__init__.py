"""What goes in over HTTP; the same models serve the command line."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, SkipValidation, StringConstraints, field_validator

from api.schemas.conditions import MOST_ATTRIBUTES, AttributeValue, Filters, Id, PriceRange, Strict

LONGEST_TOKEN = 100_000  # characters; about 8,000 items with ids of ten characters
Kind = Literal[
    "for_you",
    "search",
    "similar",
    "bought_together",
    "complements",
    "substitutes",
    "trending",
    "new_arrivals",
]
Explain = Literal["none", "reasons", "paths"]
Seen = Literal["bought", "touched"]
FieldName = Literal[
    "title", "description", "brand", "categories", "price", "list_price", "currency", "in_stock",
    "released_at", "image", "attributes",
]  # fmt: skip
DEFAULT_FIELDS: tuple[FieldName, ...] = ("title", "brand", "categories", "price", "currency", "in_stock")


class RecommendationRequest(Strict):
    """Who asks, what they look at and what they say. Each part may be missing."""

    user_id: Id | None = Field(None, description="The shopper.", examples=["A1YJEY40YUW4SE"])
    session_id: Id | None = Field(
        None,
        description="Names an anonymous shopper, as in events: without a user_id and session_items, what its "
        "events tell is the past that ranks.",
        examples=["order-17"],
    )
    session_items: list[Id] = Field(
        default_factory=list,
        max_length=200,
        description="Items seen in this session, oldest first; unknown ones are ignored and noted.",
        examples=[["B004756YJA"]],
    )
    item_ids: list[Id] = Field(
        default_factory=list,
        max_length=50,
        description="Items looked at right now (a product page, a cart). Must exist.",
        examples=[["B004ZT0SSG"]],
    )
    query: str | None = Field(
        None, max_length=1000, description="What the shopper asks for, in words.",
        examples=["quick breakfast for kids"],
    )  # fmt: skip
    kind: Kind = Field(
        "for_you",
        description="What is wanted; search goes by the query alone. similar, bought_together, complements "
        "and substitutes need item_ids or session_items; trending is what is chosen lately, new_arrivals "
        "the newest 200 items that comply, best first, and then the others.",
        examples=["for_you"],
    )
    scenario: Id | None = Field(
        None,
        description="The placement, one of GET /v1/scenarios: its rules and filters hold, its weights rank, "
        "and its kind and diversity stand in for those that the request does not name.",
        examples=["home"],
    )
    limit: int = Field(10, ge=1, le=100, description="Number of items wanted.", examples=[10])
    page_token: str | None = Field(
        None,
        max_length=LONGEST_TOKEN,
        description="The next_page_token of the answer before: what was shown does not come again.",
        examples=["eJyLVnJyMjE1UNJRcooKcTQzBjGMwIxQMCPcLCTXE0y7lnvlK8UCAO9ACeE="],
    )
    filters: Filters = Field(
        default_factory=Filters, description="Conditions that every returned item meets.",
        examples=[{"price": {"lte": 20}, "in_stock": True}],
    )  # fmt: skip
    exclude_seen: bool | None = Field(
        None,
        description="Leave out what the user has seen and the session's items; by default only for for_you.",
        examples=[True],
    )
    seen: Seen = Field(
        "bought",
        description="What counts as seen: what the user bought or rated, or whatever they touched "
        "(viewed and put in the cart as well).",
        examples=["touched"],
    )
    diversity: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much to keep alike items apart: 0 orders by score alone, 1 by unlikeness alone. "
        "Items keep their scores; their ranks say the order.",
        examples=[0.3],
    )
    explain: Explain = Field(
        "reasons",
        description="reasons: what made the score; paths: the ways through the graph as well.",
        examples=["reasons"],
    )
    fields: list[FieldName] = Field(
        default_factory=lambda: list(DEFAULT_FIELDS),
        description="Which of an item's fields to return.",
        examples=[["title", "price"]],
    )

    @property
    def past_of(self) -> str | None:
        """Whose past ranks, as events name them: what a request tells of its session is not counted twice."""
        return self.user_id or (None if self.session_items else shopper_of(None, self.session_id))


def shopper_of(user_id: str | None, session_id: str | None) -> str | None:
    """Who asks, as events name them; None where nobody is named."""
    return user_id or (f"session:{session_id}" if session_id else None)


class BatchRequest(Strict):
    """Several requests, such as the widgets of one page."""

    requests: list[SkipValidation[RecommendationRequest]] = Field(  # each is checked, and may fail, by itself
        min_length=1,
        max_length=20,
        description="Answered in order; an item that an earlier one shows is left out of the later ones.",
        examples=[[{"user_id": "A1YJEY40YUW4SE"}, {"kind": "trending", "limit": 5}]],
    )


class Options(Strict):
    """The options of a recommendation as query parameters, for a browser's address bar."""

    query: str | None = Field(
        None, max_length=1000, description="What is asked for, in words.", examples=["dry hair"]
    )
    scenario: Id | None = Field(
        None, description="The placement, one of GET /v1/scenarios.", examples=["home"]
    )
    limit: int = Field(10, ge=1, le=100, description="Number of items wanted.", examples=[10])
    page_token: str | None = Field(
        None,
        max_length=LONGEST_TOKEN,
        description="The next_page_token of the answer before.",
        examples=["eJyLVnJyMjE1UNJRcooKcTQzBjGMwIxQMCPcLCTXE0y7lnvlK8UCAO9ACeE="],
    )
    session_id: Id | None = Field(
        None, description="Names an anonymous shopper, as in events.", examples=["order-17"]
    )
    session: list[Id] = Field(
        default_factory=list,
        max_length=200,
        description="An item of the session; may be repeated.",
        examples=[["B004756YJA"]],
    )
    category: list[Id] = Field(
        default_factory=list,
        max_length=100,
        description="A category by name or path; may be repeated.",
        examples=[["Cereal"]],
    )
    brand: list[Id] = Field(
        default_factory=list, max_length=1_000, description="A brand; may be repeated.", examples=[["Acme"]]
    )
    price_gte: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Lowest price.", examples=[5]
    )
    price_lte: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Highest price.", examples=[20]
    )
    attribute: list[Annotated[str, StringConstraints(pattern=r"^\s*[^:\s][^:]{0,499}:[\s\S]{1,512}$")]] = (
        Field(
            default_factory=list,
            max_length=1_000,
            description="A value that an attribute is to have, as name:value; may be repeated: any of the "
            "values of a name, all of the names.",
            examples=[["color:red"]],
        )
    )
    exclude_item_ids: list[Id] = Field(
        default_factory=list,
        max_length=1000,
        description="An item to leave out; may be repeated.",
        examples=[["B004756YJA"]],
    )
    diversity: float | None = Field(
        None, ge=0, le=1, description="How much alike items are kept apart.", examples=[0.2]
    )
    in_stock: bool | None = Field(None, description="Only items in stock, or out of stock.", examples=[True])
    on_sale: bool | None = Field(None, description="Only items on sale, or only others.", examples=[True])
    released_after: AwareDatetime | None = Field(
        None, description="Only items released since.", examples=["2026-01-01T00:00:00Z"]
    )
    released_before: AwareDatetime | None = Field(
        None, description="Only items released before.", examples=["2027-01-01T00:00:00Z"]
    )
    exclude_seen: bool | None = Field(None, description="Leave out what was seen.", examples=[True])
    seen: Seen = Field("bought", description="What counts as seen.", examples=["touched"])
    explain: Explain = Field("reasons", description="How much to explain.", examples=["paths"])
    fields: list[FieldName] = Field(
        default_factory=lambda: list(DEFAULT_FIELDS),
        description="Fields to return; repeat it.",
        examples=[["title"]],
    )

    @field_validator("attribute")
    @classmethod
    def _few(cls, pairs: list[str]) -> list[str]:
        if len({pair.partition(":")[0].strip() for pair in pairs}) > MOST_ATTRIBUTES:
            raise ValueError(f"at most {MOST_ATTRIBUTES} attributes")
        return pairs

    def request(self, kind: Kind | None, user_id: str | None, item_ids: list[str]) -> RecommendationRequest:
        """The same as the body of a POST; without a kind, the scenario's or the default counts."""
        bounded = self.price_gte is not None or self.price_lte is not None
        named: dict[str, Any] = {"kind": kind, "diversity": self.diversity}
        attributes: dict[str, list[AttributeValue]] = {}
        for pair in self.attribute:
            name, _, value = pair.partition(":")
            attributes.setdefault(name.strip(), []).append(value)
        return RecommendationRequest(
            **{name: value for name, value in named.items() if value is not None},
            user_id=user_id,
            session_id=self.session_id,
            session_items=self.session,
            item_ids=item_ids,
            query=self.query,
            scenario=self.scenario,
            limit=self.limit,
            page_token=self.page_token,
            filters=Filters(
                category=self.category,
                brand=self.brand,
                attributes=attributes,
                exclude_item_ids=self.exclude_item_ids,
                price=PriceRange(gte=self.price_gte, lte=self.price_lte) if bounded else None,
                in_stock=self.in_stock,
                on_sale=self.on_sale,
                released_after=self.released_after,
                released_before=self.released_before,
            ),
            exclude_seen=self.exclude_seen,
            seen=self.seen,
            explain=self.explain,
            fields=self.fields,
        )


class RelatedOptions(Options):
    """The options of related items."""

    kind: Kind = Field("similar", description="In what way related.", examples=["bought_together"])
    user_id: Id | None = Field(None, description="The shopper, if known.", examples=["A1YJEY40YUW4SE"])
