"""Items that are written one by one: checked and stored as `shopgraph graph ingest` does."""

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

import neo4j
import numpy as np
import pandas as pd
import pyarrow as pa

from kg.columns import ITEMS, RELATIONS
from kg.driver import Row
from kg.files.manifest import Column, Items, Kind
from kg.files.rows import check
from kg.files.sources import REST, Chunk
from kg.live.events import attach, detach
from kg.loading import steps
from kg.queries import load

Status = Literal["created", "changed", "deleted", "unknown"]
_STEPS = {step.name: step for step in steps([])}
_Q = load("items")
_TABLE = Items(
    files=["-"],
    id=Column(column="item_id"),
    **{
        name: Column(column=name, path=" > " if name == "categories" else None)
        for name in ITEMS
        if name not in ("item_id", "attributes")
    },
    attributes=[REST],
)


class Relation(NamedTuple):
    """What the shop says of two items."""

    relation: str  # the shop's word
    kind: Kind
    item_id: str  # the other item


class ItemWrite(NamedTuple):
    """An item to be stored."""

    fields: Row  # columns of kg.columns.ITEMS, checked; all of them, or those that change
    whole: bool  # what is not given is removed; else it stays, and an item that is not there is not made
    hidden: bool | None = None  # None: as it is
    relations: list[Relation] | None = None  # None: as they are

    @property
    def item_id(self) -> str:
        return str(self.fields["item_id"])


class Deletion(NamedTuple):
    """An item to be deleted."""

    item_id: str


class Stored(NamedTuple):
    """What became of an item."""

    status: Status  # unknown: a change or deletion of an item that there is not
    attached: int = 0  # events that had waited for it
    left_out: tuple[str, ...] = ()  # items that its relations name and that are unknown


def checked(raw: Sequence[Row]) -> list[Row | str]:
    """Each item's fields in the form of kg.columns.ITEMS, or what is wrong with them.

    Args:
        raw: fields by name; categories are paths, as lists or joined by " > ", attributes a dict.
    """
    if not raw:
        return []
    frame = pd.DataFrame(
        {
            name: pd.Series([row.get(name) for row in raw], dtype=object)
            for name in ITEMS
            if name != "attributes"
        }
    )
    frame[REST] = pd.Series([row.get("attributes") or {} for row in raw], dtype=object)
    result = check(Chunk("", np.arange(len(raw)), frame, [], frozenset(ITEMS)), _TABLE, time.time())
    good = result.frame.astype(object).where(result.frame.notna(), None)
    rows: dict[int, Row | str] = dict(result.bad)
    for record in good.to_dict("records"):
        number = record.pop("row")
        rows[number] = {str(name): value for name, value in record.items()}
    return [rows[n] for n in range(len(raw))]


def store(tx: neo4j.ManagedTransaction, items: Sequence[ItemWrite]) -> list[Stored]:
    """Write items with brand, categories and relations, and add the events that waited for them.

    Args:
        tx: a transaction that waits for other loaders, and makes them wait.
        items: each id once.
    """
    tx.run(load("ingest").take_turn.text, runId="items").consume()
    before = {row["item_id"]: row for row in tx.run(_Q.stored.text, ids=[i.item_id for i in items]).data()}
    written = [item for item in items if item.whole or item.item_id in before]
    rows = [_row(item, None if item.whole else before[item.item_id]) for item in written]
    if not rows:
        return [Stored("unknown")] * len(items)
    ids = [item.item_id for item in written]
    _STEPS["items"].load(tx, pa.RecordBatch.from_pylist(rows))
    hidden = [{"item_id": i.item_id, "hidden": i.hidden} for i in written if i.hidden is not None]
    tx.run(_Q.hide.text, rows=hidden).consume()
    attached = attach(tx, [item_id for item_id in ids if item_id not in before])
    left_out = _relate(tx, written)
    tx.run(_Q.stamp.text, ids=ids).consume()
    known = set(ids)
    return [
        Stored(
            "changed" if item.item_id in before else "created",
            attached[item.item_id],
            left_out.get(item.item_id, ()),
        )
        if item.item_id in known
        else Stored("unknown")
        for item in items
    ]


def discard(tx: neo4j.ManagedTransaction, items: Sequence[Deletion]) -> list[Stored]:
    """Delete items so that a file that still has them brings them back hidden, until `store` shows them."""
    gone = remove(tx, [item.item_id for item in items])
    tx.run(_Q.bury.text, ids=sorted(gone)).consume()
    return [Stored("deleted" if item.item_id in gone else "unknown") for item in items]


def remove(tx: neo4j.ManagedTransaction, item_ids: Sequence[str]) -> set[str]:
    """Delete items with their edges; returns those that there were. Their events wait for their return.

    One that was hidden comes back hidden.
    """
    tx.run(load("ingest").take_turn.text, runId="items").consume()
    detach(tx, item_ids)
    gone = tx.run(_Q.remove.text, ids=list(item_ids)).data()
    tx.run(_Q.bury.text, ids=sorted(row["item_id"] for row in gone if row["hidden"])).consume()
    tx.run(_Q.stamp.text, ids=[]).consume()
    return {row["item_id"] for row in gone}


def _row(item: ItemWrite, before: Row | None) -> Row:
    """As the staged table `items`."""
    kept: Row = dict.fromkeys(ITEMS)
    if before is not None:
        kept |= {name: before[name] for name in ITEMS}
        kept["categories"] = [category.split(" > ") for category in before["categories"]]
    row = kept | item.fields
    row["categories"] = row["categories"] or []
    return row | {
        "hash": hashlib.md5(json.dumps(row, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    }


def _relate(tx: neo4j.ManagedTransaction, items: Sequence[ItemWrite]) -> dict[str, tuple[str, ...]]:
    """Declare relations in place of earlier ones; returns the unknown items that they name, by item."""
    said = {item.item_id: item.relations for item in items if item.relations is not None}
    if not said:
        return {}
    tx.run(_Q.undeclare.text, ids=list(said)).consume()
    named = list({relation.item_id for relations in said.values() for relation in relations})
    there = {row["item_id"] for row in tx.run(_Q.there.text, ids=named).data()}
    rows = {
        (relation.relation, relation.kind, source, relation.item_id)
        for source, relations in said.items()
        for relation in relations
        if relation.item_id in there and relation.item_id != source
    }
    if rows:
        batch = [dict(zip(RELATIONS, row, strict=True)) for row in sorted(rows)]
        _STEPS["relations"].load(tx, pa.RecordBatch.from_pylist(batch))
    return {
        source: tuple(sorted({relation.item_id for relation in relations} - there))
        for source, relations in said.items()
    }
