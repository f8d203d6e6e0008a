// What `shopgraph graph fine-tune` reads besides texts and searches.

// name: together
// Items that are bought together, each pair once, whether counted from baskets or declared by the shop.
// params:
// returns: one (str), other (str): item ids in order
MATCH (a:Item)-[:BOUGHT_WITH]-(b:Item)
WHERE a.itemId < b.itemId
RETURN DISTINCT a.itemId AS one, b.itemId AS other
ORDER BY one, other

// name: one_need
// Items that together satisfy a need which the shop's files declare, each pair once.
// params:
// returns: one (str), other (str): item ids in order
MATCH (a:Item)<-[:SATISFIED_BY]-(t:Intent {source: 'declared'})-[:SATISFIED_BY]->(b:Item)
WHERE a.itemId < b.itemId
RETURN DISTINCT a.itemId AS one, b.itemId AS other
ORDER BY one, other
