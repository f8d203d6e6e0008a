"""`shopgraph api learn`: weights that would have ranked better what shoppers went on to choose.

Half of the shoppers fit the weights, the other half judge them beside those that serve now. Nothing looks
ahead: vectors are those of the twin, and what is popular, late or new is what was so just before each choice.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from api.evaluation.measure import p_value
from api.learned import read_learned
from api.learning.cases import Case, cases_of, held_out, searches_of
from api.learning.features import TERMS, Looking, Seen, Words, named, weights_of
from api.learning.judge import K, Scorer, judged, linear
from api.learning.logit import Choices, fit
from api.learning.sample import choices_of
from api.learning.twin import as_judged, load_twin
from api.loading import load_snapshot
from api.served import with_encoder
from api.signals import Floats
from api.version import check_model
from api.weights import DEFAULT
from kg.console import Advance, progress, say
from kg.dataset import from_graph
from kg.driver import Graph
from kg.queries import load
from kg.settings import Settings

KIND: Final = "for_you"
LEAST_USERS: Final = 30  # fewer judges say nothing, as at the gate of models
_MOST: Final = 4_000  # cases that fit, and cases that judge
_ALPHA: Final = 0.05
_Q = load("ranking")
Others = Callable[[Choices], Mapping[str, Scorer]]  # what else to fit and judge


class Outcome(NamedTuple):
    """What was learned, and whether it ranks now."""

    kind: str
    adopted: bool
    reason: str
    model_version: str
    present: dict[str, float]  # the weights that ranked before
    weights: dict[str, float]  # those that were learned
    cases: tuple[int, int]  # that fitted, that judged
    users: int  # who judged
    ndcg: dict[str, float]  # present, learned and others -> NDCG@20, a fraction
    p_value: float | None  # that the learned weights rank no better
    learned_at: str | None = None  # where they were adopted


def learn(
    graph: Graph, settings: Settings, *, adopt: bool = True, seed: int = 0, others: Others | None = None
) -> Outcome:
    """Fit, judge and, where that is better, adopt.

    Args:
        adopt: False only tells what would be adopted.
        seed: draws the shoppers who fit.
        others: further rankings to judge beside.

    Raises:
        ModelError: no model is live, or its twin is not here.
        GraphError: the graph has no interactions.
    """
    looking, cases = _looked_up(graph, settings)
    present = weights_of(looking.kind)
    fitting, judging = _halves(cases, seed)
    found = Outcome(
        kind=KIND,
        adopted=False,
        reason="",
        model_version=looking.snapshot.version.model,
        present=dict(named(present, [True] * len(TERMS))),
        weights={},
        cases=(len(fitting), len(judging)),
        users=len({case.user for case in judging}),
        ndcg={},
        p_value=None,
    )
    if found.users < LEAST_USERS or not fitting:
        return found._replace(
            reason=f"only {found.users} shoppers with a past came to something that the twin does not know"
        )
    with progress("cases that fit", len(fitting)) as advance:
        choices = choices_of(_counted(looking, fitting, advance), present, seed)
    varied = (np.ptp(choices.x, axis=1) > 0).any(axis=0)
    learned = np.where(varied, fit(choices), present)
    scorers = {"present": linear(present), "learned": linear(learned), **(others(choices) if others else {})}
    with progress("cases that judge", len(judging)) as advance:
        values = judged(_counted(looking, judging, advance), scorers)
    found = _decided(found._replace(weights=dict(named(learned, varied[1:].tolist()))), values)
    if found.adopted and adopt:
        return _adopt(graph, found)
    told = ", and nothing was to be adopted" if found.adopted else ""
    return found._replace(adopted=False, reason=found.reason + told)


def undo(graph: Graph) -> bool:
    """Rank by the built-in weights again; whether there were others."""
    return bool(graph.write_rows(_Q.drop, kind=KIND))


def _looked_up(graph: Graph, settings: Settings) -> tuple[Looking, list[Case]]:
    snapshot = load_snapshot(graph)
    check_model(snapshot.version)
    twin = load_twin(settings.home, snapshot.version.model)
    data = from_graph(graph)
    held = held_out(data, twin)
    searches = searches_of(graph)
    encoder = with_encoder(snapshot, settings).encoder if searches else None
    if searches and encoder is None:
        say("What shoppers searched for is left out: there is no encoder. Run: shopgraph graph encode")
    weights = read_learned(graph).over(DEFAULT, KIND)
    judged_by = as_judged(snapshot, twin)
    looking = Looking(data, held, judged_by, Words(encoder, {}), weights.kinds[KIND], weights)
    return looking, cases_of(data, held, searches)


def _halves(cases: Sequence[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """Cases of one half of the shoppers, and of the other; both in the order of their moments."""
    rng = np.random.default_rng(seed)
    users = rng.permutation(sorted({case.user for case in cases}))
    fit_by = set(users[: len(users) // 2].tolist())

    def some(wanted: bool) -> list[Case]:
        of = [case for case in cases if (case.user in fit_by) is wanted]
        return [of[n] for n in np.sort(rng.permutation(len(of))[:_MOST]).tolist()]

    return some(True), some(False)


def _counted(looking: Looking, cases: Sequence[Case], advance: Advance) -> Iterator[Seen]:
    for seen in looking.at(cases):
        yield seen
        advance()


def _decided(found: Outcome, values: Mapping[str, Floats]) -> Outcome:
    """With the figures, and whether the learned weights are better."""
    figures = {name: float(of.mean()) for name, of in values.items()}
    p = p_value(values["learned"], values["present"])
    better = figures["learned"] > figures["present"] and p < _ALPHA
    reason = (
        f"NDCG@{K} {figures['learned']:.4f} against {figures['present']:.4f}, p {p:.4f}"
        f"{'' if better else ': not clearly better than what ranks now'}"
    )
    return found._replace(adopted=better, reason=reason, ndcg=figures, p_value=p)


def _adopt(graph: Graph, found: Outcome) -> Outcome:
    metrics = {"ndcg": found.ndcg, "p_value": found.p_value, "users": found.users, "cases": found.cases[1]}
    (row,) = graph.write_rows(
        _Q.adopt,
        kind=found.kind,
        weights=json.dumps(found.weights),
        metrics=json.dumps(metrics),
        model=found.model_version,
    )
    return found._replace(learned_at=row["learned_at"])
