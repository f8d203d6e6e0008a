"""`shopgraph api learn`: weights that would have ranked better what shoppers went on to choose.

Each half of the shoppers judges what was fitted to the other half, beside what ranks now (cross-fitting), so
that all of them judge; what is adopted is fitted to all. Nothing looks ahead: vectors are those of the twin,
and what is popular, late or new is what was so just before each choice.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from api.evaluation.measure import p_value
from api.learned import read_learned
from api.learning.cases import Case, cases_of, held_out, searches_of
from api.learning.features import BUILT_IN, TERMS, Looking, Reader, Seen, named, weights_of
from api.learning.judge import K, Scorer, judged, linear
from api.learning.logit import Choices, fit
from api.learning.sample import choices_of, joined
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
_FIT: Final = 2_000  # cases of a half that are fitted to, at most
_JUDGE: Final = 4_000  # and that judge
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
    cases: tuple[int, int]  # that were fitted to, that judged
    users: int  # who judged
    ndcg: dict[str, float]  # present, built-in, learned and others -> NDCG@20, a fraction
    p_value: float | None  # that the learned weights rank no better than the better of the first two
    learned_at: str | None = None  # where they were adopted


def learn(
    graph: Graph, settings: Settings, *, adopt: bool = True, seed: int = 0, others: Others | None = None
) -> Outcome:
    """Fit, judge and, where that is better, adopt.

    Args:
        adopt: False only tells what would be adopted.
        seed: draws the halves of the shoppers.
        others: further rankings to judge beside.

    Raises:
        ModelError: no model is live, or its twin is not here.
        GraphError: the graph has no interactions.
    """
    looking, cases = _looked_up(graph, settings)
    present = weights_of(looking.kind)
    halves = _halves(cases, seed)
    fitting, judging = ([_some(half, most, seed) for half in halves] for most in (_FIT, _JUDGE))
    found = Outcome(
        kind=KIND,
        adopted=False,
        reason="",
        model_version=looking.snapshot.version.model,
        present=dict(named(present, [True] * len(TERMS))),
        weights={},
        cases=(sum(map(len, fitting)), sum(map(len, judging))),
        users=len({case.user for half in judging for case in half}),
        ndcg={},
        p_value=None,
    )
    if found.users < LEAST_USERS:
        return found._replace(
            reason=f"only {found.users} shoppers with a past came to something that the twin does not know"
        )
    with progress("cases that fit", found.cases[0]) as advance:
        choices = [choices_of(_counted(looking, half, advance), present, seed) for half in fitting]
    both = joined(choices, [len(half) for half in fitting])
    varied = (np.ptp(both.x, axis=1) > 0).any(axis=0)
    values: dict[str, list[Floats]] = {}
    with progress("cases that judge", found.cases[1]) as advance:
        for half, by in zip(judging, reversed(choices), strict=True):
            learned = np.where(varied, fit(by), present)
            scorers = {
                "present": linear(present),
                "built-in": linear(BUILT_IN),
                "learned": linear(learned),
                **(others(by) if others else {}),
            }
            for name, of in judged(_counted(looking, half, advance), scorers).items():
                values.setdefault(name, []).append(of)
    learned = np.where(varied, fit(both), present)
    found = _decided(
        found._replace(weights=dict(named(learned, varied[1:].tolist()))),
        {name: np.concatenate(of) for name, of in values.items()},
    )
    if found.adopted and adopt:
        return _adopt(graph, found)
    if adopt and _outdated(found.ndcg) and undo(graph):
        return found._replace(reason=f"{found.reason}; what was learned beside another model is taken back")
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
    looking = Looking(data, held, judged_by, Reader(encoder, {}), weights.kinds[KIND], weights)
    return looking, cases_of(data, held, searches)


def _halves(cases: Sequence[Case], seed: int) -> list[list[Case]]:
    """The cases of two halves of the shoppers, in the order of their moments."""
    users = np.random.default_rng(seed).permutation(sorted({case.user for case in cases}))
    first = set(users[: len(users) // 2].tolist())
    return [[case for case in cases if (case.user in first) is wanted] for wanted in (True, False)]


def _some(cases: Sequence[Case], most: int, seed: int) -> list[Case]:
    """As many of the cases, drawn, in the same order."""
    drawn = np.random.default_rng(seed).permutation(len(cases))[:most]
    return [cases[n] for n in np.sort(drawn).tolist()]


def _counted(looking: Looking, cases: Sequence[Case], advance: Advance) -> Iterator[Seen]:
    for seen in looking.at(cases):
        yield seen
        advance()


def _decided(found: Outcome, values: Mapping[str, Floats]) -> Outcome:
    """With the figures, and whether the learned weights are better than the present and the built-in ones."""
    figures = {name: float(of.mean()) for name, of in values.items()}
    base = "built-in" if _outdated(figures) else "present"
    p = p_value(values["learned"], values[base])
    better = figures["learned"] > figures[base] and p < _ALPHA
    ranks = "what ranks now" if base == "present" else "the built-in weights"
    reason = (
        f"NDCG@{K} {figures['learned']:.4f} against {figures[base]:.4f}, p {p:.4f}"
        f"{'' if better else f': not clearly better than {ranks}'}"
    )
    return found._replace(adopted=better, reason=reason, ndcg=figures, p_value=p)


def _outdated(figures: Mapping[str, float]) -> bool:
    """Whether what was learned, beside another model, ranks worse than the built-in weights do."""
    return figures["built-in"] > figures["present"]


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
