"""A small made-up shop with vectors: three kinds of goods, shoppers who keep to one of them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from api.encoder import QueryEncoder
from kg.driver import Graph
from kg.queries import parse

DIM = 16
TEMPERATURE = 0.1
GOODS = {
    "tea": (
        "Food > Tea",
        ["Green", "Black", "Mint", "Jasmine", "Chamomile", "Ginger"],
        "tea leaves in a tin",
    ),
    "coffee": (
        "Food > Coffee",
        ["Dark", "Mild", "Decaf", "Colombian", "Italian", "Kenyan"],
        "roast coffee beans",
    ),
    "tools": (
        "Garden",
        ["Steel", "Wooden", "Long", "Small", "Folding", "Heavy"],
        "spade for digging the garden",
    ),
}
BRANDS = ("Acme", "Borealis")
WRITES = parse(
    "shop",
    """
// name: constraints
// Unique item ids.
// params:
// returns:
CREATE CONSTRAINT item_id IF NOT EXISTS FOR (i:Item) REQUIRE i.itemId IS UNIQUE

// name: categories
// The category tree.
// params: rows
// returns:
UNWIND $rows AS row
MERGE (c:Category {categoryId: row.id})
SET c.name = row.name
WITH c, row
WHERE row.parent IS NOT NULL
MERGE (p:Category {categoryId: row.parent})
MERGE (c)-[:CHILD_OF]->(p)

// name: items
// Items with their category and brand.
// params: rows
// returns:
UNWIND $rows AS row
CREATE (i:Item)
SET i = row.properties
WITH i, row
MATCH (c:Category {categoryId: row.category})
CREATE (i)-[:IN_CATEGORY]->(c)
MERGE (b:Brand {name: i.brand})
CREATE (i)-[:MADE_BY]->(b)

// name: events
// What users did.
// params: rows
// returns:
CYPHER 25
UNWIND $rows AS row
MERGE (u:User {userId: row.user})
WITH u, row
MATCH (i:Item {itemId: row.item})
MERGE (u)-[e:$(row.type)]->(i)
SET e.count = 1, e.weight = 1.0, e.lastAt = row.at

// name: edges
// Edges between items.
// params: rows
// returns:
CYPHER 25
UNWIND $rows AS row
MATCH (a:Item {itemId: row.a})
MATCH (b:Item {itemId: row.b})
CREATE (a)-[:$(row.type) {score: row.score, count: row.count, source: 'counted'}]->(b)

// name: vectors
// GNN vectors into a slot.
// params: context, target, rows
// returns:
CYPHER 25
UNWIND $rows AS row
MATCH (i:Item {itemId: row.item})
SET i[$context] = row.context, i[$target] = row.target

// name: leads_to
// Edges of the linear term in a slot.
// params: rows, slot
// returns:
UNWIND $rows AS row
MATCH (a:Item {itemId: row.a})
MATCH (b:Item {itemId: row.b})
CREATE (a)-[:LEADS_TO {weight: row.weight, slot: $slot, source: 'gnn'}]->(b)

// name: model
// Publish a model.
// params: version, slot, dim, temperature, serving
// returns:
MERGE (a:Alias {name: 'live'})
MERGE (m:Model {version: $version})
SET m.slot = $slot, m.dim = $dim, m.temperature = $temperature, m.serving = $serving,
    m.metrics = '{"recall@10": 0.5}', m.trainedAt = datetime()
WITH a, m
OPTIONAL MATCH (a)-[old:POINTS_TO]->()
DELETE old
MERGE (a)-[:POINTS_TO]->(m)

// name: finish_refresh
// A finished refresh: a new version of the graph.
// params: run_id
// returns:
CREATE (:Refresh {runId: $run_id, stage: 'build', endedAt: datetime()})

// name: set
// Set properties of an item.
// params: item, properties
// returns:
MATCH (i:Item {itemId: $item})
SET i += $properties

// name: delete
// Delete an item.
// params: item
// returns:
MATCH (i:Item {itemId: $item})
DETACH DELETE i

