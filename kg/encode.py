"""The stage `encode`: item texts become vectors on the item nodes."""

from functools import partial
from typing import NamedTuple

import neo4j

from kg.console import progress
from kg.driver import Graph, Row
from kg.encoder import Encoder
from kg.errors import GraphError
from kg.onnx_export import Exported, export
from kg.queries import load
from kg.runs import recorded
from kg.settings import Settings
from kg.text import compose, text_hash

_BATCH = 500  # vectors a transaction: about 2 MB over Bolt
_PROBES = 500  # texts that the export is checked by
_WINDOW = 8_192  # texts encoded before they are stored: what a cut-off run loses at most


class Encoded(NamedTuple):
    """What the stage did."""

    items: int
    encoded: int  # items whose vector was made or made again
    texts: int  # distinct texts among them
    unchanged: int
    without_text: int
    encoder: str
    exported: Exported


def encode_items(graph: Graph, settings: Settings, *, force: bool = False) -> Encoded:
    """Encode the items whose text or encoder changed, and export the encoder for the API.

    Raises:
        EncoderError: the encoder cannot be loaded.
        GraphError: the graph has no items.
    """
    queries = load("encode")
    if not graph.read(queries.count)[0]["items"]:
        raise GraphError("the graph has no items to encode. Load a shop first: shopgraph graph ingest FOLDER")
    encoder = Encoder(settings.encoder)
    changed: list[tuple[str, str]] = []
    empty: list[str] = []
    probes: list[str] = []
    items = 0
    for row in graph.stream(queries.items):
        items += 1
        text = compose(row)
        if not text:
            if row["textHash"] is not None:
                empty.append(row["itemId"])
            continue
        if len(probes) < _PROBES:
            probes.append(text)
        if force or row["textModel"] != encoder.name or row["textHash"] != text_hash(text):
            changed.append((row["itemId"], text))
    # First: the API needs it once the first vectors are there.
    exported = export(encoder, settings.home, probes)
    with recorded(graph, "encode") as run:
        if empty:
            graph.write(queries.forget, ids=empty)
        _ensure_index(graph, encoder.dim)
        _store(graph, encoder, changed)
        graph.write(load("ingest").await_indexes)
        texts = len({text for _, text in changed})
        run.counts = {"items": items, "encoded": len(changed), "texts": texts}
    return Encoded(
        items, len(changed), texts, items - len(changed) - len(empty), len(empty), encoder.name, exported
    )


def _store(graph: Graph, encoder: Encoder, changed: list[tuple[str, str]]) -> None:
    changed = sorted(changed, key=lambda pair: (len(pair[1]), pair[1]))  # equal texts fall into one window
    with progress("encode items", len(changed)) as advance:
        for start in range(0, len(changed), _WINDOW):
            window = changed[start : start + _WINDOW]
            vectors = encoder.encode([text for _, text in window], advance=advance)
            rows = [
                {"itemId": item_id, "textHash": text_hash(text), "vector": vector.tolist()}
                for (item_id, text), vector in zip(window, vectors, strict=True)
            ]
            for first in range(0, len(rows), _BATCH):
                some = rows[first : first + _BATCH]
                graph.transact("text vectors", partial(_store_current, rows=some, model=encoder.name))


def _store_current(tx: neo4j.ManagedTransaction, rows: list[Row], model: str) -> None:
    """Store vectors of texts that are still what they were; who changed one sees to it, or the next run."""
    tx.run(load("ingest").take_turn.text, runId="texts").consume()
    ids = [row["itemId"] for row in rows]
    now = {r["itemId"]: text_hash(compose(r)) for r in tx.run(load("items").texts.text, ids=ids).data()}
    current = [row for row in rows if now.get(row["itemId"]) == row["textHash"]]
    tx.run(load("encode").store.text, rows=current, model=model).consume()


def _ensure_index(graph: Graph, dim: int) -> None:
    queries = load("encode")
    found = graph.read(queries.index_size)
    if found and found[0]["size"] != dim:
        graph.write(queries.drop_index)
    graph.write(queries.create_index, options=vector_index(dim))


def vector_index(dim: int) -> dict[str, dict[str, object]]:
    """Options of a cosine vector index over vectors of size `dim`."""
    return {"indexConfig": {"vector.dimensions": dim, "vector.similarity_function": "cosine"}}
