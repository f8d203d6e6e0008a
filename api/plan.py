"""How a request is answered: with which weights, and what instead where it cannot be answered as asked."""

from typing import NamedTuple

import numpy as np

from api.gather import Gathered
from api.ranking.signals import Seed, Signals
from api.ranking.tempering import tempered
from api.ranking.weights import STANDING, KindWeights, RankingWeights
from api.schemas import RecommendationRequest
from api.schemas.answers import Fallback
from api.state.snapshot import Snapshot

_NOTHING = "The request names no user, items or words to go by."


class Plan(NamedTuple):
    """The weights to rank with, and what they weigh."""

    kind: KindWeights
    signals: Signals
    going_by: list[str]  # the types of reason that can add to a score
    fallback: Fallback | None


def plan_for(
    request: RecommendationRequest, gathered: Gathered, snapshot: Snapshot, weights: RankingWeights
) -> Plan:
    """Choose weights by the kind asked for and by what there is to go by."""
    kind, fallback = _by_time(weights.kinds[request.kind], snapshot, weights)
    signals = _of_kind(gathered.signals, kind)
    if kind.instead and not signals.edges:
        reason = f"The graph has no {request.kind.upper()} edges at the items named."
        fallback = Fallback(to=kind.instead, reason=reason)
        kind = weights.kinds[kind.instead]
        signals = _of_kind(gathered.signals, kind)
    going_by = types_in(signals, kind)
    if request.kind == "for_you" and set(going_by) <= set(STANDING) and going_by and not kind.popularity:
        # What a scenario adds, a discount perhaps, few items have: what is chosen most is there as well.
        common = {
            name: getattr(kind, name) or getattr(weights.popular, name) for name in ("popularity", "trend")
        }
        kind = kind.model_copy(update=common)
        going_by = types_in(signals, kind)
    if request.kind == "for_you" and {"words"} <= set(going_by) <= {"words", "intent", *STANDING}:
        # The words alone are a search.
        kind = kind.model_copy(update={"feedback": weights.kinds["search"].feedback})
    by_rules = ["rule"] if signals.boosts else []
    lacking = _lacking_user(request, gathered)
    if not going_by:
        reason = lacking or _NOTHING
        if fallback is not None:
            reason = f"{fallback.reason} {reason}"
        return Plan(
            weights.popular, signals, ["popularity", *by_rules], Fallback(to="popular", reason=reason)
        )
    impersonal = request.kind == "for_you" and set(going_by) <= set(STANDING)
    if (lacking or impersonal) and fallback is None and request.kind != "trending":
        fallback = Fallback(to=" and ".join(going_by), reason=lacking or _NOTHING)
    return Plan(tempered(snapshot, signals, kind, weights), signals, [*going_by, *by_rules], fallback)


def types_in(signals: Signals, kind: KindWeights) -> list[str]:
    """The types of reason that can add to a score."""
    found = []
    for name in ("history", "session", "item"):
        seeds = [s for s in signals.seeds if s.type == name and getattr(kind, name)]
        if any(
            (kind.gnn and np.any(s.context)) or (kind.cold_text and _cold(s)) or kind.category for s in seeds
        ):
            found.append(name)
    if kind.alike_text or kind.alike_gnn:
        found += [a.type for a in signals.anchors if np.any(a.text) or np.any(a.target)]
    if signals.edges and kind.edges:
        found.append("edge")
    if signals.words is not None and kind.words:
        found.append("words")
    if signals.needs and kind.intents:
        found.append("intent")
    found += [name for name in STANDING if getattr(kind, name)]
    return list(dict.fromkeys(found))


def _cold(seed: Seed) -> bool:
    return bool(np.any(seed.text) and not np.any(seed.context))


def _by_time(
    kind: KindWeights, snapshot: Snapshot, weights: RankingWeights
) -> tuple[KindWeights, Fallback | None]:
    """The kind, or what replaces it where the graph lacks the times that it goes by."""
    if kind.trend and not snapshot.activity.trend.any():
        reason = "The graph has no times of events, so what is chosen lately is not known."
        popular = kind.model_copy(update={"trend": 0.0, "popularity": 1.0})
        return popular, Fallback(to="popular", reason=reason)
    if kind.newest and np.isnan(snapshot.arrived).all():
        reason = "The graph has no release dates and no times of events, so what is new is not known."
        return weights.kinds["for_you"], Fallback(to="for_you", reason=reason)
    return kind, None


def _of_kind(signals: Signals, kind: KindWeights) -> Signals:
    return signals._replace(edges=[e for e in signals.edges if e.type in kind.edges])


def _lacking_user(request: RecommendationRequest, gathered: Gathered) -> str | None:
    if "history" in gathered.left_out:
        return f"The past of {_who(request)} is not known: {gathered.left_out['history']}."
    if gathered.past is None:
        return None
    if not gathered.past.known:
        return f"The graph has no {_who(request)}."
    if not gathered.past.seeds:
        return f"There is no past yet of {_who(request)}."
    return None


def _who(request: RecommendationRequest) -> str:
    return f"user {request.user_id!r}" if request.user_id else f"session {request.session_id!r}"
