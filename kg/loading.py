"""Writes batches of staged rows to the graph, each in one transaction that first looks at what is there.

Every step gives absolute values and writes only what differs, so a batch applied twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import neo4j
import pyarrow as pa

from kg.columns import RELATIONSHIP_OF
from kg.driver import Counts
from kg.edges import ends, later, united
from kg.errors import IngestError
from kg.live.erasure import erased
from kg.queries import Query, load

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Change(NamedTuple):
    """What a batch did to the graph."""

    created: int = 0  # rows whose node or relationship is new
    changed: int = 0  # rows whose node or relationship has other values now
    deleted: int = 0  # links of changed items that no longer hold

    def plus(self, other: "Change") -> "Change":
        return Change(*(a + b for a, b in zip(self, other, strict=True)))


class Step(NamedTuple):
    """One staged table on its way into the graph."""

    name: str  # as in the report
    table: str  # of the staging
    rows: int  # a transaction
    load: Callable[[neo4j.ManagedTransaction, pa.RecordBatch], Change]


def steps(splits: list[str]) -> list[Step]:
    """The order in which tables are loaded; `splits` are the split columns of the interactions."""
    return [
        Step("items", "items", 2_000, _items),
        Step("users", "users", 20_000, _users),
        Step("interactions", "edges", 10_000, lambda tx, batch: _edges(tx, batch, splits)),
        Step("relations", "relations", 20_000, _relations),
        Step("queries", "queries", 10_000, _queries),
        Step("intents", "intents", 10_000, _intents),
    ]


def _run(tx: neo4j.ManagedTransaction, query: Query, **params: Any) -> Counts:
    c = tx.run(query.text, params).consume().counters
    return Counts(
        c.nodes_created, c.nodes_deleted, c.relationships_created, c.relationships_deleted, c.properties_set
    )


def _read(tx: neo4j.ManagedTransaction, query: Query, **params: Any) -> list[list[Any]]:
    return [list(record.values()) for record in tx.run(query.text, params)]


def _items(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch) -> Change:
    queries = load("ingest")
    rows = batch.to_pylist()
    found = dict(_read(tx, queries.existing_items, ids=[row["item_id"] for row in rows]))
    new = [row for row in rows if row["item_id"] not in found]
    other = [
        row for row in rows if row["item_id"] in found and row["hash"] not in (None, found[row["item_id"]])
    ]
    if not new and not other:
        return Change()
    counts = _run(tx, queries.store_categories, rows=_tree(new + other))
    counts += _run(tx, queries.store_items, rows=[_item(row) for row in new + other])
    return Change(len(new), len(other), counts.relationships_deleted)


def _item(row: dict[str, Any]) -> dict[str, Any]:
    released = row["released_at"]
    names = list(dict.fromkeys(name for path in row["categories"] for name in path))
    return {
        "id": row["item_id"],
        "brands": [row["brand"]] if row["brand"] is not None else [],
        "categories": [" > ".join(path) for path in row["categories"]],
        "properties": {
            "title": row["title"], "description": row["description"], "brand": row["brand"],
            "categories": names or None, "price": row["price"],
            "listPrice": row["list_price"], "currency": row["currency"],
            "inStock": row["in_stock"], "image": row["image"], "attributes": row["attributes"],
            "releasedAt": None if released is None else _EPOCH + timedelta(seconds=released),
            "rowHash": row["hash"],
        },
    }  # fmt: skip


def _tree(rows: list[dict[str, Any]]) -> list[dict[str, str | None]]:
    """Every category on the rows' paths, once, parents first."""
    paths = {tuple(path[: n + 1]) for row in rows for path in row["categories"] for n in range(len(path))}
    return [
        {"id": " > ".join(path), "name": path[-1], "parent": " > ".join(path[:-1]) or None}
        for path in sorted(paths, key=lambda path: (len(path), path))
    ]


def _users(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch) -> Change:
    ids = batch["user_id"].to_pylist()
    gone = erased(tx, ids)  # who did something since comes back with that
    return Change(_run(tx, load("ingest").store_users, ids=[i for i in ids if i not in gone]).nodes_created)


def _edges(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch, splits: list[str]) -> Change:
    queries = load("ingest")
    batch = _since_erasures(tx, batch)
    users, items = (list(dict.fromkeys(batch[end].to_pylist())) for end in ("user_id", "item_id"))
    found = {
        (user, kind, item): properties
        for user, edges in _read(tx, queries.existing_edges, users=users, items=items)
        for kind, item, properties in edges
    }
    columns = batch.to_pydict()
    kinds = [RELATIONSHIP_OF[kind] for kind in columns["type"]]
    keys = list(zip(columns["user_id"], kinds, columns["item_id"], strict=True))
    fresh: dict[str, list[int]] = defaultdict(list)
    updates = []
    for n, (user, kind, item) in enumerate(keys):
        old = found.get((user, kind, item)) if found else None
        if old is None:
            fresh[kind].append(n)
            continue
        result = united(old, {name: values[n] for name, values in columns.items()}, splits)
        if result is not None:
            first, last = ends(result["times"])
            edge = {"user": user, "item": item, "type": kind, "first": first, "last": last}
            updates.append(edge | {"properties": result})
    created = sum(_create_edges(tx, kind, columns, places, splits) for kind, places in fresh.items())
    if updates:
        _run(tx, queries.update_edges, rows=updates)
    touched = {keys[n][0] for places in fresh.values() for n in places} | {row["user"] for row in updates}
    if touched:
        _run(tx, queries.mark_users, ids=sorted(touched))
    return Change(created, len(updates))


