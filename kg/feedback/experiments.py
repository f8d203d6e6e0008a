"""Experiments: who answers whom while two scenarios or models are compared, and from when to when."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple, cast, get_args

import neo4j

from kg.driver import Row
from kg.errors import SettingsError
from kg.queries import load

Arm = Literal["a", "b"]
Kind = Literal["scenario", "model"]


class Experiment(NamedTuple):
    """Two scenarios that share the shoppers of requests for the first, or two models that share all."""

    name: str
    compares: Kind
    a: str  # the scenario that requests name, or the live model
    b: str  # what stands in for it
    share: float  # of the shoppers who get b, between 0 and 1
    started_at: datetime
    stopped_at: datetime | None = None

    def arm_of(self, shopper: str) -> Arm:
        """The side that a shopper is on, the same for ever and independent of other experiments.

        >>> from datetime import datetime
        >>> Experiment("new-home", "scenario", "home", "other", 0.5, datetime.now()).arm_of("4711")
        'a'
        """
        digest = sha256(f"{self.name}\0{shopper}".encode()).digest()
        return "b" if int.from_bytes(digest[:8], "big") < self.share * 2**64 else "a"


def sides_of(a: str, b: str) -> tuple[Kind, str, str]:
    """What two sides name, such as scenario:home and scenario:other, or model:VERSION twice.

    Raises:
        SettingsError: one names nothing that can be compared, or they are of different kinds.
    """
    kinds, names = [], []
    for option, side in (("--a", a), ("--b", b)):
        kind, _, name = side.partition(":")
        if kind not in get_args(Kind) or not name:
            raise SettingsError(
                f"{option} is {side!r}: expected scenario:NAME, as `shopgraph scenario list` has, or "
                "model:VERSION, as `shopgraph model list` has."
            )
        kinds.append(cast("Kind", kind))
        names.append(name)
    if kinds[0] != kinds[1]:
        raise SettingsError(f"{a!r} and {b!r} are of different kinds: compare two scenarios, or two models.")
    return kinds[0], names[0], names[1]


def start(tx: neo4j.ManagedTransaction, name: str, compares: Kind, a: str, b: str, share: float) -> None:
    """Split the shoppers of the scenario `a`, or all shoppers between two models, from now on.

    Raises:
        SettingsError: a bad share, an unknown side, a name that was used, or an experiment in the way.
    """
    queries = load("experiments")
    tx.run(load("ingest").take_turn.text, runId="experiment").consume()
    if not 0 < share < 1:
        raise SettingsError(f"--share is {share}: expected a part between 0 and 1, such as 0.5.")
    if a == b:
        raise SettingsError(f"Both sides are the {compares} {a!r}: there is nothing to compare.")
    if compares == "model":
        _check_models(tx, a, b)
    else:
        _check_scenarios(tx, a, b)
    for other in experiments_from(tx.run(queries.every.text).data()):
        if other.name == name:
            raise SettingsError(f"The name {name!r} was used: answers bear it. Choose another one.")
        if other.stopped_at is None:
            _check_apart(compares, {a, b}, other)
    tx.run(queries.start.text, name=name, compares=compares, a=a, b=b, share=share).consume()


def _check_scenarios(tx: neo4j.ManagedTransaction, a: str, b: str) -> None:
    there = [row["name"] for row in tx.run(load("experiments").scenarios.text).data()]
    for scenario in (a, b):
        if scenario not in there:
            raise SettingsError(
                f"There is no scenario {scenario!r}; there are: {', '.join(there) or 'none'}."
            )


def _check_models(tx: neo4j.ManagedTransaction, a: str, b: str) -> None:
    models = {row["version"]: row for row in tx.run(load("models").all.text).data()}
    live = next((version for version, row in models.items() if row["live"]), None)
    if a != live:
        raise SettingsError(
            f"--a is the model {a!r}: expected the one that is live, {live or 'of which there is none'}."
        )
    if b not in models or models[b]["slot"] is None:
        raise SettingsError(
            f"The vectors of the model {b!r} are not in the graph. Write them into the idle slot: "
            f"shopgraph gnn write-back {b} --hold"
        )


def _check_apart(compares: Kind, sides: set[str], other: Experiment) -> None:
    end = f"Stop it: shopgraph experiment stop {other.name}"
    if "model" in (compares, other.compares):
        raise SettingsError(
            f"The experiment {other.name!r} runs, and one of models takes all shoppers. {end}"
        )
    if taken := sides & {other.a, other.b}:
        raise SettingsError(
            f"The scenario {min(taken)!r} is in the experiment {other.name!r}, which runs. {end}"
        )


def stop(tx: neo4j.ManagedTransaction, name: str) -> Experiment:
    """Let `a` answer everybody again; returns the experiment as it was.

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
            row["name"], row["compares"], row["a"], row["b"], float(row["share"]),
            row["started_at"].to_native(), row["stopped_at"] and row["stopped_at"].to_native(),
        )
        for row in rows
    ]  # fmt: skip
