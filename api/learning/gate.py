"""`shopgraph api gate`: a candidate beside the live model as both would answer, on what neither knows.

`gnn gate` compares scores of the models alone. Here each is put into what serves: with the terms beside the
model's, weighed as `api learn` would weigh them beside it, words that were searched for, and what was
popular, late or new just before each choice. The candidate answers by its twin, which stops before these. It
must be better overall and not clearly worse in any segment.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from api.evaluation.measure import p_value
from api.learning.cases import Bools, cases_of, searches_of
from api.learning.crossfit import LEAST_USERS, Parts, chosen, cross_fit, parts_of
from api.learning.features import Looking, Reader, Seen, weights_of
from api.learning.judge import Found, K, Segments
from api.learning.twin import as_candidate, load_twin, read_about
from api.ranking.learned import read_learned
from api.ranking.signals import Floats, Numbers
from api.ranking.weights import DEFAULT
from api.state.loading import load_snapshot
from api.state.served import with_encoder
from api.state.snapshot import Snapshot
from api.state.version import check_model
from kg.console import say
from kg.dataset import from_graph
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load
from kg.settings import Settings
from kg.significance import holm

KIND: Final = "for_you"
_FIT, _JUDGE = 1_000, 2_000  # cases of a half of the shoppers, at most
_HEAVY: Final = 11  # items of the past: as many as a heavy user has
_CATEGORIES: Final = 30  # that most was taken of
_ALPHA: Final = 0.025
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
    p_value: float | None  # that the candidate ranks no better, by chance
    segments: dict[str, dict[str, float]]  # segment -> users, candidate, live, and p that it is no worse


def gate(graph: Graph, settings: Settings, candidate: str, seed: int = 0) -> Compared:
    """Compare, and add what was found to the verdict of `gnn gate`, where there is one.

    Args:
        candidate: version of a model that was trained here and is not live.
        seed: deals the shoppers into halves, and draws the cases where there are many.

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
    found = Compared(candidate, live, True, "", 0, 0, {}, None, {})
    if until is None or other is None:
        told = found._replace(reason="it is not known which interactions neither of the models has seen")
        return _kept(graph, told)
    data = from_graph(graph)
    held = data.interactions["order"].to_numpy() > max(until, other)
    searches = searches_of(graph)
    encoder = with_encoder(snapshot, settings).encoder if searches else None
    cases = cases_of(data, np.asarray(held, np.bool_), searches)
    parts = parts_of(cases, seed, fitting=_FIT, judging=_JUDGE)
    found = found._replace(cases=parts.sizes[1], users=parts.users)
    if found.users < LEAST_USERS:
        told = found._replace(reason=f"only {found.users} shoppers with a past came to something new")
        return _kept(graph, told)
    weights = read_learned(graph).over(DEFAULT, KIND)
    looking = Looking(data, held, snapshot, Reader(encoder, {}), weights.kinds[KIND], weights)
    segments = segments_of(looking, parts)
    say("The candidate:")
    mine = _best(looking._replace(snapshot=as_candidate(snapshot, twin)), parts, seed, segments)
    say("The live model:")
    return _kept(graph, _decided(found, mine, _best(looking, parts, seed, segments)))


def segments_of(looking: Looking, parts: Parts) -> Segments:
    """New items, which nobody had before, and others; heavy users and light; the categories most taken of."""
    rows, snapshot = looking.data.interactions, looking.snapshot
    place = np.array([snapshot.number.get(item_id, -1) for item_id in looking.data.items["item_id"]])
    had = _among(place[rows["item"].to_numpy()[~looking.held]], snapshot)
    taken = place[[item for half in parts.judging for case in half for item in case.items]]
    times, tree = np.bincount(taken[taken >= 0], minlength=len(snapshot.ids)), snapshot.categories
    most = sorted(tree.names, key=lambda category: (-times[tree.within(category)].sum(), category))
    named = Counter(tree.names.values())
    inside = {
        f"category: {name}" + (f" ({c})" if named[name] > 1 else ""): _among(tree.within(c), snapshot)
        for c, name in ((c, tree.names[c]) for c in most[:_CATEGORIES])
    }

    def parted(seen: Seen) -> dict[str, Numbers]:
        taken = seen.taken
        user = "heavy" if len(seen.case.past) >= _HEAVY else "light"
        return {
            "items: new": taken[~had[taken]],
            "items: others": taken[had[taken]],
            f"users: {user}": taken,
            **{name: taken[items[taken]] for name, items in inside.items()},
        }

    return parted


def _among(numbers: Numbers, snapshot: Snapshot) -> Bools:
    """Which items are among these, [n_items]; -1 is none."""
    found = np.zeros(len(snapshot.ids), dtype=np.bool_)
    found[numbers[numbers >= 0]] = True
    return found


def _best(
    looking: Looking, parts: Parts, seed: int, segments: Segments
) -> tuple[Floats, Mapping[str, Found]]:
    """NDCG@20 of each shopper, and by segment, by the weights that `api learn` would choose."""
    fitted = cross_fit(looking, parts, weights_of(looking.kind), seed, segments=segments)
    name = chosen(fitted.values).name
    return fitted.values[name], fitted.segments[name]


def _decided(
    found: Compared,
    candidate: tuple[Floats, Mapping[str, Found]],
    live: tuple[Floats, Mapping[str, Found]],
) -> Compared:
    (mine, of_mine), (theirs, of_theirs) = candidate, live
    ndcg = {"candidate": float(mine.mean()), "live": float(theirs.mean())}
    segments = {
        name: {
            "users": float(len(of.users)),
            "candidate": float(of.users.mean()),
            "live": float(of_theirs[name].users.mean()),
            "p": _worse(of, of_theirs[name]),
        }
        for name, of in of_mine.items()
        if len(of.users) >= LEAST_USERS
    }
    better = ndcg["candidate"] > ndcg["live"]
    reason = (
        f"{'' if better else 'not better '}as it would answer: "
        f"NDCG@{K} {ndcg['candidate']:.4f} against {ndcg['live']:.4f}"
    )
    worse = holm({name: row["p"] for name, row in segments.items()}, _ALPHA)
    if better and worse:
        row, better = segments[worse[0]], False
        reason = (
            f"clearly worse as it would answer in {worse[0]}: NDCG@{K} {row['candidate']:.4f} against "
            f"{row['live']:.4f}, p {row['p']:.4f}"
        )
    p = p_value(mine, theirs)
    return found._replace(publish=better, reason=reason, ndcg=ndcg, p_value=p, segments=segments)


def _worse(candidate: Found, live: Found) -> float:
    """One-sided p that the candidate is no worse, over shoppers and over items: the larger of the two.

    An item that one model ranks lower is lower for all who took it, so that shoppers alone are too sure.
    """
    return max(p_value(live.users, candidate.users), p_value(live.items, candidate.items))


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
