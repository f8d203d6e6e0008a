"""One number for the whole graph, the same for equal graphs however they were built.

Each node and each relationship is hashed on its own, with its labels or type, its end nodes' keys and its
properties, and the hashes are added up, so order does not matter and memory does not grow.
"""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from kg.driver import Graph
from kg.queries import load

# These differ between two loads of the same data.
BOOKKEEPING = frozenset({"runId", "loadedAt", "updatedAt", "revision", "turn"})


class GraphSum(NamedTuple):
    """A graph's checksum and size."""

    checksum: str
    nodes: dict[str, int]  # by label
    relationships: dict[str, int]  # by type


def measure(graph: Graph) -> GraphSum:
    """The checksum of all but what the API logs, bookkeeping nodes and the properties in BOOKKEEPING.

    With how many nodes of each label and relationships of each type it covers.
    """
    total = 0
    nodes: Counter[str] = Counter()
    relationships: Counter[str] = Counter()
    for labels, fact in _nodes(graph):
        nodes.update(labels)
        total += _hash(fact)
    for kind, fact in _relationships(graph):
        relationships[kind] += 1
        total += _hash(fact)
    return GraphSum(
        f"{total % 2**128:032x}", dict(sorted(nodes.items())), dict(sorted(relationships.items()))
    )


def _nodes(graph: Graph) -> Iterator[tuple[list[str], Any]]:
    for row in graph.stream(load("checksum").nodes):
        labels = sorted(row["labels"])
        yield labels, ["node", labels, _own(row["properties"])]


def _relationships(graph: Graph) -> Iterator[tuple[str, Any]]:
    for row in graph.stream(load("checksum").relationships):
        for kind, label, key, properties in row["edges"]:
            yield kind, ["edge", kind, row["label"], row["key"], label, key, _own(properties)]


def _own(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in BOOKKEEPING}


def _hash(fact: Any) -> int:
    """128 bits of a fact, as a number."""
    text = json.dumps(fact, sort_keys=True, ensure_ascii=False, default=str)
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())
