"""The stage `build`: edges that follow from the data – text neighbours, bought together, viewed together."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kg import counts
from kg.console import progress
from kg.counts import EDGES, EVENTS, State
from kg.driver import Graph, Row
from kg.neighbours import Edges, co_occurrence, renewed_neighbours, text_neighbours, windows
from kg.queries import load
from kg.runs import recorded
from kg.text import NEIGHBOURS

_Q = load("build")
_BATCH = 10_000
_COUNTED = (("BOUGHT", "BOUGHT_WITH"), ("VIEWED", "VIEWED_WITH"))
DEFAULTS: dict[str, Any] = {"k": 20, "window_days": 30.0, "least": 2}


class Change(NamedTuple):
    """What was done to one type of edge in the graph."""

    edges: int  # that are there now
    written: int  # new, or with another count, score or evidence
    deleted: int  # no longer supported


def build_edges(
    graph: Graph,
    *,
    k: int = 20,
    window_days: float = 30,
    least: int = 2,
    home: Path | None = None,
    changed: bool = False,
) -> dict[str, Change]:
    """Bring SIMILAR_TO, BOUGHT_WITH and VIEWED_WITH in line with the data; the same data changes nothing.

    Args:
        graph: where items, their vectors and interactions are.
        k: edges of each type an item keeps, the best ones; of SIMILAR_TO ten at most.
        window_days: without baskets, a user's interactions within so many days count as one basket.
        least: item pairs seen together less often give no edge.
        home: where what was read and made is kept for the next build; None keeps nothing.
        changed: read only what has changed since, where the last build left its data there. The edges are the
            same as without.
    """
    params = {"k": k, "window_days": float(window_days), "least": least}
    at = counts.now(graph)
    old = counts.find(home, at, params) if home and changed else None
    texts, vectors = _texts(graph, old)
    ids = texts["itemId"].tolist()
    events = {kind: _events(graph, kind, old, at) for kind, _ in _COUNTED}
    made = {"SIMILAR_TO": _frame(ids, _similar(texts, vectors, old, min(k, NEIGHBOURS)))}
    for interaction, kind in _COUNTED:
        made[kind] = _together(ids, events[interaction], params)
    changes = {}
    with recorded(graph, "build") as run:
        if home:
            counts.forget(home)
        for kind, edges in made.items():
            source = "text" if kind == "SIMILAR_TO" else "counted"
            before = _before(graph, kind, source, old, at)
            changes[kind] = _store(graph, run.run_id, kind, source, before, edges)
        run.counts = {kind: change._asdict() for kind, change in changes.items()}
    if home:
        counts.save(home, State(run.run_id, at.turns, at.revision, params, texts, vectors, events, made))
    return changes


def _texts(graph: Graph, old: State | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Every item, in the order that numbers them, and its text's vector, all-zero where it has none."""
    texts = counts.texts(graph)
    known = pd.DataFrame() if old is None else old.texts.reset_index().merge(texts)
    number = {item_id: n for n, item_id in enumerate(texts["itemId"])}
    if old is None:
        rows = list(graph.stream(_Q.text_vectors))
    else:
        wanted = sorted(set(texts["itemId"]) - set(known["itemId"]))
        rows = [
            row
            for start in range(0, len(wanted), _BATCH)
            for row in graph.read(_Q.text_vectors_of, ids=wanted[start : start + _BATCH])
        ]
    size = len(rows[0]["vector"]) if rows else 1 if old is None else old.vectors.shape[1]
    vectors = np.zeros((len(number), size), dtype=np.float32)
    if old is not None and old.vectors.shape[1] == size and len(known):
        vectors[[number[item_id] for item_id in known["itemId"]]] = old.vectors[known["index"]]
    for row in rows:
        vectors[number[row["itemId"]]] = row["vector"]
    return texts, vectors


def _similar(texts: pd.DataFrame, vectors: np.ndarray, old: State | None, k: int) -> Edges:
    if old is None or old.vectors.shape[1] != vectors.shape[1]:
        return text_neighbours(vectors, k)
    same = texts.merge(old.texts, how="left", indicator=True)["_merge"].to_numpy() == "both"
    number = pd.Series(np.arange(len(texts)), index=texts["itemId"])
    edges = old.edges["SIMILAR_TO"]
    source, target = (edges[end].map(number).fillna(-1).to_numpy(np.int64) for end in ("source", "target"))
    return renewed_neighbours(vectors, ~same, source, target, edges["score"].to_numpy(), k)


def _events(graph: Graph, interaction: str, old: State | None, at: counts.Now) -> pd.DataFrame:
    """Every event of one way to interact, an event a row."""
    if old is None or at.erased > old.turns:
        return _table(graph.stream(_Q.baskets, type=interaction))
    rows = list(graph.stream(_Q.baskets_since, type=interaction, since=old.turns))
    before = old.events[interaction]
    kept = before[~before["user"].isin([row["userId"] for row in rows])]
    return pd.concat([kept, _table(rows)], ignore_index=True)


