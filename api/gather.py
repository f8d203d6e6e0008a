"""From a request to the signals that rank for it: what the graph says now about the user and the items."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from api.history import MOST_EDGES, Past, fresh_seed, past_from, seed, session_seeds
from api.problems import ApiError, bad_field
from api.ranking.signals import Edge, Need, Seed, Signals, Words
from api.ranking.weights import RankingWeights
from api.reads import Reads
from api.schemas import RecommendationRequest
from api.schemas.answers import Source
from api.sources import Sources
from api.state.served import Serving
from api.state.snapshot import Snapshot, Vectors
from api.words.needs import needs_of
from api.words.scope import for_staff
from kg.driver import Row
from kg.queries import load

_Q = load("api")
NEEDS_ITEMS = frozenset({"similar", "bought_together", "complements", "substitutes"})


class Gathered(NamedTuple):
    """What a request brings, looked up."""

    past: Past | None  # None where nobody is named, or their past is left out
    signals: Signals
    words: str | None  # as encoded
    notes: list[str]
    left_out: dict[Source, str]  # why a source is missing


async def gather(
    request: RecommendationRequest, serving: Serving, reads: Reads, weights: RankingWeights
) -> Gathered:
    """Look up everything at once, each source within its time.

    Raises:
        ApiError: an unknown item, a kind without the items it needs; a source that is needed and missing.
        GraphError: the graph does not answer what is needed.
    """
    if request.kind in NEEDS_ITEMS and not (request.item_ids or request.session_items):
        raise bad_field("item_ids", [], f"an item, here or in session_items, for kind {request.kind!r}")
    snapshot = serving.snapshot
    words = " ".join((request.query or "").split()) or None
    sources = Sources(serving.timeouts, _needed(request, weights))
    (said, needs), past, items, edges = await asyncio.gather(
        _said(words, serving, reads, sources),
        sources.ask("history", _past(request, snapshot, reads, weights), None),
        sources.ask("items", seeds_of(request.item_ids, snapshot, reads), []),
        sources.ask("edges", _edges(request, snapshot, reads, weights), []),
    )
    session = session_seeds(snapshot, request.session_items)
    seeds = [*(past.seeds if past else ()), *session, *items]
    return Gathered(
        past=past,
        signals=Signals(seeds, anchors=items or session, words=said, edges=edges, needs=needs),
        words=words,
        notes=_notes(request, snapshot, sources),
        left_out=sources.left_out,
    )


def _needed(request: RecommendationRequest, weights: RankingWeights) -> frozenset[Source]:
    """The sources without which an answer would be wrong, or would have nothing to go by."""
    needed: set[Source] = {"items"}  # only they tell whether an item exists
    others = request.past_of or request.session_items or request.item_ids
    if request.kind == "search" or (request.kind == "for_you" and not others):
        needed.add("words")
    if weights.kinds[request.kind].only_edges:
        needed.add("edges")
    if request.exclude_seen:  # asked for in so many words
        needed.add("history")
    return frozenset(needed)


async def _said(
    words: str | None, serving: Serving, reads: Reads, sources: Sources
) -> tuple[Words | None, list[Need]]:
    """What the words mean, then what others chose after such words."""
    said = await sources.ask("words", _words(words, serving), None)
    if said is None:
        return None, []
    needs = needs_of(said.vector, serving.needs, serving.snapshot, reads)
    return said, await sources.ask("intents", needs, [])


async def _words(words: str | None, serving: Serving) -> Words | None:
    if words is None:
        return None
    if serving.encoder is None:
        raise ApiError(503, "no-encoder", f"The query cannot be read: {serving.encoder_problem}")
    return await asyncio.to_thread(compared, words, serving.encoder.encode, serving.snapshot)


def compared(words: str, encode: Callable[[str], Vectors], snapshot: Snapshot) -> Words:
    """What words mean, beside every item."""
    vector = encode(words)
    return Words.of(words, vector, snapshot, for_staff(vector, encode))


async def _past(
    request: RecommendationRequest, snapshot: Snapshot, reads: Reads, weights: RankingWeights
) -> Past | None:
    if request.past_of is None:
        return None
    (row,) = await reads.rows(_Q.history, user_id=request.past_of, most=MOST_EDGES)
    return past_from(row["known"], row["events"], snapshot, snapshot.event_weights(weights.events))


async def seeds_of(item_ids: Sequence[str], snapshot: Snapshot, reads: Reads) -> list[Seed]:
    """Items that are looked at, each once; one that came just now is read from the graph.

    Raises:
        ApiError: there is no such item.
    """
    wanted = list(dict.fromkeys(item_ids))
    missing = [i for i in wanted if i not in snapshot.number]
    fresh: dict[str, Row] = {}
    if missing:
        rows = await reads.rows(
            _Q.fresh,
            item_ids=missing,
            model=snapshot.version.model,
            **snapshot.version.properties,
        )
        fresh = {row["item_id"]: row for row in rows}
    unknown = [i for i in missing if i not in fresh]
    if unknown:
        raise ApiError(404, "unknown-item", f"There is no item {unknown[0]!r} in the graph.")
    found = (seed(snapshot, i, "item") or fresh_seed(snapshot, fresh[i], "item") for i in wanted)
    return list(found)


async def _edges(
    request: RecommendationRequest, snapshot: Snapshot, reads: Reads, weights: RankingWeights
) -> list[Edge]:
    kind = weights.kinds[request.kind]
    types = [*kind.edges, *(weights.kinds[kind.instead].edges if kind.instead else ())]
    if not types:
        return []
    anchors = list(dict.fromkeys(request.item_ids or request.session_items))
    return [
        Edge(seed_id, snapshot.number[item_id], type_, float(score), int(times))
        for seed_id, item_id, type_, score, times in await reads.one_list(
            _Q.edges, item_ids=anchors, types=types
        )
        if item_id in snapshot.number
    ]


def _notes(request: RecommendationRequest, snapshot: Snapshot, sources: Sources) -> list[str]:
    unknown = [i for i in dict.fromkeys(request.session_items) if i not in snapshot.number]
    notes = [f"Ignored {len(unknown)} unknown session items, the first is {unknown[0]!r}."] if unknown else []
    if "history" in sources.left_out and request.kind == "for_you" and request.exclude_seen is None:
        notes.append("What the user bought may be among the items, since their history is missing.")
    return notes