// name: user
// A user without a past.
// params: user
// returns:
CREATE (:User {userId: $user})
""",
)


def write(graph: Graph, encoder: QueryEncoder) -> None:
    """The whole shop with a live model in the blue slot."""
    graph.write(WRITES["constraints"])
    tree = [("Food", "Food", None), ("Food > Tea", "Tea", "Food"), ("Food > Coffee", "Coffee", "Food")]
    tree.append(("Garden", "Garden", None))
    graph.write(WRITES["categories"], rows=[{"id": i, "name": n, "parent": p} for i, n, p in tree])
    graph.write(WRITES["items"], rows=[_item(good, n, encoder) for good in GOODS for n in range(6)])
    events(graph, [("ann", f"tea-{n}", "BOUGHT", n) for n in range(3)])
    events(graph, [("ann", "coffee-0", "VIEWED", 9)])
    events(graph, [(f"user-{n}", f"tools-{n % 4}", "BOUGHT", n) for n in range(20)])
    edge(graph, "tea-0", "coffee-1", "BOUGHT_WITH", 0.9, 12)
    edge(graph, "tea-0", "tools-5", "BOUGHT_WITH", 0.3, 2)
    edge(graph, "coffee-0", "tools-3", "COMPLEMENTS", 0.8, 0)
    publish(graph, "model-1", "blue", seed=1)
    finish_refresh(graph, "run-1")


def events(graph: Graph, rows: list[tuple[str, str, str, int]]) -> None:
    """(user, item, relationship type, time)"""
    graph.write(
        WRITES["events"], rows=[dict(zip(("user", "item", "type", "at"), r, strict=True)) for r in rows]
    )


def edge(graph: Graph, a: str, b: str, type_: str, score: float, count: int) -> None:
    row = {"a": a, "b": b, "type": type_, "score": score, "count": count}
    graph.write(WRITES["edges"], rows=[row])


def publish(
    graph: Graph,
    version: str,
    slot: str,
    seed: int,
    broken: dict[str, list[float]] | None = None,
    leads_to: Sequence[tuple[str, str, float]] = (),
    fade: float = 0.0,
) -> None:
    """Random vectors around a direction for each kind of goods, and the alias on them.

    Args:
        broken: target vectors of some items, instead.
        leads_to: edges of the linear term: from, to, weight.
        fade: how much less a past item counts for each newer one.
    """
    random = np.random.default_rng(seed)
    rows = []
    for k, good in enumerate(GOODS):
        for n in range(6):
            context, target = (unit(4 * np.eye(DIM)[k] + random.normal(size=DIM)) for _ in range(2))
            item = f"{good}-{n}"
            given = (broken or {}).get(item, target.tolist())
            rows.append({"item": item, "context": context.tolist(), "target": given})
    names = {"context": f"gnnContext{slot.capitalize()}", "target": f"gnnTarget{slot.capitalize()}"}
    graph.write(WRITES["vectors"], rows=rows, **names)
    edges = [{"a": a, "b": b, "weight": weight} for a, b, weight in leads_to]
    graph.write(WRITES["leads_to"], rows=edges, slot=slot)
    weights = {"purchase": 1.0, "view": 0.25}
    serving = json.dumps({"event_weights": weights, "fade": fade, "linear": 2.0 if leads_to else 0.0})
    graph.write(
        WRITES["model"], version=version, slot=slot, dim=DIM, temperature=TEMPERATURE, serving=serving
    )


def finish_refresh(graph: Graph, run_id: str) -> None:
    graph.write(WRITES["finish_refresh"], run_id=run_id)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _item(good: str, n: int, encoder: QueryEncoder) -> dict:
    category, names, what = GOODS[good]
    title = f"{names[n]} {what}"
    properties = {
        "itemId": f"{good}-{n}",
        "title": title,
        "brand": BRANDS[n % 2],
        "categories": category.split(" > "),
        "currency": "EUR",
        "textEmbedding": encoder.encode(title).tolist(),
        "textModel": encoder.name,
        "releasedAt": datetime.fromtimestamp(1_700_000_000 + n, UTC),
        "attributes": json.dumps({"Pack": f"{n % 3 + 1} pieces", "organic": n % 2 == 0}),
    }
    if n != 5:  # the last of each kind has no known price
        properties["price"] = 2.0 + 3 * n
        properties["listPrice"] = properties["price"] * (1.25 if n % 3 == 0 else 1)
    if n == 4:
        properties["inStock"] = False
    return {"properties": properties, "category": category}
