"""Scenarios and their rules, as they come in and go out over HTTP."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from api.schemas import Kind
from api.schemas.conditions import AttributeValue, Filters, Id, Strict

Effect = Literal["hide", "pin", "boost", "bury"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
EdgeType = Literal["BOUGHT_WITH", "VIEWED_WITH", "COMPLEMENTS", "SUBSTITUTES"]
Weight = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
_MOST_RULES = 1_000  # of a scenario


class Target(Strict):
    """What a rule applies to: every item that any of the values means."""

    item_ids: list[Id] = Field(
        default_factory=list, max_length=1_000, description="Items.", examples=[["B004ZT0SSG"]]
    )
    brand: list[Id] = Field(
        default_factory=list,
        max_length=1_000,
        description="All items of these brands, in any case.",
        examples=[["Acme"]],
    )
    category: list[Id] = Field(
        default_factory=list,
        max_length=100,
        description="All items of these categories and of everything below them, by name or by path.",
        examples=[["Food > Snacks"]],
    )
    attributes: dict[Id, Annotated[list[AttributeValue], Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict,
        max_length=50,
        description="All items that have one of these values of an attribute, in any case.",
        examples=[{"color": ["red"]}],
    )

    on_sale: bool = Field(
        False,
        description="All items that cost less than their list price, at any moment.",
        examples=[True],
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.item_ids or self.brand or self.category or self.attributes or self.on_sale):
            raise ValueError("name at least one item, brand, category or attribute value, or on_sale")
        return self


class Rule(Strict):
    """What a merchandiser decided about some items of a placement."""

    effect: Effect = Field(
        description="hide: never returned. pin: shown at the position, the best such item that the filters "
        "allow. boost, bury: the odds of being chosen are multiplied, divided by the factor.",
        examples=["boost"],
    )
    applies_to: Target = Field(description="Which items.", examples=[{"brand": ["Acme"]}])
    position: int | None = Field(
        None, ge=1, le=100, description="Of a pin: the place, counted from 1 over all pages.", examples=[1]
    )
    factor: float | None = Field(
        None,
        gt=1,
        le=1_000_000,
        description="Of boost and bury: how many times likelier, or less likely. Its logarithm is added to "
        "the score, or taken from it.",
        examples=[2],
    )
    from_: AwareDatetime | None = Field(
        None,
        alias="from",
        description="When the rule begins to hold; at once where it is missing.",
        examples=["2026-12-01T00:00:00Z"],
    )
    until: AwareDatetime | None = Field(
        None,
        description="From when on the rule no longer holds; never where it is missing.",
        examples=["2027-01-01T00:00:00Z"],
    )
    note: str | None = Field(
        None, max_length=1_000, description="Why, for people.", examples=["The campaign of December."]
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.effect == "pin") != (self.position is not None):
            raise ValueError("a pin has a position, and nothing else has")
        if (self.effect in ("boost", "bury")) != (self.factor is not None):
            raise ValueError("boost and bury have a factor, and nothing else has")
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            raise ValueError(
                f"it ends before it begins: until {self.until:%Y-%m-%dT%H:%M:%SZ} "
                f"is not after from {self.from_:%Y-%m-%dT%H:%M:%SZ}"
            )
        return self

    def holds(self, now: datetime) -> bool:
        """Whether `now`, with its time zone, lies within its window."""
        return (self.from_ is None or self.from_ <= now) and (self.until is None or now < self.until)


class NamedRule(Rule):
    """A rule of a scenario."""

    rule_id: Name = Field(description="Its name within the scenario.", examples=["december-acme"])


class ScenarioWeights(Strict):
    """What the ranking counts differently in a placement; what is not given stays as the kind has it."""

    history: Weight | None = Field(None, description="Share of the user's past.", examples=[1.0])
    session: Weight | None = Field(None, description="Share of the session's items.", examples=[1.5])
    item: Weight | None = Field(None, description="Share of the items looked at.", examples=[2.0])
    gnn: Weight | None = Field(None, description="What the learned vectors count.", examples=[1.0])
    alike_gnn: Weight | None = Field(
        None, description="What it counts to be alike the items looked at, as the model has it.", examples=[0]
    )
    alike_text: Weight | None = Field(
        None, description="What it counts to read like the items looked at.", examples=[0]
    )
    words: Weight | None = Field(None, description="What the words count.", examples=[1.0])
    edges: dict[EdgeType, Weight] | None = Field(
        None, description="What the strongest edge of a type adds.", examples=[{"BOUGHT_WITH": 10}]
    )
    intents: Weight | None = Field(
        None, description="What it adds to be what others chose after the same words.", examples=[3.0]
    )
    category: Weight | None = Field(
        None, description="What it counts to share categories with the past.", examples=[0.5]
    )
    popularity: Weight | None = Field(
        None, description="Multiplies the logarithm of 1 + the number of shoppers.", examples=[0.2]
    )
    trend: Weight | None = Field(
        None, description="Multiplies the logarithm of 1 + the decayed number of events.", examples=[0.5]
    )
    novelty: Weight | None = Field(
        None,
        description="Multiplies how new an item is: 1 for the newest, half for 30 days before it, the mean "
        "of all where that is not known.",
        examples=[0.5],
    )
    discount: Weight | None = Field(
        None,
        description="Multiplies by what part of its list price the item costs less: 0.2 at 20 % off.",
        examples=[2],
    )
    season: Weight | None = Field(
        None,
        description="Multiplies the logarithm of how many times as much as usual is wanted of the item's "
        "categories in this week of the year.",
        examples=[0.5],
    )


class Scenario(Strict):
    """How a placement is answered."""

    kind: Kind | None = Field(None, description="The kind of requests that name none.", examples=["for_you"])
    weights: ScenarioWeights = Field(
        default_factory=ScenarioWeights,
        description="What the ranking counts differently here.",
        examples=[{"popularity": 0.2}],
    )
    filters: Filters = Field(
        default_factory=Filters,
        description="Conditions on every item, beside those of the request.",
        examples=[{"in_stock": True}],
    )
    diversity: float | None = Field(
        None, ge=0, le=1, description="The diversity of requests that name none.", examples=[0.3]
    )
    note: str | None = Field(None, max_length=1_000, description="For people.", examples=["The home page."])
    rules: list[NamedRule] | None = Field(
        None,
        max_length=_MOST_RULES,
        description="All of its rules. Left out, those that there are stay.",
        examples=[[{"rule_id": "1", "effect": "hide", "applies_to": {"brand": ["Acme"]}}]],
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids = [rule.rule_id for rule in self.rules or ()]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"the rule {twice[0]!r} stands here twice")
        return self


class NamedScenario(Scenario):
    """A scenario as it is in the graph."""

    name: Name = Field(description="Its name, as requests give it.", examples=["home"])
    notes: list[str] = Field(
        default_factory=list,
        description="What is odd about it: a rule that cannot be read, rules of which one undoes the other.",
        examples=[["The rule 'a' hides items that the rule 'b' boosts: they stay hidden."]],
    )


class ScenarioPut(Scenario):
    """A scenario to save; what GET gives may be sent back."""

    name: Name | None = Field(None, description="That of the path, where it is given.", examples=["home"])
    notes: list[str] = Field(
        default_factory=list, description="Counts for nothing here.", examples=[["As GET gave it."]]
    )


class RulePut(Rule):
    """A rule to save; one of those that GET gives may be sent back."""

    rule_id: Name | None = Field(
        None, description="That of the path, where it is given.", examples=["december-acme"]
    )


class ScenarioList(Strict):
    """All scenarios."""

    scenarios: list[NamedScenario] = Field(
        description="In the order of their names.", examples=[[{"name": "home"}]]
    )


class ScenarioGone(Strict):
    """What was deleted."""

    name: Name = Field(description="The scenario.", examples=["home"])
    rule_id: Name | None = Field(
        None, description="The rule, where only one was.", examples=["december-acme"]
    )
