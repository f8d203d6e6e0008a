"""Every invariant of `shopgraph graph check`: a sound graph breaks none, and what breaks one is named."""

import time

import pytest

from kg.build import build_edges
from kg.check import check
from kg.driver import Graph
from kg.encode import vector_index
from kg.queries import load, parse
from kg.schema import make_keys
from kg.text import compose, text_hash
from tests.kg import shop

TEA = "MATCH (i:Item {itemId: 'tea'})"
ANN = "MATCH (u:User {userId: 'ann'})-[r:BOUGHT]->(i:Item {itemId: 'tea'})"
BROKEN = [
    ("item_without_id", f"{TEA} SET i.itemId = ''", "node "),
    ("item_without_id", "CREATE (:Item {title: 'nameless'})", "node "),
    ("misplaced_edges", f"{TEA} CREATE (i)-[:BOUGHT]->(:Brand)", "BOUGHT from Item to Brand"),
    ("misplaced_edges", f"{ANN} CREATE (u)-[:LEADS_TO]->(u)", "LEADS_TO from User to User"),
    ("misplaced_edges", f"{TEA} CREATE (i)-[:IN_CATEGORY]->(:Brand)", "IN_CATEGORY from Item to Brand"),
    ("misplaced_edges", f"{TEA} CREATE (i)-[:MADE_BY]->(:Category)", "MADE_BY from Item to Category"),
    ("misplaced_edges", f"{ANN} CREATE (u)-[:SATISFIED_BY]->(i)", "SATISFIED_BY from User to Item"),
    ("misplaced_edges", f"{TEA} CREATE (:Rule)-[:OF]->(i)", "OF from Rule to Item"),
    ("misplaced_edges", f"{ANN} CREATE (:Rule)-[:APPLIES_TO]->(u)", "APPLIES_TO from Rule to User"),
    ("self_edges", f"{TEA} CREATE (i)-[:SIMILAR_TO {{source: ''}}]->(i)", "SIMILAR_TO of item tea to itself"),
    ("parallel_edges", f"{ANN} CREATE (u)-[:BOUGHT {{count: 1}}]->(i)", "from ann to tea stands 2 times"),
    (
        "parallel_links",
        f"{TEA}-[r:BOUGHT_WITH]->(b) CREATE (i)-[:BOUGHT_WITH {{source: r.source}}]->(b)",
        "BOUGHT_WITH from tea to mug stands 2 times",
    ),
    (
        "edges_without_source",
        f"{TEA}-[r:BOUGHT_WITH]->() REMOVE r.source",
        "BOUGHT_WITH from tea to mug has no",
    ),
    ("bad_counts", f"{ANN} SET r.count = 0, r.times = null", "BOUGHT from ann to tea counts 0"),
    ("bad_counts", f"{ANN} REMOVE r.count", "BOUGHT from ann to tea counts nothing"),
    ("bad_counts", f"{ANN} SET r.count = 3", "BOUGHT from ann to tea counts 3"),
    ("bad_counts", f"{ANN} SET r.firstAt = 2, r.lastAt = 1", "BOUGHT from ann to tea counts 2"),
    ("bad_prices", f"{TEA} SET i.price = -1", "item tea costs -1"),
    ("bad_prices", f"{TEA} SET i.listPrice = 0.0 / 0.0", "item tea costs NaN"),
    ("bad_prices", f"{TEA} SET i.price = 1.0 / 0.0", "item tea costs Infinity"),
    ("vectors_of_wrong_size", f"{TEA} SET i.textEmbedding = [1.0, 0.0, 0.0]", "item tea has 3 numbers"),
    ("vectors_without_hash", f"{TEA} REMOVE i.textHash", "encoders  test, 1 without hash"),
    ("vectors_without_hash", f"{TEA} SET i.textModel = 'other'", "other"),
    ("live_model", "CREATE (:Alias {name: 'live'})", "alias live points to 0 models"),
    (
        "live_model",
        "CREATE (a:Alias {name: 'live'}) CREATE (a)-[:POINTS_TO]->(:Model) CREATE (a)-[:POINTS_TO]->(:Model)",
        "alias live points to 2 models",
    ),
    (
        "broken_categories",
        "CREATE (a:Category {categoryId: 'a'})-[:CHILD_OF]->(:Category {categoryId: 'b'})-[:CHILD_OF]->(a)",
        "category a lies under itself",
    ),
    ("missing_constraints", "DROP CONSTRAINT user_key", "no constraint user_key"),
    ("stale_vectors", f"{TEA} SET i.title = 'Other tea'", "item tea was encoded from another text"),
]


def run(graph: Graph, statement: str) -> None:
    graph.write(parse("test", f"// name: it\n// Test.\n// params:\n// returns:\n{statement}")["it"])


@pytest.fixture
def sound(graph: Graph) -> Graph:
    """The made-up shop with keys, edges and text vectors."""
    make_keys(graph)
    shop.write(graph)
    encode = load("encode")
    graph.write(encode.create_index, options=vector_index(2))
    rows = [
        {"itemId": item["itemId"], "textHash": text_hash(compose(item)), "vector": [1.0, float(n)]}
        for n, item in enumerate(shop.ITEMS)
    ]
    graph.write(encode.store, rows=rows, model="test")
    graph.write(load("ingest").await_indexes)
    build_edges(graph)
    return graph


def test_a_sound_graph_breaks_no_invariant(sound: Graph) -> None:
    assert check(sound) == []


@pytest.mark.parametrize(("invariant", "statement", "example"), BROKEN, ids=[row[0] for row in BROKEN])
def test_what_breaks_an_invariant_is_named(
    sound: Graph, invariant: str, statement: str, example: str
) -> None:
    run(sound, statement)
    (found,) = check(sound)
    assert found.invariant == invariant
    assert any(example in what for what in found.examples), found.examples


def test_an_index_that_failed_is_named(sound: Graph) -> None:
    """A text of 40,960 characters is too long for the index that is made after it."""
    run(sound, f"{TEA} SET i.note = reduce(s = '0123456789', n IN range(1, 12) | s + s)")
    run(sound, "CREATE RANGE INDEX item_note FOR (i:Item) ON (i.note)")
    until = time.monotonic() + 30
    while "FAILED" not in str(found := check(sound)) and time.monotonic() < until:
        time.sleep(0.1)
    assert [(v.invariant, v.examples) for v in found] == [
        ("indexes_not_online", ["index item_note is FAILED"])
    ]


def test_every_invariant_is_broken_here() -> None:
    named = {query.name.split(".")[1] for query in load("check")} | {"missing_constraints", "stale_vectors"}
    assert {invariant for invariant, *_ in BROKEN} | {"indexes_not_online"} == named
