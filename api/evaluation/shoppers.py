"""Shoppers with a past: do they need an account, are the reasons true, how far do the lists reach."""

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from api.evaluation.measure import (
    RANK_LOST,
    Case,
    Ranking,
    Report,
    System,
    answered,
    report,
)
from api.evaluation.tasks import AT_20, Asking
from api.reads import Reads
from api.recommender import prepare, recommend
from api.schemas import RecommendationRequest
from api.state.served import Serving
from kg.console import progress
from kg.errors import ModelError

_ANSWERS: Final = 1_000  # whose reasons are tried
_LIST: Final = 10  # items of a list whose likeness is judged


async def sessions(cases: list[Case], serving: Serving, reads: Reads) -> Report:
    """The same past under a user id and as an anonymous session; and the newest item of it alone."""
    ask = Asking(serving, reads)

    def unseen(case: Case, **request: Any) -> Awaitable[Ranking]:
        return ask.items(filters={"exclude_item_ids": case.past}, **request)

    systems: dict[str, System] = {
        "popular": unseen,
        "one item: bought with": lambda c: unseen(c, kind="bought_together", item_ids=c.past[-1:]),
        "one item": lambda c: unseen(c, session_items=c.past[-1:]),
        "user": lambda c: unseen(c, user_id=c.user_id),
        "session": lambda c: unseen(c, session_items=c.past),
    }
    return report("sessions", cases, await answered(systems, cases), "session", AT_20)


async def reach(cases: list[Case], serving: Serving, reads: Reads) -> Report:
    """How much of the catalogue is recommended at all, how alike the items of a list are, and the recall."""
    ask, snapshot = Asking(serving, reads), serving.snapshot
    systems: dict[str, System] = {
        f"diversity {value:g}": partial(_diverse, ask, value) for value in (0.5, 0.2, 0.0)
    }

    def likeness(found: Ranking, _: Case) -> float:
        text = snapshot.text[[snapshot.number[item_id] for item_id in found[:_LIST]]]
        cosines = text @ text.T
        return float((cosines.sum() - np.trace(cosines)) / max(len(text) * (len(text) - 1), 1))

    answers = await answered(systems, cases)
    found = report("reach", cases, answers, "diversity 0", AT_20 | {f"likeness@{_LIST}": likeness})
    for name, lists in answers.items():
        shown = {item_id for items in lists for item_id in items[:20]}
        found.systems[name]["coverage@20"] = len(shown) / len(snapshot.ids)
    return found


async def _diverse(ask: Asking, diversity: float, case: Case) -> Ranking:
    return await ask.items(user_id=case.user_id, diversity=diversity)


async def reasons(cases: list[Case], serving: Serving, reads: Reads) -> Report:
    """Whether the past item that a reason names first is the one that the recommendation hangs on.

    Of each answer's first item, each past item is taken out of the session, one by one. `sinks most`: how
    often the score falls most without the item named first. `rank lost`: the median loss of rank without it,
    and without a past item drawn at random.
    """
    tried = [case for case in cases if len(case.past) > 1][:_ANSWERS]
    rng = np.random.default_rng(0)
    most, errors, named, drawn = [], [], [], []
    with progress("reasons", len(tried)) as advance:
        for case in tried:
            answer = await recommend(RecommendationRequest(session_items=list(case.past)), serving, reads)
            advance()
            if not answer.items:
                continue
            first = answer.items[0]
            errors.append(abs(sum(reason.contribution for reason in first.reasons) - first.score))
            cause = next((reason.item_id for reason in first.reasons if reason.type == "session"), None)
            if cause is None:  # nothing of the past speaks for it
                continue
            losses, ranks = await _without_each(case.past, first.item_id, serving, reads)
            place = list(case.past).index(str(cause))
            most.append(losses[place] >= losses.max() - 1e-6)
            named.append(ranks[place])
            drawn.append(ranks[rng.integers(len(ranks))])
    if not most:
        raise ModelError("No answer to a session hangs on its past, so there are no reasons to judge.")
    systems = {
        "named first": {
            "sinks most": float(np.mean(most)),
            "sum off by": float(max(errors)),
            RANK_LOST: float(np.median(named)),
        },
        "drawn at random": {RANK_LOST: float(np.median(drawn))},
    }
    return Report("reasons", len(most), systems, None)


async def _without_each(
    past: Sequence[str], item_id: str, serving: Serving, reads: Reads
) -> tuple[np.ndarray, list[int]]:
    """What the item's score and rank lose without each past item: float64 [n], and places [n]."""
    whole, place = await _standing(past, past, item_id, serving, reads)
    found = [await _standing([p for p in past if p != gone], past, item_id, serving, reads) for gone in past]
    return np.array([whole - score for score, _ in found]), [rank - place for _, rank in found]


async def _standing(
    session: Sequence[str], seen: Sequence[str], item_id: str, serving: Serving, reads: Reads
) -> tuple[float, int]:
    """The item's score, and how many items that were not seen come before it."""
    work = await prepare(RecommendationRequest(session_items=list(session)), serving, reads)
    snapshot = serving.snapshot
    scores = work.scorer.all
    scores[[snapshot.number[i] for i in seen]] = -np.inf
    score = scores[snapshot.number[item_id]]
    return float(score), int(np.count_nonzero(scores > score))
