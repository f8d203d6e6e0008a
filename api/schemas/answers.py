"""What comes out over HTTP; the same models serve the command line."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.schemas.intent import Intent

Arm = Literal["a", "b"]
Source = Literal["history", "items", "edges", "words", "intents"]
PartType = Literal[
    "history", "session", "item", "edge", "words", "intent", "popularity", "trend", "novelty", "discount",
    "season", "rule",
]  # fmt: skip


# Examples for the OpenAPI document.
EXAMPLE_REASON: Final = {
    "type": "history",
    "item_id": "B004756YJA",
    "title": "Argan oil shampoo",
    "text": "You bought Argan oil shampoo.",
    "contribution": 5.48,
    "share": 100.0,
}
_PATH: Final = {
    "nodes": ["Item:B004756YJA", "Item:B004ZT0SSG"],
    "relationships": ["BOUGHT_WITH"],
    "cypher": "MATCH (a:Item {itemId: 'B0'}) RETURN a",
}
_ITEM: Final = {
    "rank": 1,
    "item_id": "B004ZT0SSG",
    "score": 5.48,
    "source": "history",
    "reasons": [EXAMPLE_REASON],
    "paths": [_PATH],
    "fields": {"title": "Hair mask", "price": 9.9},
}
_ANSWER: Final = {
    "recommendation_id": "5b1f0f0f6d9c4f0d8a4c6f6f2b7a9e10",
    "model_version": "2026-11-23T07-00-00",
    "graph_version": "run-42",
    "intent": {"query": "hair mask", "words": "hair mask", "signals": ["history", "words"]},
    "items": [_ITEM],
    "fallback_used": None,
    "filtered_out": {"seen": 12},
    "notes": [],
    "next_page_token": None,
    "took_ms": 7.9,
}
_PROBLEM: Final = {
    "type": "/problems/unknown-item",
    "title": "Unknown item",
    "status": 404,
    "detail": "There is no item 'B0' in the graph.",
    "instance": "/v1/recommendations:batch#/requests/1",
}


class Reason(BaseModel):
    """One part of a score. The contributions of an item's reasons sum to its score."""

    type: PartType = Field(
        description="Where the part comes from: a past item, an item of the session, the item looked at, "
        "an edge from one of these, the words, what others chose after such words, popularity, what is "
        "chosen lately, what is new, what is on sale, what is in season, or a rule of the scenario that "
        "boosts or buries.",
        examples=["history"],
    )
    item_id: str | None = Field(description="The item that it comes from, if one.", examples=["B004756YJA"])
    title: str | None = Field(description="That item's title.", examples=["Argan oil shampoo"])
    name: str | None = Field(
        None, description="The rule or intent that it comes from, if one.", examples=["december-acme"]
    )
    text: str = Field(description="The reason as a sentence.", examples=["You bought Argan oil shampoo."])
    contribution: float = Field(description="What it adds to the score; may be negative.", examples=[2.31])
    share: float = Field(
        description="Its part of all positive contributions, in percent; 0 where it is negative.",
        examples=[42.1],
    )


class Path(BaseModel):
    """A way through the graph from a reason to the item."""

    nodes: list[str] = Field(
        description="Ids along the way, each with its label.",
        examples=[["Item:B004756YJA", "Item:B004ZT0SSG"]],
    )
    relationships: list[str] = Field(
        description="Types of the relationships between them.", examples=[["BOUGHT_WITH"]]
    )
    cypher: str = Field(
        description="The same as a statement for Neo4j Browser.",
        examples=["MATCH (a:Item {itemId: 'B0'}) RETURN a"],
    )


class ItemFields(TypedDict, total=False):
    """Of an item, the fields asked for; null where it has none."""

    title: Annotated[str | None, Field(description="Its name.", examples=["Hair mask"])]
    description: Annotated[str | None, Field(description="Its text.", examples=["For dry hair."])]
    brand: Annotated[str | None, Field(description="Its brand.", examples=["Acme"])]
    categories: Annotated[
        list[str] | None,
        Field(description="Where it lies, with all that is above.", examples=[["Beauty", "Beauty > Hair"]]),
    ]
    price: Annotated[float | None, Field(description="Its price.", examples=[4.5])]
    list_price: Annotated[float | None, Field(description="Its price when not on sale.", examples=[5.9])]
    currency: Annotated[str | None, Field(description="Of the price.", examples=["EUR"])]
    in_stock: Annotated[bool, Field(description="Whether it can be bought.", examples=[True])]
    released_at: Annotated[
        datetime | None, Field(description="Since when.", examples=["2026-11-01T00:00:00Z"])
    ]
    image: Annotated[str | None, Field(description="Its picture.", examples=["https://shop.example/1.jpg"])]
    attributes: Annotated[
        dict[str, Any], Field(description="Anything else, by name.", examples=[{"colour": "green"}])
    ]


class Recommendation(BaseModel):
    """One recommended item."""

    rank: int = Field(description="Position in this answer, from 1.", examples=[1])
    item_id: str = Field(description="The item.", examples=["B004ZT0SSG"])
    score: float = Field(description="The sum of all contributions.", examples=[5.48])
    source: str = Field(description="The kind of reason that adds most.", examples=["history"])
    pinned_by: str | None = Field(
        None, description="The rule that put it at this rank, if one.", examples=["december-acme"]
    )
    reasons: list[Reason] = Field(
        description="The parts of the score, largest first; small ones are summed up at the end.",
        examples=[[EXAMPLE_REASON]],
    )
    paths: list[Path] | None = Field(
        description="Ways through the graph behind the largest reasons (explain: paths).", examples=[[_PATH]]
    )
    fields: ItemFields = Field(
        description="The fields asked for, as they are in the graph now.", examples=[{"title": "Hair mask"}]
    )