def _table(rows: Iterator[Row] | list[Row]) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in EVENTS}
    for row in rows:
        for item_id, times, baskets in row["events"]:
            n = max(len(times or ()), len(baskets or ()), 1)
            columns["user"].extend([row["userId"]] * n)
            columns["item"].extend([item_id] * n)
            columns["time"].extend(times or [0] * n)
            columns["basket"].extend([basket or None for basket in baskets or [None] * n])
    table = pd.DataFrame(columns)
    return table.astype({"user": "str", "item": "str", "time": "int64", "basket": "str"})


def _together(ids: list[str], events: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
    """Edges counted over baskets, and over windows in time where there are none.

    The lift's number of groups is rounded to a quarter power of two, so that a day's baskets do not change
    the lift of every edge: it is at most a tenth off.
    """
    item = pd.Series(np.arange(len(ids)), index=pd.Index(ids, dtype="str"))[events["item"]].to_numpy()
    user = pd.factorize(events["user"])[0]
    named = events["basket"].notna().to_numpy()
    # A basket is its user's: shops number them anew for each.
    baskets = events[named].groupby(["user", "basket"], sort=False).ngroup().to_numpy()
    n_baskets = int(baskets.max()) + 1 if len(baskets) else 0
    alone = windows(user[~named], events["time"].to_numpy()[~named], int(params["window_days"] * 86_400))
    group = np.concatenate([baskets, alone + n_baskets])
    n_groups = len(np.unique(group))
    edges = co_occurrence(
        group, np.concatenate([item[named], item[~named]]), len(ids), params["k"], least=params["least"]
    )
    about = 2 ** (round(4 * np.log2(max(n_groups, 1))) / 4)
    return _frame(ids, edges._replace(lift=edges.lift * np.float32(about / max(n_groups, 1))))


def _frame(ids: list[str], edges: Edges) -> pd.DataFrame:
    """As they are stored."""
    names = np.array(ids, dtype=object)
    columns = (
        names[edges.source], names[edges.target], edges.together,
        edges.lift.astype(np.float64).round(4), edges.score.astype(np.float64).round(6),
    )  # fmt: skip
    table = pd.DataFrame(dict(zip(EDGES, columns, strict=True)))
    return table.astype({"source": "str", "target": "str", "count": "int64"})


def _before(graph: Graph, kind: str, source: str, old: State | None, at: counts.Now) -> pd.DataFrame:
    """The edges that are in the graph: those of the last build, unless something else has changed them."""
    if old is None or at.removed > old.turns:
        return _stored(graph.stream(_Q.counted_edges, type=kind, source=source))
    edges = old.edges[kind]
    if kind != "SIMILAR_TO" or at.revision == old.revision:
        return edges
    # Items that are written one by one get their text neighbours at once, from the API.
    rows = list(graph.stream(_Q.written_edges, type=kind, source=source, revision=old.revision))
    kept = edges[~edges["source"].isin([row["itemId"] for row in rows])]
    return pd.concat([kept, _stored(rows)], ignore_index=True)


def _stored(rows: Iterator[Row] | list[Row]) -> pd.DataFrame:
    told = [(row["itemId"], *edge) for row in rows for edge in row["edges"]]
    table = pd.DataFrame(told, columns=list(EDGES))
    return table.astype({"source": "str", "target": "str", "lift": "float64", "score": "float64"})


def _store(
    graph: Graph, run_id: str, kind: str, source: str, before: pd.DataFrame, edges: pd.DataFrame
) -> Change:
    fresh = edges.merge(before, how="left", on=list(EDGES), indicator=True)
    written = edges[(fresh["_merge"] == "left_only").to_numpy()].to_dict("records")
    left = before.merge(edges, how="left", on=["source", "target"], indicator=True)
    gone = before[(left["_merge"] == "left_only").to_numpy()][["source", "target"]].to_dict("records")

    def drop(rows: list[Row]) -> None:
        graph.write(_Q.drop_edges, type=kind, source=source, rows=rows)

    def store(rows: list[Row]) -> None:
        graph.write(_Q.store_edges, type=kind, source=source, runId=run_id, rows=rows)

    in_batches(f"drop {kind}", gone, drop)
    in_batches(f"write {kind}", written, store)
    return Change(len(edges), len(written), len(gone))


def in_batches(label: str, rows: list[Any], write: Callable[[list[Row]], None]) -> None:
    """Write rows, a transaction a batch, with a progress bar of that label."""
    if not rows:
        return
    with progress(label, len(rows)) as advance:
        for start in range(0, len(rows), _BATCH):
            write(rows[start : start + _BATCH])
            advance(len(rows[start : start + _BATCH]))