def _since_erasures(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows without what users did before they were erased; those who did something since are stored."""
    gone = erased(tx, set(batch["user_id"].to_pylist()))
    if not gone:
        return batch
    rows = [later(row, gone[row["user_id"]]) if row["user_id"] in gone else row for row in batch.to_pylist()]
    left = [row for row in rows if row is not None]
    back = sorted({row["user_id"] for row in left} & set(gone))
    _run(tx, load("ingest").store_users, ids=back)
    return pa.RecordBatch.from_pylist(left, schema=batch.schema)


def _create_edges(
    tx: neo4j.ManagedTransaction,
    kind: str,
    columns: dict[str, list[Any]],
    places: list[int],
    splits: list[str],
) -> int:
    """New edges of one type, sent as columns: the driver packs them faster than a map for each edge."""
    if len(places) != len(columns["user_id"]):
        columns = {name: [values[n] for n in places] for name, values in columns.items()}
    worded = list(zip(*(columns[split] for split in splits), strict=True)) if splits else [()] * len(places)
    distinct = {words: n for n, words in enumerate(dict.fromkeys(worded))}
    counts = _run(
        tx, load("ingest").create_edges, type=kind, users=columns["user_id"], items=columns["item_id"],
        counts=columns["count"], weights=columns["weight"], positions=columns["position"],
        firsts=columns["first"], lasts=columns["last"], times=columns["times"], baskets=columns["baskets"],
        split=[distinct[words] for words in worded],
        splits=[dict(zip(splits, words, strict=True)) for words in distinct],
    )  # fmt: skip
    return _complete(tx, counts, [(item,) for item in columns["item_id"]])


def _relations(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch) -> Change:
    queries = load("ingest")
    rows = batch.to_pylist()
    ids = list(dict.fromkeys(row["source_id"] for row in rows))
    found = {
        (kind, relation, source, target)
        for source, edges in _read(tx, queries.existing_relations, ids=ids)
        for kind, relation, target in edges
    }
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        if (row["kind"], row["relation"], row["source_id"], row["target_id"]) not in found:
            groups[row["kind"], row["relation"]].append((row["source_id"], row["target_id"]))
    created = 0
    for (kind, relation), pairs in groups.items():
        ends = {"from": [pair[0] for pair in pairs], "to": [pair[1] for pair in pairs]}
        source = f"declared:{relation}"
        counts = _run(tx, queries.create_relations, kind=kind, relation=relation, source=source, **ends)
        created += _complete(tx, counts, pairs)
    return Change(created)


def _queries(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch) -> Change:
    queries = load("ingest")
    rows = batch.to_pylist()
    texts = list(dict.fromkeys(row["query"] for row in rows))
    found = {
        (text, item): rating for text, item, rating in _read(tx, queries.existing_queries, queries=texts)
    }
    rows = [row for row in rows if found.get((row["query"], row["item_id"])) != row["rating"]]
    said = [{"query": row["query"], "item": row["item_id"], "rating": row["rating"]} for row in rows]
    created = _run(tx, queries.store_queries, rows=said).relationships_created if rows else 0
    return Change(created, len(rows) - created)


def _intents(tx: neo4j.ManagedTransaction, batch: pa.RecordBatch) -> Change:
    queries = load("ingest")
    rows = batch.to_pylist()
    heads = {row["intent_id"]: (row["text"], row["session"]) for row in rows}
    places: dict[tuple[str, str], int] = {}
    for key, text, session, items in _read(tx, queries.existing_intents, ids=list(heads)):
        places |= {(key, item): position for item, position in items}
        if (text, session) == heads[key]:
            del heads[key]
    said = [{"id": key, "text": text, "session": session} for key, (text, session) in heads.items()]
    new = _run(tx, queries.store_intents, rows=said).nodes_created if said else 0
    rows = [row for row in rows if places.get((row["intent_id"], row["item_id"])) != row["position"]]
    links = [{"id": row["intent_id"], "item": row["item_id"], "position": row["position"]} for row in rows]
    created = _run(tx, queries.store_satisfied, rows=links).relationships_created if links else 0
    return Change(created, len(links) - created + len(said) - new)


def _complete(tx: neo4j.ManagedTransaction, counts: Counts, rows: Sequence[tuple[str, ...]]) -> int:
    """How many edges were created: one for each row, but for those that name an item deleted by hand."""
    created = counts.relationships_created
    if created < len(rows):
        ids = sorted({item_id for row in rows for item_id in row})
        buried = {item_id for (item_id,) in _read(tx, load("ingest").buried, ids=ids)}
        missing = sum(buried.isdisjoint(row) for row in rows) - created
        if missing:
            raise IngestError(
                f"{missing:,} rows name users or items that have left the graph since the data was staged. "
                "Run the same command again with --force."
            )
    return created