class SourceLeftOut(BaseModel):
    """Something that was to be looked up, and was not to be had in time."""

    source: Source = Field(description="What is missing from the answer.", examples=["history"])
    reason: str = Field(description="Why.", examples=["no answer in 1 s"])


class Fallback(BaseModel):
    """What was answered instead, and why."""

    to: str = Field(description="What the answer rests on instead.", examples=["popular"])
    reason: str = Field(description="Why.", examples=["The graph has no user 'nobody'."])


class RecommendationResponse(BaseModel):
    """Recommended items with what made them, and the versions that produced them."""

    recommendation_id: str = Field(
        description="Names this answer.", examples=["5b1f0f0f6d9c4f0d8a4c6f6f2b7a9e10"]
    )
    model_version: str = Field(
        description="The model whose vectors scored.", examples=["2026-11-23T07-00-00"]
    )
    graph_version: str = Field(description="The last finished refresh of the graph.", examples=["run-42"])
    scenario: str | None = Field(
        None, description="The scenario whose weights, filters and rules hold.", examples=["home"]
    )
    ranking: str | None = Field(
        None,
        description="When the ranking was learned from the shop's past; null for the built-in one.",
        examples=["2026-11-24T20:05:21.4Z"],
    )
    experiment: str | None = Field(
        None, description="The experiment that the request takes part in, if one.", examples=["new-home"]
    )
    arm: Arm | None = Field(
        None, description="The side of the experiment that this shopper is on.", examples=["a"]
    )
    intent: Intent = Field(description="How the request was read.", examples=[{"query": "hair mask"}])
    items: list[Recommendation] = Field(description="Best first.", examples=[[_ITEM]])
    fallback_used: Fallback | None = Field(
        description="Set where the request could not be answered as asked.",
        examples=[{"to": "popular", "reason": "The graph has no user 'nobody'."}],
    )
    filtered_out: dict[str, int] = Field(
        description="How many items were left out, by the first reason that holds: an exclusion, a rule "
        "that hides (rule.<rule_id>), a filter of the scenario (scenario.<field>), a filter.",
        examples=[{"price": 812}],
    )
    sources_left_out: list[SourceLeftOut] = Field(
        default_factory=list,
        description="What could not be looked up in its time, so that the answer rests on the rest.",
        examples=[[{"source": "history", "reason": "no answer in 1 s"}]],
    )
    notes: list[str] = Field(
        description="Anything else worth knowing, such as why there are fewer items than asked for.",
        examples=[["3 of 10 items: no other item is left in the shop (left out: price 812)."]],
    )
    next_page_token: str | None = Field(
        description="Send it as page_token for the items that come after these; null where none is left.",
        examples=["eJyLVnJyMjE1UNJRcooKcTQzBjGMwIxQMCPcLCTXE0y7lnvlK8UCAO9ACeE="],
    )
    took_ms: float = Field(description="Time spent in the API, in milliseconds.", examples=[7.9])


class ModelInfo(BaseModel):
    """A published model."""

    version: str = Field(description="Its version.", examples=["2026-11-23T07-00-00"])
    live: bool = Field(description="Whether recommendations use it.", examples=[True])
    slot: str | None = Field(description="Where its vectors are kept.", examples=["blue"])
    dim: int | None = Field(description="Length of a vector.", examples=[128])
    temperature: float | None = Field(description="Divides the cosines.", examples=[0.1])
    trained_at: str | None = Field(description="When it was trained.", examples=["2026-11-23T07:00:00Z"])
    metrics: dict[str, Any] = Field(description="Its metrics.", examples=[{"recall@10": 0.12}])


class ModelList(BaseModel):
    """All published models."""

    models: list[ModelInfo] = Field(
        description="Newest first.",
        examples=[
            [
                {
                    "version": "2026-11-23T07-00-00",
                    "live": True,
                    "slot": "blue",
                    "dim": 128,
                    "temperature": 0.1,
                    "trained_at": "2026-11-23T07:00:00Z",
                    "metrics": {"recall@10": 0.12},
                }
            ]
        ],
    )


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = Field(description="Names the kind of problem.", examples=["/problems/unknown-item"])
    title: str = Field(description="The kind of problem, in words.", examples=["Unknown item"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="This problem, and what to do.", examples=["There is no item 'B0'."])
    instance: str = Field(description="The path asked for.", examples=["/v1/items/B0/related"])
    errors: list[dict[str, Any]] | None = Field(
        None,
        description="By field: what was given and what was expected.",
        examples=[[{"field": "limit", "value": 0, "expected": "greater than or equal to 1"}]],
    )


class BatchResponse(BaseModel):
    """What came of each request."""

    answers: list[RecommendationResponse | Problem] = Field(
        description="In the order of the requests: an answer, or the problem with this request alone.",
        examples=[[_ANSWER, _PROBLEM]],
    )


class Health(BaseModel):
    """The process is up."""

    status: Literal["ok"] = Field("ok", description="Always ok.", examples=["ok"])


class Ready(BaseModel):
    """The API can answer."""

    status: Literal["ready"] = Field("ready", description="Always ready.", examples=["ready"])
    model_version: str = Field(description="The live model.", examples=["2026-11-23T07-00-00"])
    graph_version: str = Field(description="The last finished refresh.", examples=["run-42"])
    items: int = Field(description="Items in memory.", examples=[12101])
    encoder: str | None = Field(description="The text encoder.", examples=["all-MiniLM-L6-v2"])
    problem: str | None = Field(
        None,
        description="Why changes of the graph are not followed at the moment; null while they are.",
        examples=["The graph cannot be followed: ValueError('…'). See the log."],
    )
    answers_dropped: int = Field(
        0, description="Answers of this process that could not be kept for replays and reports.", examples=[0]
    )
