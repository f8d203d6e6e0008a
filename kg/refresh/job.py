"""What the stages of one refresh share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from kg.driver import Graph
from kg.refresh import StageName
from kg.refresh.child import shopgraph
from kg.refresh.lease import Lease
from kg.settings import Settings


class Options(BaseModel):
    """What a refresh can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    full: bool = Field(False, description="Look at every row and count every edge again.")
    until: StageName | None = Field(None, description="The last stage to run.")
    allow_shrink: bool = Field(False, description="Go on although a source lost more than a fifth.")
    max_rejects: float = Field(0.05, ge=0, le=1, description="Part of a table's rows that may be bad.")
    retrain: bool = Field(True, description="Whether model and ranking may be trained again.")
    new_interactions: float = Field(
        0.05, ge=0, description="Train again when there are so many new interactions, as a part of all known."
    )
    new_items: float = Field(
        0.05,
        ge=0,
        description="Train again when so many items have no vector of the model, as a part of all.",
    )
    max_days: float = Field(
        30, ge=0, description="Train again when the model is so old and anything at all has changed."
    )
    drift: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Train again when the vectors agree by such a part less with what is counted than when "
        "they were published.",
    )
    lease_seconds: int = Field(60, ge=4, description="The lease frees itself so long after its holder died.")


class Source(NamedTuple):
    """A shop's folder, as the graph remembers it."""

    name: str
    folder: Path
    manifest: Path | None
    folders: list[str]  # where it is and was
    items: int | None  # of the last whole load
    interactions: int | None


class Done(NamedTuple):
    """What a stage did."""

    counts: dict[str, Any]
    watermark: str | None = None  # how far it came: a fingerprint, a turn, a version
    changed: bool = False  # whether it changed the graph


@dataclass
class Job:
    """One refresh."""

    graph: Graph
    settings: Settings
    options: Options
    run_id: str
    lease: Lease
    sources: list[Source]
    resumed: bool = False  # an earlier process of the same run was stopped half-way
    pending: bool = False  # earlier runs that did not go to the end changed something
    # By stage, also by an earlier process of the same run.
    done: dict[str, Done] = field(default_factory=dict)

    def command(self, *arguments: str) -> Any:
        """The JSON of a `shopgraph` command, run as a process of its own."""
        return shopgraph(self.graph, self.settings, self.lease, *arguments)

    @property
    def unsettled(self) -> bool:
        """Whether what follows from changes is to be looked at."""
        return self.changed or self.pending or self.options.full

    @property
    def changed(self) -> bool:
        """Whether anything changed so far, or may have."""
        return self.resumed or any(done.changed for done in self.done.values())
