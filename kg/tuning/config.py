"""How an encoder is fine-tuned; kept beside the weights."""

from pydantic import BaseModel, ConfigDict, Field


class TuneConfig(BaseModel):
    """Defaults fit a laptop without a GPU."""

    model_config = ConfigDict(frozen=True)

    full: bool = Field(False, description="Train all weights instead of low-rank additions (LoRA).")
    rank: int = Field(16, ge=1, description="Rank of LoRA's additions.")
    rate: float | None = Field(
        None, gt=0, description="Learning rate; unset 5e-4 with LoRA, 1e-4 without, falling to 0."
    )
    epochs: int = Field(2, ge=1, description="How often each pair is seen at most.")
    batch: int = Field(
        64,
        ge=2,
        description="Pairs a step: each is told from the others. Above 64, memory stays, but for needs.",
    )
    tokens: int = Field(64, ge=8, description="Texts are cut after so many tokens, in training only.")
    most_pairs: int = Field(10_000, ge=1, description="Pairs of each kind to train on, drawn at random.")
    most_candidates: int = Field(
        5_000, ge=100, description="Items among which the right ones must be found, drawn at random."
    )
    patience: int = Field(5, ge=1, description="Looks at the validation loss without a gain before the end.")
    max_minutes: float = Field(30, gt=0, description="Training stops after so many minutes.")
    seed: int = Field(0, ge=0, description="Of the draws and the order of training.")

    @property
    def learning_rate(self) -> float:
        return self.rate or (1e-4 if self.full else 5e-4)
