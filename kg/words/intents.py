"""The stage `intents`: (:Intent)-[:SATISFIED_BY]->(:Item) from what shoppers searched for and then bought.

What a person changes stays: a text that was changed by hand, `rejected: true` on a need or an edge, and the
absence of a need that was deleted, which a ledger in the graph remembers.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from kg.driver import Graph, Row
from kg.encoder import Encoder
from kg.queries import load
from kg.runs import recorded
from kg.schema import make_keys
from kg.settings import Settings
from kg.words.needs import Encode, Need, Said, needs_from
from kg.words.phrases import Titled, phrases_of

_WITHIN = 86_400  # seconds between a search and what it is taken to have led to
_BATCH = 500
_SAME = 0.9999  # cosine of vectors that differ by rounding alone
_Q = load("intents")
Source = Literal["searches", "phrases"]


class Mined(NamedTuple):
    """What mining did."""

    source: Source  # phrases where nobody searched and bought
    pairs: int  # of words and a choice that followed
    needs: int
    written: int  # new, or with other items, support or words
    deleted: int  # no longer supported by the data
    kept_away: int  # rejected or deleted by a person


class _Before(NamedTuple):
    """What there is, and what a person decided about it."""

    by_id: dict[str, Row]
    deleted: list[str]  # keys
    least: int  # as it was mined the last time
    alike: float

    @property
    def leading(self) -> list[str]:
        return sorted({*(row["key"] for row in self.by_id.values()), *self.deleted})

    @property
    def gone(self) -> list[str]:
        return [*(row["key"] for row in self.by_id.values() if row["rejected"]), *self.deleted]


def mine_intents(
    graph: Graph,
    settings: Settings,
    *,
    least: int | None = None,
    alike: float | None = None,
    restore: bool = False,
) -> Mined:
    """Bring the needs in line with the data; the same data changes nothing.

    Args:
        least: shoppers who must share a need; None: as many as the last time, at first 2.
        alike: words with at least this cosine are one need; None: as the last time, at first 0.9.
        restore: let those come back that a person deleted.

    Raises:
        EncoderError: the encoder cannot be loaded.
    """
    encoder = Encoder(settings.encoder)
    return mine_with(graph, encoder.encode, encoder.name, least=least, alike=alike, restore=restore)


def mine_with(
    graph: Graph,
    encode: Encode,
    model: str,
    *,
    least: int | None = None,
    alike: float | None = None,
    restore: bool = False,
) -> Mined:
    """The same with any encoder of the name `model`."""
    make_keys(graph)
    before = _before(graph, restore=restore)
    least, alike = least or before.least, alike or before.alike
    source: Source = "searches"
    told = list(said_and_chosen(graph))
    needs = needs_from(told, encode, leading=before.leading, gone=before.gone, least=least, alike=alike)
    if not needs and not before.gone:  # nobody searched yet, or no two for the same
        source, told = "phrases", list(phrases_of(_titled(graph)))
        needs = needs_from(told, encode, leading=before.leading, gone=before.gone, least=least, alike=alike)
    found = {need.intent_id: _row(need) for need in needs}
    changed = [row for intent_id, row in found.items() if _differs(before.by_id.get(intent_id), row, model)]
    dropped = [i for i, row in before.by_id.items() if i not in found and not _by_hand(row)]
    kept = (row["key"] for i, row in before.by_id.items() if i not in dropped)
    ledger = sorted({*kept, *(row["key"] for row in found.values()), *before.deleted})
    result = Mined(source, len(told), len(needs), len(changed), len(dropped), len(before.gone))
    with recorded(graph, "intents") as run:
        for start in range(0, len(changed), _BATCH):
            graph.write(_Q.store, rows=changed[start : start + _BATCH], model=model)
        graph.write(_Q.drop, ids=dropped)
        graph.write(_Q.note, keys=ledger, least=least, alike=alike)
        run.counts = result._asdict()
    return result


def _before(graph: Graph, *, restore: bool) -> _Before:
    by_id = {row["intent_id"]: row for row in graph.read(_Q.mined)}
    first: Row = {"keys": [], "least": 2, "alike": 0.9}
    noted = next(iter(graph.read(_Q.ledger)), first)
    there = {row["key"] for row in by_id.values()}
    deleted = [] if restore else sorted(set(noted["keys"]) - there)
    return _Before(by_id, deleted, noted["least"], noted["alike"])


def said_and_chosen(graph: Graph) -> Iterator[Said]:
    """Words and what was chosen after them: from searches, and as the shop's files declare it."""
    yield from _from_searches(graph)
    yield from _from_files(graph)


def _from_searches(graph: Graph) -> Iterator[Said]:
    """Each purchase with the last words that its user searched for before it."""
    for row in graph.stream(_Q.searches):
        searches = sorted((at, text) for at, text in row["searches"])
        times = [at for at, _ in searches]
        for item_id, bought in row["bought"]:
            for at in bought:
                last = bisect_right(times, at) - 1
                if last >= 0 and at - times[last] <= _WITHIN:
                    yield Said(searches[last][1], row["user_id"], item_id)


def _from_files(graph: Graph) -> Iterator[Said]:
    for row in graph.stream(_Q.declared):
        for item_id in row["items"]:
            yield Said(row["text"], row["intent_id"], item_id)


def _titled(graph: Graph) -> list[Titled]:
    return [
        Titled(
            row["item_id"],
            row["title"],
            None if row["vector"] is None else np.array(row["vector"], dtype=np.float32),
            row["categories"],
            row["shoppers"],
        )
        for row in graph.stream(_Q.titles)
    ]


def _row(need: Need) -> Row:
    """As intents.store takes it; an edge weighs its part of the choices."""
    return {
        "intent_id": need.intent_id,
        "key": need.key,
        "text": need.text,
        "support": need.support,
        "embedding": need.embedding.tolist(),
        "items": [
            {"item_id": item_id, "weight": round(times / need.support, 6), "support": times}
            for item_id, times in need.items
        ],
    }


def _differs(old: Row | None, new: Row, model: str) -> bool:
    if old is None or (old["mined_text"], old["support"], old["model"]) != (
        new["text"],
        new["support"],
        model,
    ):
        return True
    items = sorted([item["item_id"], item["weight"], item["support"]] for item in new["items"])
    return items != sorted(old["items"]) or bool(np.dot(old["embedding"], new["embedding"]) < _SAME)


def _by_hand(row: Row) -> bool:
    return bool(row["rejected"]) or row["text"] != row["mined_text"]
