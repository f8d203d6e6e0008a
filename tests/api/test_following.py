"""What tells an API process that items have changed, and what does not."""

import pytest

from kg.driver import Graph
from kg.queries import load, parse

CHANGES = parse(
    "changes",
    """
// name: price
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.price = 4.51

// name: stock
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.inStock = NOT coalesce(i.inStock, true)

// name: hidden
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.hidden = true

// name: title
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.title = i.title + '!'

// name: released
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) SET i.releasedAt = datetime('2031-02-03T00:00:00Z')

// name: traded_prices
// One change.
// params:
// returns: nothing
MATCH (a:Item {itemId: 'tea-1'}), (b:Item {itemId: 'coffee-5'})
WITH a, b, a.price AS price
SET a.price = b.price, b.price = price

// name: loaded
// One change.
// params:
// returns: nothing
CREATE (:Refresh {runId: 'r-1', stage: 'ingest', endedAt: datetime()})

// name: gone
// One change.
// params:
// returns: nothing
MATCH (i:Item {itemId: 'tea-1'}) DETACH DELETE i

// name: event
// One change.
// params:
// returns: nothing
MERGE (e:Event {eventId: 'e-1'}) SET e.type = 'view'
""",
)


@pytest.mark.parametrize("change", [*CHANGES])
def test_the_sum_of_items_differs_when_one_changes_and_by_nothing_else(filled: Graph, change: str) -> None:
    columns_sum = load("api").columns_sum
    before = filled.read(columns_sum)
    assert filled.read(columns_sum) == before
    filled.write(CHANGES[change])
    assert (filled.read(columns_sum) == before) == (change == "event")
