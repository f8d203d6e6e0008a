"""Single events on their way into the graph: each is logged once and added to the edge of its user and item.

The edges are those that `shopgraph graph ingest` writes from files. An edge knows an event by its second and
its basket, so that the same event in a file and as a message is one; of several messages of the same second
and basket the one with the largest weight counts, whatever the order in which they come.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import neo4j
import pyarrow as pa

from kg.columns import RELATIONSHIP_OF, TYPE_OF
from kg.driver import Graph
from kg.live.erasure import erased
from kg.loading import steps
from kg.queries import load

Status = Literal["accepted", "duplicate", "pending", "erased"]
_STEPS = {step.name: step for step in steps([])}
_BATCH = 10_000  # pending events that are attached in one transaction


class Event(NamedTuple):
    """Something that a user did."""

    event_id: str
    type: str  # a key of RELATIONSHIP_OF, search or impression
    user_id: str
    item_id: str | None  # None for a search
    at: datetime  # whole seconds, UTC
    basket: str | None = None  # basket or order, else session
    weight: float = 1.0  # quantity or rating
    price: float | None = None  # of one unit, in the item's currency; None: what the item costs
    query: str | None = None  # of a search
    recommendation_id: str | None = None  # the answer that led to it

    @property
    def of_edge(self) -> bool:
        """Whether it adds to an edge."""
        return self.type in RELATIONSHIP_OF


def store(tx: neo4j.ManagedTransaction, events: Sequence[Event]) -> list[Status]:
    """Take events into the graph; one with an id that was ever stored before changes nothing.

    Args:
        tx: a transaction that waits for other loaders, and makes them wait.
        events: at most some thousands.

    Returns:
        What became of each: pending where its item is not there yet, erased where its user was after it.
    """
    queries = load("events")
    tx.run(load("ingest").take_turn.text, runId="events").consume()
    items = list({event.item_id for event in events if event.item_id is not None})
    found = tx.run(queries.known.text, event_ids=[event.event_id for event in events], item_ids=items).single(
        strict=True
    )
    told, there = set(found["events"]), set(found["items"])
    gone = erased(tx, {event.user_id for event in events})
    statuses: list[Status] = []
    fresh = []
    for event in events:
        if event.event_id in told:
            statuses.append("duplicate")
            continue
        if event.at.timestamp() <= gone.get(event.user_id, -1):
            statuses.append("erased")
            continue
        told.add(event.event_id)
        pending = event.of_edge and event.item_id not in there
        statuses.append("pending" if pending else "accepted")
        fresh.append((event, pending))
    _add(tx, [event for event, pending in fresh if event.of_edge and not pending])
    rows = [{"properties": _properties(event), "pending": pending} for event, pending in fresh]
    tx.run(queries.log.text, rows=rows).consume()
    _price(tx, [event.event_id for event, _ in fresh])
    return statuses


def attach_all(graph: Graph) -> int:
    """Add the pending events whose items have come; returns how many."""
    done = 0

    def work(tx: neo4j.ManagedTransaction) -> int:
        tx.run(load("ingest").take_turn.text, runId="events").consume()
        return _attach(tx, tx.run(load("events").come.text, most=_BATCH).data()).total()

    while found := graph.transact("attach pending events", work):
        done += found
    return done


def attach(tx: neo4j.ManagedTransaction, item_ids: list[str]) -> Counter[str]:
    """Add the pending events of items that have just come; returns how many, by item."""
    return _attach(tx, tx.run(load("events").come_for.text, item_ids=item_ids).data())


def detach(tx: neo4j.ManagedTransaction, item_ids: Sequence[str]) -> None:
    """Let the events of items that are about to be deleted wait until the items come back."""
    tx.run(load("events").go.text, item_ids=list(item_ids), types=list(RELATIONSHIP_OF)).consume()


def _attach(tx: neo4j.ManagedTransaction, rows: list[dict[str, Any]]) -> Counter[str]:
    _add(tx, [Event(**{**row, "at": row["at"].to_native()}) for row in rows])
    event_ids = [row["event_id"] for row in rows]
    tx.run(load("events").settle.text, event_ids=event_ids).consume()
    _price(tx, event_ids)
    return Counter(row["item_id"] for row in rows)


def _price(tx: neo4j.ManagedTransaction, event_ids: list[str]) -> None:
    """Purchases keep what their items cost now, so that reports do not move with later prices."""
    tx.run(load("events").price.text, event_ids=event_ids).consume()


def _add(tx: neo4j.ManagedTransaction, events: Sequence[Event]) -> None:
    """Add events to the edges of their users and items, which are there or made."""
    if not events:
        return
    moments: dict[tuple[str, str, str], dict[tuple[int, str], float]] = defaultdict(dict)
    for event in events:
        assert event.item_id is not None
        edge = moments[event.user_id, event.type, event.item_id]
        moment = int(event.at.timestamp()), event.basket or ""
        edge[moment] = max(edge.get(moment, 0.0), event.weight)
    _take_out_said(tx, moments)
    batch = _edges({edge: said for edge, said in moments.items() if said})
    if batch.num_rows:
        _STEPS["users"].load(tx, batch)
        _STEPS["interactions"].load(tx, batch)


def _take_out_said(
    tx: neo4j.ManagedTransaction, moments: dict[tuple[str, str, str], dict[tuple[int, str], float]]
) -> None:
    """Take out what the edges have already; a larger weight than any message before had is added."""
    queries = load("events")
    rows = [
        {
            "user": user, "item": item, "type": kind, "relationship": RELATIONSHIP_OF[kind],
            "at": datetime.fromtimestamp(time, UTC), "time": time, "basket": basket,
        }
        for (user, kind, item), said in moments.items()
        for time, basket in said
    ]  # fmt: skip
    raised = []
    for row in tx.run(queries.said.text, rows=rows).data():
        edge = row["user"], TYPE_OF[row["relationship"]], row["item"]
        weight = moments[edge].pop((row["time"], row["basket"]))
        if row["weight"] is not None and weight > row["weight"]:
            raised.append({**row, "more": weight - row["weight"]})
    if raised:
        tx.run(queries.add_weight.text, rows=raised).consume()


def _edges(moments: dict[tuple[str, str, str], dict[tuple[int, str], float]]) -> pa.RecordBatch:
    """As the staged table `edges`."""
    rows = []
    for (user, kind, item), said in moments.items():
        events = sorted(said)
        baskets = [basket for _, basket in events]
        weights = [said[event] for event in events]
        rows.append(
            {
                "user_id": user, "item_id": item, "type": kind,
                "count": len(events), "weight": round(sum(weights), 6), "weights": weights,
                "first": events[0][0], "last": events[-1][0], "position": None,
                "times": [time for time, _ in events], "baskets": baskets if any(baskets) else None,
            }
        )  # fmt: skip
    return pa.RecordBatch.from_pylist(rows)


def _properties(event: Event) -> dict[str, Any]:
    return {
        "eventId": event.event_id, "type": event.type, "userId": event.user_id, "itemId": event.item_id,
        "at": event.at, "basket": event.basket, "weight": event.weight, "price": event.price,
        "query": event.query, "recommendationId": event.recommendation_id,
    }  # fmt: skip
