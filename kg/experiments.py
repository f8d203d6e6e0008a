"""Experiments: who answers whom while two scenarios are compared, and when that began and ended."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

import neo4j

from kg.driver import Row
from kg.errors import SettingsError
from kg.queries import load

Arm = Literal["a", "b"]
_SCENARIO = "scenario:"


class Experiment(NamedTuple):
    """Two scenarios that share the shoppers of requests for the first."""

    name: str
    a: str  # the scenario that requests name
    b: str  # the scenario that stands in for it
    share: float  # of the shoppers who get b, between 0 and 1
    started_at: datetime
    stopped_at: datetime | None = None

    def arm_of(self, shopper: str) -> Arm:
        """The side that a shopper is on, the same for ever and independent of other experiments.

        >>> from datetime import datetime
        >>> Experiment("new-home", "home", "other", 0.5, datetime.now()).arm_of("4711")
        'a'
        """
        digest = sha256(f"{self.name}\0{shopper}".encode()).digest()
        return "b" if int.from_bytes(digest[:8], "big") < self.share * 2**64 else "a"


def scenario_of(side: str, option: str) -> str:
    """The scenario that one side of an experiment names, such as scenario:home.

    Raises:
        SettingsError: it names a model, or nothing that can be compared.
    """
    name = side.removeprefix(_SCENARIO)
    if side.startswith("model:"):
        raise SettingsError(
            f"{option} is {side!r}: an API process holds the vectors of one model, so that two models cannot "
            "answer side by side. Compare scenarios (scenario:NAME), or models offline: "
            "shopgraph model compare."
        )
    if name == side or not name:
        raise SettingsError(
            f"{option} is {side!r}: expected scenario:NAME, as `shopgraph scenario list` has."
        )
    return name


def start(tx: neo4j.ManagedTransaction, name: str, a: str, b: str, share: float) -> None:
    """Split the shoppers of the scenario `a` from now on.

    Raises:
        SettingsError: a bad share, an unknown scenario, a name that was used, or a scenario in an experiment.
    """
    queries = load("experiments")
    tx.run(load("ingest").take_turn.text, runId="experiment").consume()
    if not 0 < share < 1:
        raise SettingsError(f"--share is {share}: expected a part between 0 and 1, such as 0.5.")
    if a == b:
        raise SettingsError(f"Both sides are the scenario {a!r}: there is nothing to compare.")
    there = [row["name"] for row in tx.run(queries.scenarios.text).data()]
    for scenario in (a, b):
        if scenario not in there:
            raise SettingsError(
                f"There is no scenario {scenario!r}; there are: {', '.join(there) or 'none'}."
            )
    for other in experiments_from(tx.run(queries.every.text).data()):
        if other.name == name:
            raise SettingsError(f"The name {name!r} was used: answers bear it. Choose another one.")
        taken = {a, b} & {other.a, other.b}
        if other.stopped_at is None and taken:
            raise SettingsError(
                f"The scenario {min(taken)!r} is in the experiment {other.name!r}, which runs. Stop it: "
                f"shopgraph experiment stop {other.name}"
            )
    tx.run(queries.start.text, name=name, a=a, b=b, share=share).consume()


def stop(tx: neo4j.ManagedTransaction, name: str) -> Experiment:
    """Let the scenario `a` answer everybody again; returns the experiment as it was.

    Raises:
        SettingsError: there is none of that name.
    """
    tx.run(load("ingest").take_turn.text, runId="experiment").consume()
    found = find(experiments_from(tx.run(load("experiments").every.text).data()), name)
    tx.run(load("experiments").stop.text, name=name).consume()
    return found


def find(experiments: Sequence[Experiment], name: str) -> Experiment:
    """One of them.

    Raises:
        SettingsError: there is none of that name.
    """
    for experiment in experiments:
        if experiment.name == name:
            return experiment
    there = ", ".join(e.name for e in experiments) or "none"
    raise SettingsError(f"There is no experiment {name!r}; there are: {there}.")


def experiments_from(rows: Sequence[Row]) -> list[Experiment]:
    """From the rows of experiments.every."""
    return [
        Experiment(
            row["name"], row["a"], row["b"], float(row["share"]), row["started_at"].to_native(),
            row["stopped_at"] and row["stopped_at"].to_native(),
        )
        for row in rows
    ]  # fmt: skip
