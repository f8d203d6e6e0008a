"""What a new text means for its item at once: vector, text neighbours, stand-ins for the model's vectors.

The API does it at each request, readers of streams after each batch. `shopgraph graph encode`, `graph build`
and `gnn embed-new` come to the same or better later, for all items.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import neo4j
import numpy as np
import numpy.typing as npt

from kg.console import say
from kg.driver import Graph, Row
from kg.encoder import Encoder
from kg.errors import EncoderError
from kg.models import vector_properties
from kg.queries import load
from kg.text import NEIGHBOURS, compose, text_hash

Floats = npt.NDArray[np.float32]
_Q = load("items")


class Text(NamedTuple):
    """An item's text, encoded; empty where there is none."""

    item_id: str
    text: str
    vector: Floats | None


class Describer:
    """Describes items that are written into a graph one by one, once its items are encoded.

    Args:
        encoder: names the one to use; asked each time, since another may be adopted.
    """

    def __init__(self, graph: Graph, encoder: Callable[[], str]) -> None:
        self._graph, self._wanted = graph, encoder
        self._loaded: tuple[str, Encoder] | None = None
        self._why = ""  # nothing was encoded the last time

    def describe(self, item_ids: Sequence[str]) -> None:
        """Encode the changed texts of these items and link them; what cannot be is left to `graph encode`."""
        found = self._graph.read(_Q.encoder_beside, ids=list(item_ids))
        encoder, why = self._usable(found[0]["model"] if found else None)
        if encoder is not None:
            self._describe(item_ids, encoder)
        elif why != self._why:
            say(f"New texts are not encoded: {why}. Run: shopgraph graph encode")
        self._why = why

    def _usable(self, others: str | None) -> tuple[Encoder | None, str]:
        """The encoder if the other items are encoded by it, else None and the reason."""
        if others is None:
            return None, "the other items are not encoded either"
        name = self._wanted()
        try:
            if self._loaded is None or self._loaded[0] != name:
                self._loaded = name, Encoder(name)
        except EncoderError as error:
            return None, str(error)
        encoder = self._loaded[1]
        if others != encoder.name:
            return None, f"the other items are encoded by {others}, not {encoder.name}"
        return encoder, ""

    def _describe(self, item_ids: Sequence[str], encoder: Encoder) -> None:
        changed = self._graph.transact("texts", lambda tx: changed_texts(tx, item_ids, encoder.name))
        if changed:
            distinct = list(set(changed.values()))
            vectors = dict(zip(distinct, encoder.encode(distinct), strict=True))
            texts = encode(changed, vectors.__getitem__)
            ids = self._graph.transact("text vectors", lambda tx: describe(tx, texts, encoder.name))
            self._graph.transact("text neighbours", lambda tx: link(tx, ids))


def changed_texts(tx: neo4j.ManagedTransaction, item_ids: Sequence[str], model: str) -> dict[str, str]:
    """The texts of those items whose vector is of another text or encoder."""
    rows = tx.run(_Q.texts.text, ids=list(item_ids)).data()
    texts = {row["itemId"]: (compose(row), row) for row in rows}
    return {
        item_id: text
        for item_id, (text, row) in texts.items()
        if (row["textHash"] is not None or text)
        and (row["textHash"] != (text_hash(text) if text else None) or row["textModel"] != model)
    }


def encode(texts: dict[str, str], encoder: Callable[[str], Floats]) -> list[Text]:
    """Equal texts are encoded once."""
    vectors = {text: encoder(text) for text in set(texts.values()) if text}
    return [Text(item_id, text, vectors.get(text)) for item_id, text in texts.items()]


def describe(tx: neo4j.ManagedTransaction, texts: Sequence[Text], model: str) -> list[str]:
    """Store vectors; returns the items that have theirs now.

    A text that has changed again meanwhile is left to who changed it.
    """
    tx.run(load("ingest").take_turn.text, runId="texts").consume()
    now = changed_texts(tx, [text.item_id for text in texts], model)
    current = [text for text in texts if now.get(text.item_id) == text.text]
    rows = [
        {"itemId": text.item_id, "textHash": text_hash(text.text), "vector": text.vector.tolist()}
        for text in current
        if text.vector is not None
    ]
    empty = [text.item_id for text in current if text.vector is None]
    tx.run(load("encode").forget.text, ids=empty).consume()
    tx.run(load("encode").store.text, rows=rows, model=model).consume()
    tx.run(_Q.drop_alike.text, ids=empty).consume()
    ids = [row["itemId"] for row in rows]
    tx.run(_Q.stamp.text, ids=[*ids, *empty]).consume()
    return ids


def link(tx: neo4j.ManagedTransaction, item_ids: Sequence[str]) -> None:
    """Edges to the text neighbours; where a model is live, stand-ins made of their vectors in its slot.

    The vector index knows what was committed: `describe` has a transaction of its own.
    """
    tx.run(load("ingest").take_turn.text, runId="texts").consume()
    live = tx.run(load("gnn").live.text).single()
    slot = "" if live is None else live["slot"]
    names: dict[str, Any] = vector_properties(slot)
    nearest: dict[str, list[Row]] = defaultdict(list)
    for row in tx.run(_Q.alike.text, ids=list(item_ids), k=NEIGHBOURS + 1, **names).data():
        if len(nearest[row["source"]]) < NEIGHBOURS:  # the item itself may not be among those found
            nearest[row["source"]].append(row)
    edges = [
        {"source": source, "target": row["other"], "score": round(row["score"], 6), "count": 0, "lift": 0.0}
        for source, rows in nearest.items()
        for row in rows
    ]
    tx.run(_Q.drop_alike.text, ids=list(item_ids)).consume()
    tx.run(
        load("build").store_edges.text, type="SIMILAR_TO", source="text", runId="live", rows=edges
    ).consume()
    if live is not None:
        stand_ins = [
            {"item_id": source, "context": _mean(near, "context"), "target": _mean(near, "target")}
            for source, rows in nearest.items()
            if (near := [row for row in rows if row["context"] and row["target"]])
        ]
        tx.run(_Q.stand_in.text, rows=stand_ins, slot=slot, **names).consume()
    tx.run(_Q.stamp.text, ids=list(item_ids)).consume()


def _mean(near: list[Row], tower: str) -> list[float]:
    """The mean direction, weighted by how alike the texts are; unit length, as of an item without a past."""
    vectors = np.array([row[tower] for row in near])
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    mean = np.array([row["score"] for row in near]) @ vectors
    result: list[float] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).tolist()
    return result
