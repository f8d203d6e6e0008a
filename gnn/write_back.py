"""Puts a saved model's item vectors into the graph's idle slot and points the alias `live` to it."""

import json
import time
from collections.abc import Callable
from functools import partial
from secrets import token_hex
from typing import Any, NamedTuple

import neo4j
import numpy as np
import numpy.typing as npt

from gnn.store import SavedModel
from kg.console import progress
from kg.driver import Graph
from kg.encode import vector_index
from kg.errors import ModelError
from kg.models import check_not_compared, promote, vector_properties
from kg.queries import Query, load
from kg.schema import make_keys

_BATCH = 1_000  # items a transaction: 1,000 x 2 x 256 floats
_EDGE_ITEMS = 200  # items a transaction that writes their edges: 200 x 50
_GONE = 0.2  # part of a model's items that may have been deleted since it was trained
_READING = 1 / 3  # of the time that writing takes is enough to read it: 8 of 60 s on Beauty


Into = Callable[[Query, dict[str, Any], neo4j.ManagedTransaction], None]  # writes, while the slot is ours


class Written(NamedTuple):
    """What a write-back did."""

    version: str
    slot: str
    items: int  # items that now have vectors
    edges: int  # LEADS_TO edges between them
    without: int  # items of the graph that the model does not know; they get theirs with the next training
    replaced: str | None  # the version that was live before


def write_back(graph: Graph, model: SavedModel, *, timeout: float = 300, hold: bool = False) -> Written:
    """Write the vectors, wait for the slot's index and for those who read it, move the alias.

    Readers see the old model or the new one.

    Args:
        timeout: seconds that the index may take.
        hold: leave the alias where it is; `shopgraph model promote` moves it.

    Raises:
        ModelError: the vectors do not fit the graph or an experiment needs the slot (nothing was written),
            another run took the slot or made it live meanwhile, or the index does not come online.
    """
    queries, began = load("gnn"), time.monotonic()
    owner = token_hex(8)
    in_graph = [row["itemId"] for row in graph.read(queries.item_ids)]
    context, target = checked(model, in_graph)
    live = next(iter(graph.read(queries.live)), None)
    slot = idle_slot(live["slot"] if live else None)
    names = vector_properties(slot)

    make_keys(graph)
    graph.transact("freeing a slot", partial(_free, slot=slot, owner=owner))
    into = partial(_into, slot, owner)
    graph.write(queries.drop_blue if slot == "blue" else queries.drop_green)
    graph.write_batched(queries.clear, slot=slot, **names)
    graph.write_batched(queries.clear_edges, slot=slot)
    ids = model.about.item_ids
    with progress("item vectors", len(ids)) as advance:
        for start in range(0, len(ids), _BATCH):
            rows = [
                {"item_id": ids[n], "context": context[n].tolist(), "target": target[n].tolist()}
                for n in range(start, min(start + _BATCH, len(ids)))
            ]
            graph.transact("vectors", partial(into, queries.vectors, {"rows": rows, **names}))
            advance(len(rows))
    edges = _write_edges(graph, model, slot, into)
    graph.write(
        queries.index_blue if slot == "blue" else queries.index_green, options=vector_index(context.shape[1])
    )
    _wait_until_online(graph, f"item_gnn_{slot}", timeout)
    _hold(graph, model, slot, context.shape[1], into)
    # So that processes that serve have it at hand when the alias moves.
    time.sleep(_READING * (time.monotonic() - began))
    if not hold:
        promote(graph, model.about.version, force=True)
    there = set(in_graph)
    written, without = len(there.intersection(ids)), len(there.difference(ids))
    return Written(model.about.version, slot, written, edges, without, live["version"] if live else None)


def _free(tx: neo4j.ManagedTransaction, slot: str, owner: str) -> None:
    """Nobody may count on the slot's vectors from now on; an experiment that begins at this moment waits."""
    tx.run(load("ingest").take_turn.text, runId="write-back").consume()
    check_not_compared(tx)
    tx.run(load("gnn").claim.text, slot=slot, owner=owner).consume()
    _into(slot, owner, load("gnn").retire, {"slot": slot}, tx)


