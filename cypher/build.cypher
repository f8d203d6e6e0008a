// name: item_ids
// Every item, in the order that numbers them.
// params:
// returns: itemId
MATCH (i:Item)
RETURN i.itemId AS itemId
ORDER BY itemId

// name: text_vectors
// Every item's text vector.
// params:
// returns: itemId, vector
MATCH (i:Item)
WHERE i.textEmbedding IS NOT NULL
RETURN i.itemId AS itemId, i.textEmbedding AS vector

// name: baskets
// What each user did with items in one way, event by event, one row a user.
// params: type (str)
// returns: userId, events (list of [itemId, times, baskets])
MATCH (u:User)-[r]->(i:Item)
WHERE type(r) = $type
RETURN u.userId AS userId, collect([i.itemId, r.times, r.baskets]) AS events

// name: counted_edges
// The edges of one type that an earlier build made, one row an item.
// params: type (str), source (str)
// returns: itemId, edges (list of [itemId, count, score])
MATCH (a:Item)-[r]->(b:Item)
WHERE type(r) = $type AND r.source = $source
RETURN a.itemId AS itemId, collect([b.itemId, r.count, r.score]) AS edges

// name: store_edges
// Write edges of one type, absolute values.
// params: type (str), source (str), runId (str), rows (list of {source, target, count, lift, score})
// returns: nothing
CYPHER 25
UNWIND $rows AS row
MATCH (a:Item {itemId: row.source})
MATCH (b:Item {itemId: row.target})
MERGE (a)-[r:$($type) {source: $source}]->(b)
SET r.score = row.score, r.count = row.count, r.lift = row.lift, r.runId = $runId

// name: drop_edges
// Delete edges that the data no longer supports.
// params: type (str), source (str), rows (list of {source, target})
// returns: nothing
CYPHER 25
UNWIND $rows AS row
MATCH (a:Item {itemId: row.source})-[r:$($type) {source: $source}]->(b:Item {itemId: row.target})
DELETE r

// name: start_run
// Note that a stage has begun.
// params: runId (str), stage (str)
// returns: nothing
MERGE (r:Refresh {runId: $runId})
SET r.stage = $stage, r.startedAt = datetime()

// name: end_run
// Note that a stage has ended, with what it did as JSON.
// params: runId (str), counts (str)
// returns: nothing
MATCH (r:Refresh {runId: $runId})
SET r.endedAt = datetime(), r.counts = $counts
