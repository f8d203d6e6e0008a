"""The constants of ranking, each with a sentence: one place to read.

`shopgraph api learn` fits some of them to a shop (api.learning); what it adopts comes before these.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

# The terms that speak for items whoever asks.
STANDING: Final = ("popularity", "trend", "novelty", "discount", "season")


class KindWeights(BaseModel):
    """How much each term of the score counts for one kind of recommendation."""

    model_config = ConfigDict(frozen=True)

    history: float = Field(1.0, description="Share of the user's past in the user's vector.")
    session: float = Field(1.5, description="Share of the session's items in the user's vector.")
    item: float = Field(2.0, description="Share of the items looked at in the user's vector.")
    gnn: float = Field(1.0, description="Multiplies the cosine of user and item over its temperature.")
    alike_gnn: float = Field(
        0.0, description="Multiplies the cosine of the items looked at and the item, as goals."
    )
    alike_text: float = Field(0.0, description="Multiplies how alike their texts are.")
    cold_text: float = Field(
        1.2,
        description="Multiplies how alike the texts are of the item and those items of the shopper that the "
        "model has no vector of: new ones, or all of them before the first training.",
    )
    words: float = Field(1.0, description="Multiplies the cosine of the query and the item's text.")
    feedback: float = Field(
        0.0,
        description="How much the texts of the five items that match the words best count beside the words.",
    )
    edges: dict[str, float] = Field(
        default_factory=dict, description="By relationship type: what the strongest edge of that type adds."
    )
    edge_floor: float = Field(
        0.0, description="What any such edge adds on top, so that edges come before vectors."
    )
    instead: str | None = Field(
        None,
        description="Set where only items with such an edge will do: the kind answered where there are none.",
    )

    intents: float = Field(
        3.0,
        description="What the item adds that was chosen most by those who asked in the same words, where an "
        "intent of the graph says so; others in proportion, and less the less alike the words are.",
    )
    category: float = Field(
        0.0,
        description="Multiplies, for each past item by its weight, the sum of 1 / log(1 + items in it) over "
        "the categories that both lie in: a rare category says more than a wide one.",
    )
    popularity: float = Field(0.0, description="Multiplies the logarithm of 1 + the number of shoppers.")
    trend: float = Field(0.0, description="Multiplies the logarithm of 1 + the decayed number of events.")
    novelty: float = Field(
        0.0,
        description="Multiplies how new an item is: 1 for the newest, half for 30 days before it, the mean "
        "of all where that is not known.",
    )
    discount: float = Field(
        0.0, description="Multiplies by what part of its list price the item costs less, 0 to 1."
    )
    season: float = Field(
        0.0,
        description="Multiplies the logarithm of how many times as much as usual is wanted of the item's "
        "categories in this week of the year.",
    )
    newest: int = Field(
        0,
        description="Set where the newest items come first: how many of those that comply are ranked first.",
    )

    @property
    def only_edges(self) -> bool:
        """Whether items without an edge are left out."""
        return self.instead is not None


class RankingWeights(BaseModel):
    """Everything that turns signals into a score.

    The score is a sum of cosines over temperatures: a product of experts, each a softmax over the items
    (Hinton 2002, Training products of experts).
    """

    model_config = ConfigDict(frozen=True)

    words_temperature: float = Field(
        0.06,
        description="Temperature of the cosine of query and text: of 0.02 to 0.15 best on beauty with the "
        "category of the item bought next as words (NDCG@10 0.152; words alone 0.043, user alone 0.043).",
    )
    lexical: float = Field(
        5.0,
        description="What the item that is written most in the words adds; the others in proportion. 0.3 of "
        "what a cosine of 1 adds: best on icecat's queries of 0.1 to 0.4, and as good as any on electronic.",
    )
    named: float = Field(
        5.0,
        description="What an item adds that lies in a category whose name the words are: of 0 to 10 the most "
        "that costs no more than 1 % of Recall@20 on electronic, where words name needs.",
    )
    beside_words: float = Field(
        7.0,
        description="How far all other things than words (the model's part, shared categories, and what "
        "speaks for items whoever asks) may put the best of 2,000 items above the median one where there "
        "are words; beyond that they are scaled down together. What is learned to speak for items whoever "
        "asks is bounded by itself too: the 10th at either end, and six tenths of how far the last is.",
    )
    alike_temperature: float = Field(0.06, description="Temperature of how alike two items' texts are.")
    alike_lexical: float = Field(
        0.4,
        description="Of how alike two items' texts are, the share of the words that they have in common "
        "(BM25); the rest is the cosine. On beauty a share of 0.3 to 0.7 finds a tenth more of what was "
        "viewed or bought with an item than the cosine alone.",
    )
    events: dict[str, float] = Field(
        default_factory=lambda: {"purchase": 1.0, "cart": 0.7, "rating": 1.0, "view": 0.4},
        description="Weight of a past item by event type, where the model does not say.",
    )
    kinds: dict[str, KindWeights] = Field(
        default_factory=lambda: {
            # the others were chosen beside models of temperature 0.12; training uses 0.1 since
            "for_you": KindWeights(gnn=0.83),
            "search": KindWeights(history=0.0, session=0.0, item=0.0, gnn=0.0, feedback=0.3),
            "similar": KindWeights(
                history=0.3, session=0.5, item=0.0, gnn=0.3, alike_gnn=0.5, alike_text=1.0
            ),
            "bought_together": KindWeights(
                history=0.3, session=0.5, edges={"BOUGHT_WITH": 10.0}, edge_floor=15.0
            ),
            "complements": KindWeights(
                history=0.3, session=0.5, edges={"COMPLEMENTS": 10.0}, instead="bought_together"
            ),
            "substitutes": KindWeights(
                history=0.3,
                session=0.5,
                item=0.0,
                gnn=0.3,
                alike_text=0.5,
                edges={"SUBSTITUTES": 10.0},
                instead="similar",
            ),
            # the popular come first among those without recent events
            "trending": KindWeights(gnn=0.0, cold_text=0.0, trend=1.0, popularity=0.01),
            "new_arrivals": KindWeights(novelty=1.0, newest=200),
        },
        description="By kind of recommendation.",
    )
    popular: KindWeights = Field(
        default_factory=lambda: KindWeights(popularity=0.5, trend=1.0),
        description="Used where a request brings nothing to go by: on the demo's year these 20 "
        "hold up to 13 % more of what is bought next than those with the most shoppers.",
    )


DEFAULT = RankingWeights()
