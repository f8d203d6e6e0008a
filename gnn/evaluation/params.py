"""What each rival can be told, and beside it where `gnn tune` searches."""

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kg.errors import ModelError


class Search(NamedTuple):
    """The range of a parameter; whole numbers where both ends are."""

    low: float
    high: float
    log: bool = False


class Params(BaseModel):
    """Parameters of a model without any."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stopping(Params):
    """When a model that learns step by step stops, while the number of epochs is chosen."""

    max_epochs: int = Field(100, ge=1, description="Epochs at most.")
    every: int = Field(5, ge=1, description="Epochs between two looks at the validation part.")
    patience: int = Field(3, ge=1, description="Looks without a better figure before it stops.")
    minutes: float = Field(20.0, gt=0, description="Minutes after which it stops too.")


class ItemKnnParams(Params):
    neighbours: Annotated[int, Search(20, 2000, log=True)] = Field(
        0, ge=0, description="Most similar items that each item keeps; 0: all."
    )
    shrink: Annotated[float, Search(0.1, 100, log=True)] = Field(
        0.0, ge=0, description="Added to the cosine's denominator, so that few common users prove little."
    )


class EaseParams(Params):
    penalty: Annotated[float, Search(5, 2000, log=True)] = Field(50.0, gt=0, description="Ridge penalty.")


class ContentKnnParams(Params):
    neighbours: Annotated[int, Search(5, 500, log=True)] = Field(
        20, ge=0, description="Nearest texts that each item keeps; 0: all."
    )


class IalsParams(Stopping):
    factors: Annotated[int, Search(32, 256, log=True)] = Field(128, ge=1, description="Length of a vector.")
    regularization: Annotated[float, Search(1e-3, 1.0, log=True)] = Field(0.05, ge=0)
    alpha: Annotated[float, Search(1, 50, log=True)] = Field(10.0, gt=0, description="Weight of a purchase.")
    max_epochs: int = Field(30, ge=1, description="Iterations at most.")
    every: int = Field(3, ge=1)


class BprParams(Stopping):
    factors: Annotated[int, Search(32, 256, log=True)] = Field(128, ge=1, description="Length of a vector.")
    learning_rate: Annotated[float, Search(1e-3, 0.1, log=True)] = Field(0.03, gt=0)
    regularization: Annotated[float, Search(1e-4, 0.1, log=True)] = Field(0.01, ge=0)
    max_epochs: int = Field(400, ge=1, description="Epochs at most.")
    every: int = Field(20, ge=1)


class LightGcnParams(Stopping):
    dim: Annotated[int, Search(32, 128, log=True)] = Field(64, ge=2, description="Length of a vector.")
    layers: Annotated[int, Search(1, 4)] = Field(3, ge=1, description="Hops.")
    learning_rate: Annotated[float, Search(5e-4, 2e-2, log=True)] = Field(5e-3, gt=0)
    regularization: Annotated[float, Search(1e-6, 1e-2, log=True)] = Field(1e-4, ge=0)
    batch: int = Field(4096, ge=1, description="Pairs a step.")
    max_epochs: int = Field(400, ge=1, description="Epochs at most.")


def checked(kind: type[BaseModel], values: dict[str, Any], of: str) -> BaseModel:
    """The parameters of a model from names and values, which may be text.

    Raises:
        ModelError: a name is not known (the message has the known ones), or a value does not do.
    """
    unknown = sorted(set(values) - set(kind.model_fields))
    if unknown:
        known = ", ".join(kind.model_fields) or "none"
        raise ModelError(f"{of} has no parameter {', '.join(unknown)}; it has: {known}.")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(f"{of}: {first['loc'][0]} is {first['input']!r}: {first['msg'].lower()}.") from error


def search_space(kind: type[BaseModel]) -> dict[str, Search]:
    """Which parameters are searched, and where."""
    return {
        name: entry
        for name, field in kind.model_fields.items()
        for entry in field.metadata
        if isinstance(entry, Search)
    }
