"""The stage `build`: edges that follow from the data – text neighbours, bought together, viewed together."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from kg.console import progress
from kg.driver import Graph, Row
from kg.neighbours import Edges, co_occurrence, text_neighbours, windows
from kg.queries import load
from kg.runs import recorded

_BATCH = 10_000
_COUNTED = (("BOUGHT", "BOUGHT_WITH"), ("VIEWED", "VIEWED_WITH"))


class Change(NamedTuple):
    """What building one type of edge did to the graph."""

    edges: int
    written: int  # new, or with another count or score
    deleted: int


def build_edges(graph: Graph, *, k: int = 20, window_days: float = 30, least: int = 2) -> dict[str, Change]:
    """Bring SIMILAR_TO, BOUGHT_WITH and VIEWED_WITH in line with the data; the same data changes nothing.

    Args:
        graph: where items, their vectors and interactions are.
        k: edges of each type an item keeps, the best ones.
        window_days: without baskets, a user's interactions within so many days count as one basket.
        least: item pairs seen together less often give no edge.
    """
    queries = load("build")
    ids = [row["itemId"] for row in graph.read(queries.item_ids)]
    number = {item_id: n for n, item_id in enumerate(ids)}
    changes = {}
    with recorded(graph, "build") as run:
        edges = _similar(graph, number, min(k, 10))
        changes["SIMILAR_TO"] = _store(graph, run.run_id, "SIMILAR_TO", "text", ids, edges)
        for interaction, kind in _COUNTED:
            group, item = _groups(graph, interaction, number, window_days)
            edges = co_occurrence(group, item, len(ids), k, least=least)
            changes[kind] = _store(graph, run.run_id, kind, "counted", ids, edges)
        run.counts = {kind: change._asdict() for kind, change in changes.items()}
    return changes


def _similar(graph: Graph, number: dict[str, int], k: int) -> Edges:
    rows = list(graph.stream(load("build").text_vectors))
    if not rows:
        return text_neighbours(np.zeros((len(number), 1)), k)
    vectors = np.zeros((len(number), len(rows[0]["vector"])), dtype=np.float32)
    for row in rows:
        vectors[number[row["itemId"]]] = row["vector"]
    return text_neighbours(vectors, k)


def _groups(
    graph: Graph, interaction: str, number: dict[str, int], window_days: float
) -> tuple[np.ndarray, np.ndarray]:
    """Group and item numbers of every event: its basket, or the user's window in time where it has none."""
    baskets: dict[tuple[int, str], int] = {}  # a basket is its user's: shops number them anew for each
    grouped: list[tuple[int, int]] = []  # basket, item
    loose: list[tuple[int, int, int]] = []  # user, time, item
    for user, row in enumerate(graph.stream(load("build").baskets, type=interaction)):
        for item_id, basket, time in _events(row):
            item = number[item_id]
            if basket is not None:
                grouped.append((baskets.setdefault((user, basket), len(baskets)), item))
            else:
                loose.append((user, time, item))
    in_baskets = np.array(grouped, dtype=np.int64).reshape(-1, 2)
    alone = np.array(loose, dtype=np.int64).reshape(-1, 3)
    window = windows(alone[:, 0], alone[:, 1], int(window_days * 86_400)) + len(baskets)
    return np.concatenate([in_baskets[:, 0], window]), np.concatenate([in_baskets[:, 1], alone[:, 2]])


def _events(row: Row) -> Iterator[tuple[str, str | None, int]]:
    for item_id, times, baskets in row["events"]:
        n = max(len(times or ()), len(baskets or ()), 1)
        for at, basket in zip(times or [0] * n, baskets or [None] * n, strict=True):
            yield item_id, basket or None, at


def _store(graph: Graph, run_id: str, kind: str, source: str, ids: list[str], edges: Edges) -> Change:
    queries = load("build")
    before = {
        (row["itemId"], target): (count, score)
        for row in graph.stream(queries.counted_edges, type=kind, source=source)
        for target, count, score in row["edges"]
    }
    written = []
    columns = (edges.source, edges.target, edges.together, edges.lift, edges.score)
    for s, t, count, lift, score in zip(*(c.tolist() for c in columns), strict=True):
        old = before.pop((ids[s], ids[t]), None)
        fresh = {"count": count, "lift": round(lift, 4), "score": round(score, 6)}
        if old != (count, fresh["score"]):
            written.append({"source": ids[s], "target": ids[t], **fresh})
    gone = [{"source": s, "target": t} for s, t in before]

    def drop(rows: list[Row]) -> None:
        graph.write(queries.drop_edges, type=kind, source=source, rows=rows)

    def store(rows: list[Row]) -> None:
        graph.write(queries.store_edges, type=kind, source=source, runId=run_id, rows=rows)

    _in_batches(f"drop {kind}", gone, drop)
    _in_batches(f"write {kind}", written, store)
    return Change(len(edges.source), len(written), len(gone))


def _in_batches(label: str, rows: list[Row], write: Callable[[list[Row]], None]) -> None:
    if not rows:
        return
    with progress(label, len(rows)) as advance:
        for start in range(0, len(rows), _BATCH):
            write(rows[start : start + _BATCH])
            advance(len(rows[start : start + _BATCH]))
