// What `shopgraph graph fine-tune` reads besides texts and searches.

// name: together
// Items that are bought together, each pair once, whether counted from baskets or declared by the shop.
// params:
// returns: one (str), other (str): item ids in order
MATCH (a:Item)-[:BOUGHT_WITH]-(b:Item)
WHERE a.itemId < b.itemId
RETURN DISTINCT a.itemId AS one, b.itemId AS other
ORDER BY one, other

// name: judged
// Queries that people judged, with the items that they rated above half of the query's best.
// params:
// returns: query (str), items ([str])
MATCH (q:Query)-[r:JUDGED]->(i:Item)
WITH q, max(r.rating) AS best, collect([i.itemId, r.rating]) AS rated
WHERE best > 0
RETURN q.text AS query, [one IN rated WHERE one[1] > best / 2.0 | one[0]] AS items
ORDER BY query
