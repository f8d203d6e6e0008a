"""The stage `check`: invariants of the graph, and what is in it."""

from typing import NamedTuple

from kg.driver import Graph
from kg.queries import Query, load
from kg.text import compose, text_hash

STALE = "stale_vectors"
_SHOWN = 20  # violations of one invariant that are listed


class Violation(NamedTuple):
    """One broken invariant."""

    invariant: str
    meaning: str
    total: int
    examples: list[str]


def check(graph: Graph) -> list[Violation]:
    """Run every invariant; an empty list means that the graph is sound."""
    violations = []
    for query in load("check"):
        found = sorted(row["what"] for row in graph.stream(query, **_params(graph, query)))
        violations.append((query.name.split(".")[1], query.doc, found))
    violations.append(
        ("missing_constraints", "Every key is a unique constraint.", _missing_constraints(graph))
    )
    violations.append((STALE, "Text vectors belong to the items' present texts.", _stale_vectors(graph)))
    return [Violation(name, doc, len(found), found[:_SHOWN]) for name, doc, found in violations if found]


def stats(graph: Graph) -> dict[str, dict[str, int]]:
    """How many nodes of each label and relationships of each type there are."""
    queries = load("stats")
    return {
        "nodes": {row["label"]: row["count"] for row in graph.read(queries.nodes)},
        "relationships": {row["type"]: row["count"] for row in graph.read(queries.relationships)},
    }


def _params(graph: Graph, query: Query) -> dict[str, int]:
    """The vector sizes that blocks of check.cypher ask for."""
    if "size" not in query.params:
        return {}
    index = graph.read(load("encode").index_size)
    return {"size": index[0]["size"] if index else 0}


def _missing_constraints(graph: Graph) -> list[str]:
    found = {row["name"] for row in graph.read(load("stats").constraints)}
    keys = (query.name.split(".")[1] for query in load("schema"))  # a block that makes one has its name
    return [f"no constraint {key}" for key in keys if key.endswith("_key") and key not in found]


def _stale_vectors(graph: Graph) -> list[str]:
    stale = []
    for row in graph.stream(load("encode").items):
        text = compose(row)
        if text and row["textHash"] is not None and row["textHash"] != text_hash(text):
            stale.append(f"item {row['itemId']} was encoded from another text: run shopgraph graph encode")
    return stale
