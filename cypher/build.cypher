// name: counting
// How far the graph is: the newest build, null where it did not end; the turns of the writers, those of the last
// deletion of items and of users, and the revision of items.
// params:
// returns: run_id (str or null), turns (int), removed (int), erased (int), revision (int)
OPTIONAL MATCH (r:Refresh {stage: 'build'})
WITH r
ORDER BY r.startedAt DESC, r.runId DESC
LIMIT 1
OPTIONAL MATCH (l:Lease {name: 'ingest'})
RETURN CASE WHEN r.endedAt IS NULL THEN null ELSE r.runId END AS run_id,
       coalesce(l.turns, 0) AS turns, coalesce(l.removed, 0) AS removed, coalesce(l.erased, 0) AS erased,
       coalesce(l.revision, 0) AS revision

// name: texts
// Every item, in the order that numbers them, and which text and encoder its vector is of.
// params:
// returns: itemId, textHash (str or null), textModel (str or null)
MATCH (i:Item)
RETURN i.itemId AS itemId, i.textHash AS textHash, i.textModel AS textModel
ORDER BY itemId

// name: text_vectors_of
// The text vectors of some items.
// params: ids (list of str)
// returns: itemId, vector
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
WHERE i.textEmbedding IS NOT NULL
RETURN id AS itemId, i.textEmbedding AS vector

// name: any_changed
// A user whose edges have changed since a turn of the writers, if there is one.
// params: since (int)
// returns: userId
MATCH (u:User)
WHERE u.turn > $since
RETURN u.userId AS userId
LIMIT 1

// name: baskets_since
// The same as baskets, of the users whose edges have changed since a turn of the writers; also those with none left.
// params: type (str), since (int)
// returns: userId, events (list of [itemId, times, baskets])
MATCH (u:User)
WHERE u.turn > $since
OPTIONAL MATCH (u)-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WHERE type(r) = $type
RETURN u.userId AS userId, collect(CASE WHEN i IS NOT NULL THEN [i.itemId, r.times, r.baskets] END) AS events

// name: written_edges
// The same as counted_edges, of the items that were written one by one since; also those with none.
// params: type (str), source (str), revision (int)
// returns: itemId, edges (list of [itemId, count, lift, score])
MATCH (a:Item)
WHERE a.revision > $revision
OPTIONAL MATCH (a)-[r]->(b:Item)
WHERE type(r) = $type AND r.source = $source
RETURN a.itemId AS itemId,
       collect(CASE WHEN b IS NOT NULL THEN [b.itemId, r.count, r.lift, r.score] END) AS edges

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
// returns: itemId, edges (list of [itemId, count, lift, score])
MATCH (a:Item)-[r]->(b:Item)
WHERE type(r) = $type AND r.source = $source
RETURN a.itemId AS itemId, collect([b.itemId, r.count, r.lift, r.score]) AS edges

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
