"""A small made-up shop, written into the graph directly."""

from kg.driver import Graph
from kg.queries import parse

_QUERIES = parse(
    "shop",
    """
// name: items
// Items.
// params: rows
// returns:
UNWIND $rows AS row
MERGE (i:Item {itemId: row.itemId}) SET i += row

// name: events
// Interactions.
// params: rows
// returns:
CYPHER 25
UNWIND $rows AS row
MERGE (u:User {userId: row.user})
WITH u, row MATCH (i:Item {itemId: row.item})
MERGE (u)-[r:$(row.kind)]->(i)
SET r.times = row.times, r.baskets = row.baskets, r.count = size(row.times)
SET r.weight = toFloat(size(row.times))

// name: constraints
// Unique keys.
// params:
// returns:
CREATE CONSTRAINT item_id IF NOT EXISTS FOR (i:Item) REQUIRE i.itemId IS UNIQUE
""",
)
ITEMS = [
    {"itemId": "tea", "title": "Green tea", "brand": "Leaf", "categories": ["Drinks"]},
    {"itemId": "coffee", "title": "Ground coffee", "brand": "Bean", "categories": ["Drinks"]},
    {"itemId": "mug", "title": "Tea mug", "brand": "Clay", "categories": ["Kitchen"]},
    {"itemId": "drill", "title": "Cordless drill", "brand": "Bolt", "categories": ["Tools"]},
]
EVENTS = [
    {"user": "ann", "item": "tea", "kind": "BOUGHT", "times": [100, 200], "baskets": ["a", "b"]},
    {"user": "ann", "item": "mug", "kind": "BOUGHT", "times": [100], "baskets": ["a"]},
    {"user": "bob", "item": "tea", "kind": "BOUGHT", "times": [150], "baskets": ["c"]},
    {"user": "bob", "item": "mug", "kind": "BOUGHT", "times": [150], "baskets": ["c"]},
    {"user": "bob", "item": "drill", "kind": "BOUGHT", "times": [900], "baskets": ["d"]},
]


def write(graph: Graph, items: list[dict] = ITEMS, events: list[dict] = EVENTS) -> None:
    graph.write(_QUERIES["constraints"])
    graph.write(_QUERIES["items"], rows=items)
    graph.write(_QUERIES["events"], rows=events)
