"""Which model is live, on which graph."""

import json
from typing import NamedTuple

from kg.columns import RELATIONSHIP_OF
from kg.driver import Graph, Row
from kg.errors import ModelError
from kg.models import vector_properties
from kg.queries import load

_Q = load("api")
_SLOTS = ("blue", "green")
_NO_MODEL = "No model is live in this graph. Run: shopgraph gnn train, then shopgraph gnn write-back."


class Version(NamedTuple):
    """Which model is live, on which graph."""

    model: str
    graph: str
    slot: str
    dim: int
    temperature: float
    event_weights: tuple[tuple[str, float], ...]  # (event type, weight of an item by it) as trained
    fade: float = 0.0  # a past item counts exp(-fade) less for each newer one
    linear: float = 0.0  # how much LEADS_TO edges count next to a cosine

    @property
    def trained(self) -> bool:
        """Whether there is a model; without one, text, edges and popularity rank alone."""
        return self.dim > 0

    @property
    def properties(self) -> dict[str, str]:
        """Those of items that hold its vectors: `context_property` and `target_property`, as queries want."""
        return vector_properties(self.slot)


def version_from(state: Row) -> Version:
    """From the row of api.state; one without vectors while no model is live.

    Raises:
        ModelError: the model's node does not say what it should.
    """
    model, graph = state["model_version"], state["graph_version"] or "unversioned"
    if model is None:
        return Version("none", graph, "none", dim=0, temperature=1.0, event_weights=())
    try:
        serving = json.loads(state["serving"] or "{}")
        weights = serving.get("event_weights", {}).items()
        return Version(
            model=model,
            graph=graph,
            slot=_SLOTS[_SLOTS.index(state["slot"])],
            dim=int(state["dim"]),
            temperature=float(state["temperature"]),
            event_weights=tuple((event, float(w)) for event, w in weights if event in RELATIONSHIP_OF),
            fade=float(serving.get("fade", 0.0)),
            linear=float(serving.get("linear", 0.0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"The node of model {model!r} is broken: {error!r}. Publish it again: shopgraph gnn write-back."
        ) from error


def read_version(graph: Graph) -> Version:
    """The live version.

    Raises:
        ModelError: its node is broken.
    """
    return version_from(graph.read(_Q.state)[0])


def check_model(version: Version) -> None:
    """Raises ModelError where no model is live."""
    if not version.trained:
        raise ModelError(_NO_MODEL)
