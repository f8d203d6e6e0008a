"""Reads the snapshot of the live model from the graph."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from api.ranking.weights import DEFAULT
from api.state.activity import read_activity
from api.state.columns import categories_from, columns_from
from api.state.snapshot import Snapshot, Vectors
from api.state.version import Version, read_version
from api.words.lexicon import Lexicon
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load
from kg.words.classifier import Classifier

_Q = load("api")


def load_snapshot(graph: Graph) -> Snapshot:
    """Read everything; a version that moves meanwhile is read again.

    Raises:
        ModelError: the vectors of the live model do not fit what it says of them, or there are no items.
    """
    while True:
        version = read_version(graph)
        snapshot = _read(graph, version)
        if read_version(graph) == version:
            return snapshot


def _read(graph: Graph, version: Version) -> Snapshot:
    columns = {r[0]: r[1:] for r in read_columns(graph)}
    rows = [
        _Item(
            r["item_id"],
            r["text_model"],
            r["shoppers"],
            written(r["written"]),
            *map(vector, (r["text"], r["context"], r["target"])),
        )
        for r in graph.stream(_Q.vectors, **version.properties)
        if r["item_id"] in columns  # an item that came in between waits for the next snapshot
    ]
    if not rows:
        raise ModelError("The graph has no items. Run: shopgraph graph ingest FOLDER")
    ids = [r.item_id for r in rows]
    number = {item_id: n for n, item_id in enumerate(ids)}
    text_model = next(
        (m for m, _ in Counter(r.text_model for r in rows if r.text_model).most_common(1)), None
    )
    texts = [(r.item_id, r.text if r.text_model == text_model else None) for r in rows]
    text_dim = next((t.size for _, t in texts if t is not None), 0)
    shown = columns_from([columns[i] for i in ids])
    categories = categories_from(graph.read(_Q.categories), graph.read(_Q.item_categories), number)
    return Snapshot(
        version=version,
        ids=ids,
        number=number,
        context=_learned(version, "context", [(r.item_id, r.context) for r in rows]),
        target=_learned(version, "target", [(r.item_id, r.target) for r in rows]),
        linear=leads_to(graph, version, number, len(ids)),
        text=matrix(version, "textEmbedding", text_dim, texts),
        text_model=text_model,
        lexicon=Lexicon([r.written for r in rows]),
        shoppers=np.array([r.shoppers for r in rows], dtype=np.int64),
        columns=shown,
        categories=categories,
        activity=read_activity(graph, number, len(ids), DEFAULT.events | dict(version.event_weights)),
        currencies=frozenset(graph.read(_Q.currencies)[0]["currencies"]),
        trained=classifiers_of(
            graph, text_model, text_dim, {"category": categories.names, "brand": shown.brand_number}
        ),
    )


def classifiers_of(
    graph: Graph, text_model: str | None, dim: int, there: Mapping[str, Collection[str]]
) -> dict[str, Classifier]:
    """What `shopgraph graph classify` learned of words of this encoder, by kind.

    Args:
        there: by kind, the labels that there still are.
    """
    found = {}
    for row in graph.read(load("classify").read, model=text_model):
        kept = [n for n, label in enumerate(row["labels"]) if label in there[row["kind"]]]
        weights = np.array(row["weights"], dtype=np.float32).reshape(len(row["labels"]), dim)
        bias = np.array(row["bias"], dtype=np.float32)
        found[row["kind"]] = Classifier([row["labels"][n] for n in kept], weights[kept], bias[kept])
    return found


def read_columns(graph: Graph) -> list[list[Any]]:
    """The rows that `api.state.columns.columns_from` takes, each with its item's id before it."""
    return [row for some in graph.stream(_Q.columns) for row in some["columns"]]


def learned_vectors(graph: Graph, version: Version, ids: Sequence[str]) -> tuple[Vectors, Vectors]:
    """Context and target vectors of the version's slot for these items, [n, dim]; zero where it has none.

    Raises:
        ModelError: there are none, or one is not finite or of another size.
    """
    context, target = {}, {}
    for row in graph.stream(_Q.learned, **version.properties):
        context[row["item_id"]], target[row["item_id"]] = vector(row["context"]), vector(row["target"])
    return (
        _learned(version, "context", [(i, context.get(i)) for i in ids]),
        _learned(version, "target", [(i, target.get(i)) for i in ids]),
    )


def leads_to(graph: Graph, version: Version, number: dict[str, int], n: int) -> sp.csr_matrix:
    """The LEADS_TO edges of the version's slot; empty where the model makes no use of them.

    Raises:
        ModelError: a weight is not a number.
    """
    source, target, weight = [], [], []
    if version.linear:
        for row in graph.stream(_Q.leads_to, slot=version.slot):
            ends = [number.get(end) for end in row["ends"]]
            here = number.get(row["item_id"])
            kept = [(end, w) for end, w in zip(ends, row["weights"], strict=True) if end is not None]
            if here is not None:
                source += [here] * len(kept)
                target += [end for end, _ in kept]
                weight += [w for _, w in kept]
    if not np.isfinite(weight).all():
        raise ModelError(
            f"A LEADS_TO edge of model {version.model!r} has no finite weight. Run: shopgraph gnn write-back."
        )
    return sp.csr_matrix((np.array(weight, dtype=np.float32), (source, target)), shape=(n, n))


class _Item(NamedTuple):
    item_id: str
    text_model: str | None
    shoppers: int
    written: str
    text: Vectors | None
    context: Vectors | None
    target: Vectors | None


def written(texts: list[Any]) -> str:
    """All that is written about an item; a number, as somebody may set it by hand, is a text too."""
    return " ".join(str(text) for text in texts if text)


def vector(values: list[float] | None) -> Vectors | None:
    """As the driver gives it."""
    return None if values is None else np.array(values, dtype=np.float32)


def matrix(version: Version, name: str, dim: int, rows: Sequence[tuple[str, Vectors | None]]) -> Vectors:
    """The vectors of items, [n, dim]; zero where an item has none.

    Raises:
        ModelError: a vector is not finite or of another size.
    """
    stacked = np.zeros((len(rows), dim), dtype=np.float32)
    for number, (item_id, row) in enumerate(rows):
        if row is None:
            continue
        if row.shape != (dim,):
            raise ModelError(
                f"Item {item_id!r}: {name} has {row.size} numbers, expected {dim} for {version.model}. "
                "Write them again: shopgraph graph encode, shopgraph gnn write-back."
            )
        stacked[number] = row
    broken = np.flatnonzero(~np.isfinite(stacked).all(axis=1))
    if broken.size:
        raise ModelError(f"Item {rows[broken[0]][0]!r}: {name} is not finite; {broken.size} such items.")
    return stacked


def _learned(version: Version, tower: str, rows: Sequence[tuple[str, Vectors | None]]) -> Vectors:
    name = version.properties[f"{tower}_property"]
    stacked = matrix(version, name, version.dim, rows)
    if version.trained and not stacked.any():
        raise ModelError(
            f"No item has {name}, which model {version.model!r} points to. Run: shopgraph gnn write-back."
        )
    return stacked
