"""The three tasks: words with an item looked at, words alone over the whole catalogue, words with a past."""

from functools import partial
from typing import Any, Final

import numpy as np

from api.evaluation.measure import Case, Metric, Ranking, Report, System, answered, ndcg, recall, report
from api.evaluation.rivals import Rivals
from api.reads import Reads
from api.recommender import prepare, recommend
from api.schemas import RecommendationRequest
from api.state.served import Serving
from kg.driver import Graph, Row
from kg.errors import GraphError
from kg.queries import load

K: Final = 20
_USERS: Final = 2_000
_PAST: Final = 200  # newest items of a user that a session may have
_Q = load("evaluate")
AT_20: Final[dict[str, Metric]] = {"recall@20": partial(recall, k=K), "ndcg@20": partial(ndcg, k=K)}


class Asking:
    """Asks as a shop would, through the whole of the serving path."""

    def __init__(self, serving: Serving, reads: Reads) -> None:
        self._serving, self._reads = serving, reads

    async def items(self, **request: Any) -> list[str]:
        """The ids of a recommendation, best first."""
        wanted = RecommendationRequest(**{"limit": K, "explain": "none", "fields": []} | request)
        return [item.item_id for item in (await recommend(wanted, self._serving, self._reads)).items]

    async def whole(self, words: str) -> Ranking:
        """What a search answers, and after it all other items by the same score."""
        first = await self.items(query=words, kind="search", limit=100)
        request = RecommendationRequest(query=words, kind="search")
        work = await prepare(request, self._serving, self._reads)
        snapshot = self._serving.snapshot
        scores = work.scorer.all
        rest = (snapshot.ids[n] for n in np.argsort(-scores, kind="stable").tolist())
        return list(dict.fromkeys([*first, *rest]))


async def intents(cases: list[Case], serving: Serving, reads: Reads) -> dict[str, list[Ranking]]:
    """A need that several items satisfy: its words alone, its first item alone, and both find the others."""
    ask = Asking(serving, reads)

    async def words(case: Case) -> Ranking:
        # The item looked at is no answer here either, though nobody says that it is looked at.
        return [i for i in await ask.items(query=case.words, limit=K + 1) if i != case.item_id]

    systems: dict[str, System] = {
        "words": words,
        "context": lambda case: ask.items(item_ids=[case.item_id]),
        "both": lambda case: ask.items(query=case.words, item_ids=[case.item_id]),
    }
    return await answered(systems, cases)


def intent_cases(graph: Graph) -> dict[str, Case]:
    """By the id of the need, all that can be asked."""
    found = {row["intent_id"]: case for row in graph.read(_Q.intents) if (case := _intent(row))}
    _some(list(found.values()))
    return found


def intent_report(cases: list[Case], answers: dict[str, list[Ranking]]) -> Report:
    """Of the answers of `intents`."""
    return report("intent", cases, answers, "both", AT_20)


async def search(graph: Graph, serving: Serving, reads: Reads) -> Report:
    """Judged queries: ours against full-text, vectors, their fusion, and neo4j-graphrag on the same database.

    `ndcg@10` is over the whole catalogue, where an item that nobody judged counts as wrong; `ndcg@10 judged`
    ranks the judged items alone. The gain of a rating r is 2^r - 1.
    """
    rows = {row["text"]: row["ratings"] for row in graph.read(_Q.queries)}
    gains = {words: {item: 2.0**r - 1 for item, r in ratings if r > 0} for words, ratings in rows.items()}
    cases = _some([Case(words, of) for words, of in gains.items() if of])
    judged = {words: {item for item, _ in ratings} for words, ratings in rows.items()}

    def among_judged(found: Ranking, case: Case) -> float:
        return ndcg([item for item in found if item in judged[case.words]], case, 10)

    ask = Asking(serving, reads)
    systems = Rivals(graph, serving).systems() | {"ours": lambda case: ask.whole(case.words)}
    metrics: dict[str, Metric] = {"ndcg@10": partial(ndcg, k=10), "ndcg@10 judged": among_judged}
    return report("search", cases, await answered(systems, cases), "ours", metrics)


def hold_out(graph: Graph, most: int = _USERS) -> list[Case]:
    """Take the last item of each user away, before a model is trained.

    The query is the item's rarest category in words, as in published work on product search (Van Gysel et
    al. 2016).

    Args:
        most: users at most, drawn once.
    """
    last = {row["user_id"]: row["item_id"] for row in graph.write_rows(_Q.hold_out)}
    rows = graph.read(_Q.rarest_categories, item_ids=sorted(set(last.values())))
    words = {row["item_id"]: row["name"] for row in rows}
    users = [user for user, item in last.items() if item in words]
    chosen = sorted(np.random.default_rng(0).permutation(users)[:most].tolist())
    pasts = {row["user_id"]: row["items"] for row in graph.read(_Q.pasts, user_ids=chosen)}
    return [Case(words[last[u]], {last[u]: 1.0}, user_id=u, past=pasts[u][-_PAST:]) for u in chosen]


async def history(cases: list[Case], serving: Serving, reads: Reads) -> Report:
    """A user's next item: the words alone, the user alone, and both."""
    ask = Asking(serving, reads)
    systems: dict[str, System] = {
        "words": lambda case: ask.items(query=case.words),
        "context": lambda case: ask.items(user_id=case.user_id),
        "both": lambda case: ask.items(query=case.words, user_id=case.user_id),
    }
    metrics = AT_20 | {"ndcg@10": partial(ndcg, k=10)}
    return report("history", _some(cases), await answered(systems, cases), "both", metrics)


def _intent(row: Row) -> Case | None:
    first, *others = dict.fromkeys(row["items"])
    return Case(row["text"], dict.fromkeys(others, 1.0), first) if others and row["text"] else None


def _some(cases: list[Case]) -> list[Case]:
    if not cases:
        raise GraphError("There is nothing to evaluate on: the folder has no such right answers.")
    return cases
