"""The keys and indexes that every graph has."""

from kg.driver import Graph
from kg.queries import load


def make_keys(graph: Graph) -> None:
    """Make the constraints and indexes that are not there yet.

    Raises:
        GraphError: what is in the graph breaks a key.
    """
    for query in load("schema"):
        graph.write(query)
