"""`shopgraph api learn`: weights that would have ranked better what shoppers went on to choose.

Each half of the shoppers judges what was fitted to the other half, beside what ranks now (cross-fitting), so
that all of them judge; what is adopted is fitted to all. Nothing looks ahead: vectors are those of the twin,
and what is popular, late or new is what was so just before each choice.
"""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from api.learning.cases import Case, cases_of, held_out, searches_of
from api.learning.crossfit import LEAST_USERS, Chosen, Others, chosen, cross_fit, parts_of
from api.learning.features import TERMS, Looking, Reader, named, weights_of
from api.learning.judge import K
from api.learning.twin import as_judged, load_twin
from api.ranking.learned import read_learned
from api.ranking.signals import Floats
from api.ranking.weights import DEFAULT
from api.state.loading import load_snapshot
from api.state.served import with_encoder
from api.state.version import check_model
from kg.console import say
from kg.dataset import from_graph
from kg.driver import Graph
from kg.queries import load
from kg.settings import Settings

KIND: Final = "for_you"
_FIT, _JUDGE = 2_000, 4_000  # cases of a half of the shoppers, at most
_Q = load("ranking")


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
    beside_words: float = 1.0  # what trend, novelty and the like are multiplied by where words are given
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
    parts = parts_of(cases, seed, fitting=_FIT, judging=_JUDGE)
    found = Outcome(
        kind=KIND,
        adopted=False,
        reason="",
        model_version=looking.snapshot.version.model,
        present=dict(named(present, [True] * len(TERMS))),
        weights={},
        cases=parts.sizes,
        users=parts.users,
        ndcg={},
        p_value=None,
    )
    if found.users < LEAST_USERS:
        return found._replace(
            reason=f"only {found.users} shoppers with a past came to something that the twin does not know"
        )
    fitted = cross_fit(looking, parts, present, seed, others)
    choice = chosen(fitted.values)
    learned = dict(named(fitted.weights, fitted.varied[1:].tolist()))
    share = round(looking.beside_words(fitted.weights), 4)
    found = _decided(found._replace(weights=learned, beside_words=share), fitted.values, choice)
    if found.adopted and adopt:
        return _adopt(graph, found)
    if choice.name == "built-in" and adopt and undo(graph):
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


def _decided(found: Outcome, values: Mapping[str, Floats], choice: Chosen) -> Outcome:
    """With the figures, and whether the learned weights are better than the present and the built-in ones."""
    figures = {name: float(of.mean()) for name, of in values.items()}
    better = choice.name == "learned"
    ranks = "what ranks now" if choice.base == "present" else "the built-in weights"
    reason = (
        f"NDCG@{K} {figures['learned']:.4f} against {figures[choice.base]:.4f}, p {choice.p_value:.4f}"
        f"{'' if better else f': not clearly better than {ranks}'}"
    )
    return found._replace(adopted=better, reason=reason, ndcg=figures, p_value=choice.p_value)


def _adopt(graph: Graph, found: Outcome) -> Outcome:
    metrics = {"ndcg": found.ndcg, "p_value": found.p_value, "users": found.users, "cases": found.cases[1]}
    (row,) = graph.write_rows(
        _Q.adopt,
        kind=found.kind,
        weights=json.dumps(found.weights),
        metrics=json.dumps(metrics),
        model=found.model_version,
        beside_words=found.beside_words,
    )
    return found._replace(learned_at=row["learned_at"])
