"""What was understood of a request, as it comes out over HTTP."""

from typing import Literal

from pydantic import BaseModel, Field

Finding = Literal["negated", "relation", "on_sale", "breadth", "out_of_scope"]


class NamedPrices(BaseModel):
    """Bounds that the words set."""

    gte: float | None = Field(description="Lowest price.", examples=[5])
    lte: float | None = Field(description="Highest price.", examples=[20])
    currency: str | None = Field(description="As named, ISO 4217; nothing is converted.", examples=["USD"])
    confidence: float = Field(description="From 0.5 on it filters the items.", examples=[0.9])


class NamedNeed(BaseModel):
    """An intent of the graph: what several shoppers were after when they said such words."""

    intent_id: str = Field(description="Its id in the graph.", examples=["mined:5b1f0f0f6d9c4f0d"])
    text: str = Field(description="Its name.", examples=["green tea"])
    closeness: float = Field(
        description="How close the words come to it: 1 for the same, 0 where it no longer counts.",
        examples=[0.9],
    )
    support: int = Field(description="Choices that it was mined from.", examples=[120])


class Intent(BaseModel):
    """What was understood of the request."""

    query: str | None = Field(description="The words as they came.", examples=["shampoo under $20"])
    words: str | None = Field(None, description="What is left to search for.", examples=["shampoo"])
    spelled: dict[str, str] = Field(
        default_factory=dict,
        description="Words that no item is written in and that look like errors of spelling, each with the "
        "shop's word that is read instead.",
        examples=[{"shampo": "shampoo"}],
    )
    encoder: str | None = Field(
        None,
        description="The text encoder that read them; without one the findings that need it are missing.",
        examples=["all-MiniLM-L6-v2"],
    )
    vector: list[float] | None = Field(
        None,
        description="What the encoder made of the words, where `explain` is paths.",
        examples=[[0.0132, -0.0541]],
    )
    signals: list[str] = Field(
        default_factory=list, description="What the ranking went by.", examples=[["history", "words"]]
    )
    categories: dict[str, float] = Field(
        default_factory=dict,
        description="Categories that the words point to, each with its probability; the likeliest first.",
        examples=[{"Beauty > Hair Care > Shampoos": 0.71}],
    )
    needs: list[NamedNeed] = Field(
        default_factory=list,
        description="Intents of the graph that the words come close to, closest first.",
        examples=[[{"intent_id": "mined:5b1f", "text": "green tea", "closeness": 0.9, "support": 120}]],
    )
    brands: dict[str, float] = Field(
        default_factory=dict,
        description="Brands that the words name, each with how sure it is: the share of its items among all "
        "that are written in the word. Then those that the words point to, each with its probability, where "
        "`shopgraph graph classify` has learned that.",
        examples=[{"acme": 0.98}],
    )
    attributes: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="By attribute, the values that the words name, each with how sure it is.",
        examples=[{"color": {"deep red": 0.8}}],
    )
    prices: NamedPrices | None = Field(
        None,
        description="Bounds of the price that the words set.",
        examples=[{"gte": None, "lte": 20, "currency": "USD", "confidence": 0.9}],
    )
    on_sale: bool = Field(
        False, description="Whether the words ask for what costs less than usual.", examples=[False]
    )
    negated: list[str] = Field(
        default_factory=list,
        description="Words that the items must not be written in.",
        examples=[["sulfate"]],
    )
    relation: Literal["complements", "substitutes", "similar"] | None = Field(
        None,
        description="The relation asked for to the items looked at, or to the one that the words name by its "
        "title; it becomes the kind.",
        examples=["substitutes"],
    )
    breadth: Literal["broad", "exact"] | None = Field(
        None, description="Whether the words mean a few items or many.", examples=["broad"]
    )
    out_of_scope: bool = Field(
        False, description="Whether the words seem to be about something else than goods.", examples=[False]
    )
    confidence: float = Field(
        0.0, description="How sure the likeliest category is, from 0 to 1.", examples=[0.71]
    )
    confidences: dict[Finding, float] = Field(
        default_factory=dict,
        description="By what was found, how sure it is, from 0 to 1. Of negated, relation and on_sale by the "
        "form of the words: .9 for one that hardly means anything else, .7 for 'no', 'not' and 'like' at the "
        "beginning, .5 for 'matching'. Of breadth the share of the words that some item is written in, of "
        "out_of_scope how near they come to a question for the shop's staff, else the share that no item is "
        "written in, at least .5.",
        examples=[{"negated": 0.9, "breadth": 1.0}],
    )
