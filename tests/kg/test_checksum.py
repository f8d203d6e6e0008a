import pytest

from kg.checksum import measure
from kg.driver import Graph
from kg.queries import Query, parse
from tests.conftest import empty

WRITE = parse(
    "writing",
    """
// name: forth
// A small graph.
// params:
// returns:
CREATE (u:User {userId: 'u'})
CREATE (u)-[:BOUGHT {count: 1, runId: 'a'}]->(i:Item {itemId: 'i', price: 1.5, updatedAt: 7})
CREATE (u)-[:VIEWED]->(:Item {itemId: 'j', at: datetime('2020-01-01T00:00:00Z')})
CREATE (:Refresh {runId: 'x'})
CREATE (:Lease {name: 'y'})

// name: back
// The same graph, built in another order, with other bookkeeping.
// params:
// returns:
CREATE (j:Item {itemId: 'j', at: datetime('2020-01-01T00:00:00Z')})
CREATE (i:Item {price: 1.5, itemId: 'i'})
CREATE (u:User {userId: 'u'})
CREATE (u)-[:VIEWED {loadedAt: 3}]->(j)
CREATE (u)-[:BOUGHT {count: 1, runId: 'b'}]->(i)

// name: property
// Another price.
// params:
// returns:
MATCH (i:Item {itemId: 'i'}) SET i.price = 1.6

// name: direction
// The edge the other way round.
// params:
// returns:
MATCH (u)-[r:VIEWED]->(j) DELETE r CREATE (j)-[:VIEWED]->(u)

// name: twice
// A second edge that equals the first.
// params:
// returns:
MATCH (u)-[r:BOUGHT]->(i) CREATE (u)-[:BOUGHT {count: 1}]->(i)

// name: label
// Another label.
// params:
// returns:
MATCH (i:Item {itemId: 'i'}) SET i:Offer
""",
)


def test_equal_graphs_have_equal_sums(graph: Graph) -> None:
    graph.write(WRITE["forth"])
    forth = measure(graph)
    empty(graph)
    graph.write(WRITE["back"])
    assert measure(graph) == forth
    assert forth.nodes == {"Item": 2, "User": 1}
    assert forth.relationships == {"BOUGHT": 1, "VIEWED": 1}


@pytest.mark.parametrize(
    "change", [q for q in WRITE.values() if q.name.split(".")[1] not in ("forth", "back")]
)
def test_every_difference_changes_the_sum(graph: Graph, change: Query) -> None:
    graph.write(WRITE["forth"])
    before = measure(graph).checksum
    graph.write(change)
    assert measure(graph).checksum != before


def test_an_empty_graph_has_sum_zero(graph: Graph) -> None:
    assert measure(graph) == ("0" * 32, {}, {})
