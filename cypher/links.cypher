// name: own_links
// The typed links of an earlier run, one row an item.
// params: type (str)
// returns: itemId, edges (list of [itemId, score, evidence])
MATCH (a:Item)-[r:COMPLEMENTS|SUBSTITUTES {source: 'gnn'}]->(b:Item)
WHERE type(r) = $type
RETURN a.itemId AS itemId, collect([b.itemId, r.score, r.evidence]) AS edges

// name: declared_links
// The pairs of which the shop itself said one or the other; they are not ours to add to.
// params:
// returns: source, target
MATCH (a:Item)-[r:COMPLEMENTS|SUBSTITUTES]->(b:Item)
WHERE r.source <> 'gnn'
RETURN DISTINCT a.itemId AS source, b.itemId AS target

// name: store_links
// Write typed links, absolute values.
// params: type (str), runId (str), rows (list of {source, target, score, evidence})
// returns: nothing
CYPHER 25
UNWIND $rows AS row
MATCH (a:Item {itemId: row.source})
MATCH (b:Item {itemId: row.target})
MERGE (a)-[r:$($type) {source: 'gnn'}]->(b)
SET r.score = row.score, r.evidence = row.evidence, r.runId = $runId

// name: drop_links
// Delete typed links that are no longer predicted.
// params: type (str), rows (list of {source, target})
// returns: nothing
CYPHER 25
UNWIND $rows AS row
MATCH (a:Item {itemId: row.source})-[r:$($type) {source: 'gnn'}]->(b:Item {itemId: row.target})
DELETE r