def _into(slot: str, owner: str, query: Query, params: dict[str, Any], tx: neo4j.ManagedTransaction) -> None:
    """Write into a slot that is idle and this run's still; one that was frozen may have lost it meanwhile."""
    live = tx.run(load("gnn").live.text).data()
    if live and live[0]["slot"] == slot:
        raise ModelError(
            f"Slot {slot} holds {live[0]['version']}, which was made live meanwhile: nothing is written "
            "over it. Run the command again."
        )
    if tx.run(load("gnn").claimed.text, slot=slot).data() != [{"owner": owner}]:
        raise ModelError(
            f"Another command has begun to write a model into slot {slot}: this one stops, and nothing was "
            "made live by it. Wait for the other, then run it again."
        )
    tx.run(query.text, params).consume()


def _write_edges(graph: Graph, model: SavedModel, slot: str, into: Into) -> int:
    """LEADS_TO from each item to those whose score it moves; none where they do not count."""
    if not model.about.serving["linear"]:
        return 0
    ids, linear = model.about.item_ids, model.linear
    with progress("edges of the linear term", len(ids)) as advance:
        for start in range(0, len(ids), _EDGE_ITEMS):
            stop = min(start + _EDGE_ITEMS, len(ids))
            rows = []
            for n in range(start, stop):
                some = slice(linear.indptr[n], linear.indptr[n + 1])
                ends = [ids[target] for target in linear.indices[some]]
                rows.append({"item_id": ids[n], "ends": ends, "weights": linear.data[some].tolist()})
            told = {"rows": rows, "slot": slot, "version": model.about.version}
            graph.transact("edges", partial(into, load("gnn").edges, told))
            advance(stop - start)
    return int(linear.nnz)


def idle_slot(live: str | None) -> str:
    """The slot that nobody reads.

    >>> idle_slot("blue")
    'green'
    """
    return "green" if live == "blue" else "blue"


def checked(
    model: SavedModel, in_graph: list[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The context and target vectors, once they are known to fit the graph's items.

    Raises:
        ModelError: a vector is missing, not finite, zero or of another size, or the graph lacks many of its
            items; a few may have been deleted since.
    """
    ids, version = model.about.item_ids, model.about.version
    for name in ("context", "target"):
        if name not in model.tensors:
            raise ModelError(f"Model {version} has no {name} vectors: train again with shopgraph gnn train.")
    context, target = model.tensors["context"].numpy(), model.tensors["target"].numpy()
    if context.ndim != 2 or context.shape != target.shape or len(context) != len(ids):
        raise ModelError(
            f"Model {version}: context is {context.shape} and target {target.shape} for {len(ids)} items; "
            "all must be [items, dim]."
        )
    for name, vectors in (("context", context), ("target", target)):
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1) | (np.abs(vectors).sum(axis=1) == 0))
        if len(bad):
            raise ModelError(
                f"Model {version}: the {name} vector of item {ids[bad[0]]!r} is not finite or zero "
                f"({len(bad)} such items). Train again: shopgraph gnn train"
            )
    if not np.isfinite(model.linear.data).all():
        raise ModelError(f"Model {version}: a linear weight is not finite. Train again: shopgraph gnn train")
    gone = sorted(set(ids) - set(in_graph))
    if len(gone) > _GONE * len(ids):
        raise ModelError(
            f"Of the {len(ids):,} items that model {version} knows the graph has {len(gone):,} not, for "
            f"example {gone[0]!r}: it was trained on another graph. Train again: shopgraph gnn train"
        )
    return context, target


def _wait_until_online(graph: Graph, index: str, timeout: float) -> None:
    until = time.monotonic() + timeout
    state = "missing"
    while time.monotonic() < until:
        rows = graph.read(load("gnn").index_state, name=index)
        state = f"{rows[0]['state']} at {rows[0]['percent']:.0f} %" if rows else "missing"
        if state.startswith("ONLINE"):
            return
        if state.startswith("FAILED"):
            break
        time.sleep(0.2)
    raise ModelError(
        f"Vector index {index} is {state} after {timeout:.0f} s; the live model was not changed."
    )


def _hold(graph: Graph, model: SavedModel, slot: str, dim: int, into: Into) -> None:
    about, queries = model.about, load("gnn")
    known = {"until": about.until, "interactions": about.interactions, "encoder": about.encoder}
    graph.write(queries.trained, version=about.version, **known)
    told = {
        "version": about.version,
        "slot": slot,
        "trained_at": about.trained_at,
        "dim": dim,
        "temperature": float(about.serving["temperature"]),
        "metrics": json.dumps(about.metrics),
        "config": json.dumps(about.config),
        "serving": json.dumps(about.serving),
        "items": len(about.item_ids),
    }
    graph.transact("holding a model", partial(into, queries.hold, told))
