"""Deletes what a source once had and no longer has; what it never had is not touched.

What it once had is known from the stagings of earlier loads. Every batch looks at what is there, so one that
is done twice changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import neo4j

from kg.columns import RELATIONSHIP_OF
from kg.driver import Graph, Row
from kg.edges import Event, ends, events_of, later, united, without
from kg.files.staging import Staged
from kg.live.erasure import erased
from kg.live.items import remove
from kg.queries import Query, load
from kg.refresh.delta import lost

_Q, _INGEST = load("refresh"), load("ingest")
_BATCH = 5_000
_FEW = 500  # items a transaction: each takes its edges with it


def prune(
    graph: Graph,
    new: Staged,
    old: Staged,
    others: Sequence[Staged] = (),
    check: Callable[[neo4j.ManagedTransaction], None] | None = None,
) -> Counter[str]:
    """Delete what `old` has and `new` has not; returns how much, by table.

    Args:
        others: what other sources have, which stays.
        check: called in each transaction; what it raises undoes that one.
    """
    gone: Counter[str] = Counter()

    def turn(table: str, work: Callable[[neo4j.ManagedTransaction], int]) -> int:
        def run(tx: neo4j.ManagedTransaction) -> int:
            if check is not None:
                check(tx)
            tx.run(_INGEST.take_turn.text, runId="prune").consume()
            return work(tx)

        done = graph.transact(f"prune {table}", run)
        gone[table] += done
        return done

    def each(table: str, size: int, work: Callable[[neo4j.ManagedTransaction, list[Row]], int]) -> None:
        for rows in lost(new, old, table, size, others):

            def some(tx: neo4j.ManagedTransaction, rows: list[Row] = rows) -> int:
                return work(tx, rows)

            turn(table, some)

    def sweep(table: str, query: Query) -> int:
        return turn(table, lambda tx: tx.run(query.text).consume().counters.nodes_deleted)

    each("edges", _BATCH, lambda tx, rows: _edges(tx, rows, new.splits))
    each("relations", _BATCH, _relations)
    each("queries", _BATCH, _queries)
    each("intents", _BATCH, _intents)
    each("items", _FEW, lambda tx, rows: len(remove(tx, [row["item_id"] for row in rows])))
    each("users", _BATCH, _users)
    sweep("brands", _Q.drop_brands)
    while sweep("categories", _Q.drop_categories):
        pass  # a level each time
    return +gone


def _edges(tx: neo4j.ManagedTransaction, rows: list[Row], splits: list[str]) -> int:
    users, items = (sorted({row[end] for row in rows}) for end in ("user_id", "item_id"))
    found = {
        (record["userId"], kind, item): properties
        for record in tx.run(_INGEST.existing_edges.text, users=users, items=items)
        for kind, item, properties in record["edges"]
    }
    gone, updates = [], []
    since = erased(tx, users)
    for row in rows:
        user, kind, item = row["user_id"], RELATIONSHIP_OF[row["type"]], row["item_id"]
        old = found.get((user, kind, item))
        if old is None:
            continue
        if row["now"] and row["user_id"] in since:
            row["now"] = later(row["now"], since[row["user_id"]])
        result = _left(old, row, splits)
        if result is None:
            gone.append({"user": user, "item": item, "type": kind})
        elif result != old:
            first, last = ends(result["times"])
            edge = {"user": user, "item": item, "type": kind, "first": first, "last": last}
            updates.append(edge | {"properties": result})
    tx.run(_Q.drop_user_edges.text, rows=gone).consume()
    tx.run(_INGEST.update_edges.text, rows=updates).consume()
    touched = sorted({row["user"] for row in [*gone, *updates]})
    tx.run(_INGEST.mark_users.text, ids=touched).consume()
    return len(gone) + len(updates)


def _left(old: dict[str, Any], row: Row, splits: list[str]) -> dict[str, Any] | None:
    """The edge without the events that its source took back; None where nothing is left of it."""
    now = row["now"]
    kept = set(events_of(now)) if now else set()
    weights = dict(zip(events_of(row), row["weights"], strict=True))
    taken: dict[Event, float] = {event: weight for event, weight in weights.items() if event not in kept}
    left = without(old, taken)
    if left is None or now is None:
        return left
    return left | (united(left, now, splits) or {})


def _relations(tx: neo4j.ManagedTransaction, rows: list[Row]) -> int:
    told = [
        {"kind": r["kind"], "relation": r["relation"], "source": r["source_id"], "target": r["target_id"]}
        for r in rows
    ]
    return int(tx.run(_Q.drop_relations.text, rows=told).consume().counters.relationships_deleted)


def _queries(tx: neo4j.ManagedTransaction, rows: list[Row]) -> int:
    told = [{"query": row["query"], "item": row["item_id"]} for row in rows]
    return int(tx.run(_Q.drop_queries.text, rows=told).consume().counters.relationships_deleted)


def _intents(tx: neo4j.ManagedTransaction, rows: list[Row]) -> int:
    told = [{"intent": row["intent_id"], "item": row["item_id"]} for row in rows]
    return int(tx.run(_Q.drop_intents.text, rows=told).consume().counters.relationships_deleted)


def _users(tx: neo4j.ManagedTransaction, rows: list[Row]) -> int:
    ids = [row["user_id"] for row in rows]
    return int(tx.run(_Q.drop_users.text, ids=ids).consume().counters.nodes_deleted)
