"""What a training run can be told, saved with the model that it made."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

TEXT: Final = "text"  # in `without`


class TrainConfig(BaseModel):
    """Each default is meant for any shop of 2,000 to 50,000 items; the epochs are chosen on validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(256, ge=2, description="Length of each item vector.")
    temperature: float = Field(0.1, gt=0, description="Cosines are divided by it before the softmax.")
    id_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of items trained as if they were new in each step."
    )
    new_item_cost: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="What part of their validation figure known items may lose where others are new "
        "instead of known; where validation asks for new items, it decides by itself.",
    )
    start_scale: float = Field(0.1, gt=0, description="Standard deviation of the first ID embeddings.")
    learning_rate: float = Field(1.5e-3, gt=0, description="Adam's step size.")
    batch_users: int = Field(
        1024,
        ge=1,
        description="Users a step; fewer in small shops, more in large ones: some 20 to 200 steps an epoch.",
    )
    shown_share: float = Field(
        0.5, gt=0, lt=1, description="Chance of a user's item to be shown, not asked for."
    )
    examples: Literal["auto", "any", "next"] = Field(
        "auto",
        description="What is asked for: any of a user's other items, or the next after a point in time. "
        "auto: the next where the held-out part comes after the training part.",
    )
    next_items: int = Field(3, ge=1, description="How many of the next items are asked for.")
    fade: float = Field(
        0.2, ge=0, description="In training on the next items, an item counts exp(-fade) less per newer one."
    )
    linear_penalty: float = Field(50.0, gt=0, description="Ridge penalty of the linear item–item term.")
    linear_k: int = Field(
        100, ge=0, description="Items whose linear weights an item is scored by; 0 leaves the term out."
    )
    precision: Literal["auto", "float32"] = Field(
        "auto", description="auto: bfloat16 for the products with all items, where the processor gains by it."
    )
    max_epochs: int = Field(30, ge=1, description="Epochs at most; validation usually stops earlier.")
    patience: int = Field(2, ge=1, description="Epochs without a better validation figure before it stops.")
    stop_on: str = Field(
        "ndcg@20",
        pattern=r"^(recall|ndcg|hr|mrr|map)@(10|20)$",
        description="Validation metric that chooses the epoch: recall, ndcg, hr, mrr or map at 10 or 20.",
    )
    valid_users: int = Field(
        10_000, ge=1, description="Users that epoch and blend are chosen by, drawn once."
    )
    relation_weight: float = Field(1.0, description="First weight of each relation, then learned.")
    text_k: int = Field(10, ge=1, description="Text neighbours that send a message to an item.")
    bought_k: int = Field(30, ge=1, description="Items bought with it that send a message to an item.")
    bought_least: int = Field(2, ge=1, description="Pairs bought together less often send no message.")
    relations: bool = Field(
        False, description="Whether the relations that the shop declared send messages too."
    )
    without: str = Field(
        "",
        description="For ablations: relations that send no message, joined by +, for example "
        "made_by+in_category; text: items have none but for their neighbours.",
    )
    fit_valid: bool = Field(
        True,
        description="Whether the model that meets the test part is trained again with the validation part. "
        "False: as papers on next-item prediction do, who tell it as history only.",
    )
    seed: int = Field(0, description="Of the start, the batches and the dropout.")

    @property
    def left_out(self) -> frozenset[str]:
        """Relations and TEXT."""
        return frozenset(self.without.split("+")) - {""}
