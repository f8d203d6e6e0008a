"""Typed links in a real Neo4j: what is written, kept, pruned and left alone."""

import numpy as np
import pandas as pd
import pytest

from gnn.links.model import TypedLinks
from gnn.links.write_back import confident, explained, write_back
from kg.build import Change
from kg.check import check
from kg.dataset import ShopData, from_graph
from kg.driver import Graph
from kg.queries import parse
from tests.gnn.fake import fake_shop

Q = parse(
    "links",
    """
// name: items
// Items, and a link that the shop declared.
// params: ids (list of str), declared (list of str)
// returns: nothing
UNWIND $ids AS id
CREATE (i:Item {itemId: id})
WITH collect(i) AS made
MATCH (a:Item {itemId: $declared[0]})
MATCH (b:Item {itemId: $declared[1]})
CREATE (a)-[:SUBSTITUTES {source: 'declared:shop', relation: 'alternative'}]->(b)

// name: event
// Somebody bought an item.
// params: id (str)
// returns: nothing
MATCH (i:Item {itemId: $id})
CREATE (:User {userId: 'u'})-[:BOUGHT {count: 1, weight: 1.0}]->(i)

// name: links
// Every typed link.
// params:
// returns: kind, source, target, score, evidence, origin, run, relation
MATCH (a:Item)-[r:COMPLEMENTS|SUBSTITUTES]->(b:Item)
RETURN type(r) AS kind, a.itemId AS source, b.itemId AS target, r.score AS score, r.evidence AS evidence,
       r.source AS origin, r.runId AS run, r.relation AS relation
ORDER BY kind, source, target
""",
)


def prediction(rows: list[tuple[str, int, int, float]]) -> TypedLinks:
    pairs = pd.DataFrame(rows, columns=["kind", "source", "target", "score"]).assign(known=False)
    return TypedLinks(pairs, calibrated=True, origins=("declared BOUGHT_WITH", "declared VIEWED_WITH"))


FIRST = [
    ("COMPLEMENTS", 0, 1, 0.91),
    ("COMPLEMENTS", 0, 2, 0.8),
    ("COMPLEMENTS", 0, 3, 0.75),
    ("COMPLEMENTS", 4, 5, 0.95),  # the shop says that these replace each other
    ("SUBSTITUTES", 0, 1, 0.75),  # told once, as the likelier kind
    ("SUBSTITUTES", 5, 4, 0.99),
    ("SUBSTITUTES", 6, 7, 0.7),
    ("SUBSTITUTES", 7, 8, 0.69),  # not sure enough
]


@pytest.fixture
def data() -> ShopData:
    return fake_shop(n_items=20)


@pytest.fixture
def shop(graph: Graph, data: ShopData) -> Graph:
    ids = data.items["item_id"].tolist()
    graph.write(Q["items"], ids=ids, declared=[ids[4], ids[5]])
    return graph


def found(graph: Graph, data: ShopData) -> set[tuple[str, int, int, float | None]]:
    number = {item_id: n for n, item_id in enumerate(data.items["item_id"])}
    return {(r["kind"], number[r["source"]], number[r["target"]], r["score"]) for r in graph.read(Q["links"])}


def test_the_confident_links_are_written_once_and_pruned(shop: Graph, data: ShopData) -> None:
    declared = ("SUBSTITUTES", 4, 5, None)
    assert write_back(shop, data, prediction(FIRST), k=2) == {
        "COMPLEMENTS": Change(2, 2, 0),
        "SUBSTITUTES": Change(1, 1, 0),
    }
    expected = {("COMPLEMENTS", 0, 1, 0.91), ("COMPLEMENTS", 0, 2, 0.8), ("SUBSTITUTES", 6, 7, 0.7), declared}
    assert found(shop, data) == expected
    before = shop.read(Q["links"])
    assert {row["origin"] for row in before} == {"gnn", "declared:shop"}
    assert all(row["evidence"].startswith("co-purchased") and row["run"] for row in before if row["score"])

    again = write_back(shop, data, prediction(FIRST), k=2)
    assert again == {"COMPLEMENTS": Change(2, 0, 0), "SUBSTITUTES": Change(1, 0, 0)}
    assert shop.read(Q["links"]) == before

    later = write_back(shop, data, prediction([("COMPLEMENTS", 0, 1, 0.85)]))
    assert later == {"COMPLEMENTS": Change(1, 1, 1), "SUBSTITUTES": Change(0, 0, 1)}
    assert found(shop, data) == {("COMPLEMENTS", 0, 1, 0.85), declared}
    kept = next(row for row in shop.read(Q["links"]) if row["origin"] == "declared:shop")
    assert (kept["relation"], kept["score"], kept["run"]) == ("alternative", None, None)


def test_written_links_break_no_invariant(shop: Graph, data: ShopData) -> None:
    write_back(shop, data, prediction(FIRST))
    broken = {violation.invariant for violation in check(shop)}
    assert not broken & {"edges_without_source", "misplaced_edges", "self_edges"}


def test_only_what_the_shop_declared_is_read_again(shop: Graph, data: ShopData) -> None:
    shop.write(Q["event"], id=data.items["item_id"][0])
    write_back(shop, data, prediction(FIRST))
    assert from_graph(shop).relations.to_dict("records") == [
        {"relation": "alternative", "kind": "SUBSTITUTES", "source": 4, "target": 5}
    ]


def test_at_most_k_links_of_each_kind_and_the_best() -> None:
    chosen = confident(prediction(FIRST), least=0.7, k=1)
    assert [(r.kind, r.source, r.target) for r in chosen.itertuples()] == [
        ("COMPLEMENTS", 0, 1),
        ("SUBSTITUTES", 5, 4),  # not also COMPLEMENTS 4 -> 5
        ("SUBSTITUTES", 6, 7),
    ]


def test_evidence_in_words() -> None:
    shop = fake_shop(n_items=20)
    rows = [(user, item, "a", "purchase") for user, item in ((0, 0), (0, 7), (1, 0), (1, 7), (2, 3))]
    rows += [(3, item, "a", "view") for item in (0, 1)]
    events = pd.DataFrame(rows, columns=["user", "item", "basket", "type"]).assign(order=0)
    text = np.zeros((20, 2), np.float32)
    text[0], text[7], text[1] = (1, 0), (0.6, 0.8), (1, 0)
    data = shop._replace(interactions=events, text=text)
    pairs = pd.DataFrame(
        {"kind": ["COMPLEMENTS", "SUBSTITUTES"], "source": [0, 0], "target": [7, 1], "known": [True, False]}
    )
    assert explained(data, pairs, ("declared BOUGHT_WITH", "counted from views and carts")).tolist() == [
        "co-purchased 2 times (lift 1.5), viewed together 0 times, text 0.60, same brand, "
        "linked already (declared BOUGHT_WITH)",
        "co-purchased 0 times, viewed together 1 times, text 1.00",
    ]
