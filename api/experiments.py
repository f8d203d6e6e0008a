"""The running experiments as requests use them: which scenario or model answers whom."""

from collections.abc import Container, Sequence
from typing import NamedTuple

from api.schemas.answers import Arm
from kg.driver import Row
from kg.feedback.experiments import Experiment, experiments_from


class Part(NamedTuple):
    """The part that a request takes in an experiment, or in none."""

    scenario: str | None  # that answers
    experiment: str | None = None
    arm: Arm | None = None
    notes: Sequence[str] = ()
    challenged: bool = False  # whether the other model answers


class Experiments:
    """The experiments that run: several of scenarios, or a single one of models."""

    def __init__(self, running: Sequence[Experiment] = ()) -> None:
        self._by_scenario = {e.a: e for e in running if e.compares == "scenario"}
        self._of_models = next((e for e in running if e.compares == "model"), None)

    def part_of(
        self,
        asked: str | None,
        shopper: str | None,
        scenarios: Container[str],
        models: tuple[str, str | None],
    ) -> Part:
        """Who answers a request.

        Args:
            asked: the scenario that it names.
            shopper: who asks; None for somebody unknown.
            scenarios: names of those that there are.
            models: the live one, and the other one whose vectors are at hand.
        """
        experiment = self._of_models or (self._by_scenario.get(asked) if asked is not None else None)
        if experiment is None:
            return Part(asked)
        name, by_model = experiment.name, experiment.compares == "model"
        if by_model and models != (experiment.a, experiment.b):
            note = f"The experiment {name!r} waits: not both of its models are at hand."
            return Part(asked, notes=[note])
        if not by_model and experiment.b not in scenarios:
            note = f"The experiment {name!r} waits: its scenario {experiment.b!r} is gone."
            return Part(asked, notes=[note])
        if shopper is None:
            note = f"Not counted in the experiment {name!r}: neither user_id nor session_id is given."
            return Part(asked, name, "a", [note])
        arm = experiment.arm_of(shopper)
        if by_model:
            return Part(asked, name, arm, challenged=arm == "b")
        return Part(experiment.b if arm == "b" else asked, name, arm)


def running(rows: Sequence[Row]) -> Experiments:
    """From the rows of experiments.every."""
    return Experiments([e for e in experiments_from(rows) if e.stopped_at is None])
