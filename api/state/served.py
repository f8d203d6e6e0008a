"""What a request works with: one snapshot, one encoder, and what people set."""

from typing import NamedTuple

from api.encoder import QueryEncoder
from api.experiments import Experiments, Part, running
from api.ranking.learned import Learned, read_learned
from api.scenarios.current import Scenarios, read_scenarios
from api.schemas import shopper_of
from api.sources import Timeouts, timeouts_of
from api.state.loading import load_snapshot
from api.state.snapshot import Snapshot
from api.words.needs import Needs, read_needs
from kg.driver import Graph
from kg.errors import EncoderError
from kg.onnx_export import encoder_folder
from kg.queries import load
from kg.settings import Settings

_EXPERIMENTS = load("experiments")


class Serving(NamedTuple):
    """What one request works with from its beginning to its end."""

    snapshot: Snapshot
    encoder: QueryEncoder | None
    encoder_problem: str | None  # why there is no encoder
    scenarios: Scenarios = Scenarios()
    needs: Needs = Needs()
    timeouts: Timeouts = Timeouts()
    experiments: Experiments = Experiments()
    learned: Learned = Learned()
    challenger: Snapshot | None = None  # the same items by the other model of an experiment

    def part_of(self, scenario: str | None, user_id: str | None, session_id: str | None) -> Part:
        """Which scenario and model answer a request, by the experiments that run."""
        models = self.snapshot.version.model, self.challenger.version.model if self.challenger else None
        shopper = shopper_of(user_id, session_id)
        return self.experiments.part_of(scenario, shopper, self.scenarios, models)

    def taking(self, part: Part) -> "Serving":
        """What a request with this part works with."""
        return self._replace(snapshot=self.challenger) if part.challenged and self.challenger else self


def load_serving(graph: Graph, settings: Settings) -> Serving:
    """Snapshot, encoder and what people set, once; of experiments those of scenarios, as one model is read.

    Raises:
        ModelError: the live model's vectors are broken, or there are no items.
    """
    serving = with_encoder(load_snapshot(graph), settings)
    return serving._replace(
        scenarios=read_scenarios(graph),
        needs=read_needs(graph, serving.snapshot.text_model),
        timeouts=timeouts_of(settings),
        learned=read_learned(graph),
        experiments=running([e for e in graph.read(_EXPERIMENTS.every) if e["compares"] == "scenario"]),
    )


def with_encoder(snapshot: Snapshot, settings: Settings) -> Serving:
    """A snapshot with the encoder that made its text vectors, or with the reason why there is none."""
    if snapshot.text_model is None:
        return Serving(snapshot, None, "No item has a text vector. Run: shopgraph graph encode")
    try:
        encoder = QueryEncoder(encoder_folder(settings.home, snapshot.text_model))
    except EncoderError as error:
        return Serving(snapshot, None, str(error))
    if encoder.dim != snapshot.text.shape[1]:
        detail = f"{encoder.name} makes {encoder.dim} numbers, the items have {snapshot.text.shape[1]}"
        return Serving(snapshot, None, f"{detail}. Run: shopgraph graph encode")
    return Serving(snapshot, encoder, None)
