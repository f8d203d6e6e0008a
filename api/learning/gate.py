"""`shopgraph api gate`: a candidate beside the live model as both would answer, on what neither knows.

`gnn gate` compares scores of the models alone. Here each is put into what serves: with the terms beside the
model's, words that were searched for, and what was popular, late or new just before each choice; the live one
by the weights that were learned beside it, the candidate by these or by the built-in ones. The candidate
answers by its twin, which stops before the choices.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from api.evaluation.measure import p_value
from api.learned import read_learned
from api.learning.cases import Case, cases_of, searches_of
from api.learning.features import BUILT_IN, Looking, Reader, Seen, weights_of
from api.learning.judge import K, judged, linear
from api.learning.twin import as_candidate, load_twin, read_about
from api.loading import load_snapshot
from api.served import with_encoder
from api.signals import Floats
from api.version import check_model
from api.weights import DEFAULT
from kg.console import progress
from kg.dataset import from_graph
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load
from kg.settings import Settings

KIND: Final = "for_you"
LEAST_USERS: Final = 30  # fewer judges say nothing, as at the gate of models
_JUDGE: Final = 4_000  # cases, at most
_Q = load("refresh")


class Compared(NamedTuple):
    """What was found."""

    candidate: str
    live: str
    publish: bool  # nothing speaks against it here
    reason: str
    cases: int  # choices that were asked for
    users: int  # who made them
    ndcg: dict[str, float]  # candidate, live -> NDCG@20, a fraction, a mean over users
    weights: str  # by which the candidate is ranked: present, or built-in where these are better for it
    p_value: float | None  # that the candidate ranks no better, by chance


def gate(graph: Graph, settings: Settings, candidate: str, seed: int = 0) -> Compared:
    """Compare, and add what was found to the verdict of `gnn gate`, where there is one.

    Args:
        candidate: version of a model that was trained here and is not live.
        seed: draws the cases, where there are many.

    Raises:
        ModelError: no model is live, the candidate is; one of them was not trained here, or is broken.
    """
    snapshot = load_snapshot(graph)
    check_model(snapshot.version)
    live = snapshot.version.model
    if candidate == live:
        raise ModelError(f"Model {candidate!r} is live: there is nothing to compare it with.")
    twin = load_twin(settings.home, candidate)
    until, other = twin.judged_until, read_about(settings.home, live).get("until")
    found = Compared(candidate, live, True, "", 0, 0, {}, "present", None)
    if until is None or other is None:
        told = found._replace(reason="it is not known which interactions neither of the models has seen")
        return _kept(graph, told)
    data = from_graph(graph)
    held = data.interactions["order"].to_numpy() > max(until, other)
    searches = searches_of(graph)
    encoder = with_encoder(snapshot, settings).encoder if searches else None
    cases = _some(cases_of(data, np.asarray(held, np.bool_), searches), seed)
    found = found._replace(cases=len(cases), users=len({case.user for case in cases}))
    if found.users < LEAST_USERS:
        told = found._replace(reason=f"only {found.users} shoppers with a past came to something new")
        return _kept(graph, told)
    weights = read_learned(graph).over(DEFAULT, KIND)
    # What was learned was learned beside the live model, and may not suit another one.
    scorers = {"present": linear(weights_of(weights.kinds[KIND])), "built-in": linear(BUILT_IN)}
    values: dict[str, Mapping[str, Floats]] = {}
    for name, served in (("candidate", as_candidate(snapshot, twin)), ("live", snapshot)):
        looking = Looking(data, held, served, Reader(encoder, {}), weights.kinds[KIND], weights)
        values[name] = judged(_counted(looking, cases, name), scorers)
    by = max(scorers, key=lambda name: float(values["candidate"][name].mean()))
    return _kept(
        graph, _decided(found._replace(weights=by), values["candidate"][by], values["live"]["present"])
    )


def _some(cases: list[Case], seed: int) -> list[Case]:
    drawn = np.random.default_rng(seed).permutation(len(cases))[:_JUDGE]
    return [cases[n] for n in np.sort(drawn).tolist()]


def _counted(looking: Looking, cases: list[Case], name: str) -> Iterator[Seen]:
    with progress(f"choices, {name}", len(cases)) as advance:
        for seen in looking.at(cases):
            yield seen
            advance()


def _decided(found: Compared, candidate: Floats, live: Floats) -> Compared:
    ndcg = {"candidate": float(candidate.mean()), "live": float(live.mean())}
    better = ndcg["candidate"] > ndcg["live"]
    reason = (
        f"{'' if better else 'not better '}as it would answer: "
        f"NDCG@{K} {ndcg['candidate']:.4f} against {ndcg['live']:.4f}"
    )
    return found._replace(publish=better, reason=reason, ndcg=ndcg, p_value=p_value(candidate, live))


def _kept(graph: Graph, found: Compared) -> Compared:
    """A verdict that let the candidate through stands only if this does too."""
    for row in graph.read(_Q.gates, candidate=found.candidate):
        if row["live"] == found.live:
            report = json.loads(row["report"]) | {"answers": found._asdict()}
            reason = row["reason"] if found.publish or not row["publish"] else found.reason
            publish = row["publish"] and found.publish
            told = {"publish": publish, "reason": reason, "report": json.dumps(report)}
            graph.write(_Q.add_to_gate, candidate=found.candidate, live=found.live, **told)
    return found
