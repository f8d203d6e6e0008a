// name: item_text_index
// Full-text search over what is written about items; the analyzer is that of the shop's language.
// params: options (map, indexConfig with fulltext.analyzer)
// returns: nothing
CREATE FULLTEXT INDEX item_text IF NOT EXISTS
FOR (i:Item) ON EACH [i.title, i.description, i.brand, i.categories]
OPTIONS $options

// name: drop_item_text_index
// Remove the full-text index, to make it again with another analyzer.
// params:
// returns: nothing
DROP INDEX item_text IF EXISTS

// name: item_text_analyzer
// The analyzer of the full-text index.
// params:
// returns: analyzer (str)
SHOW FULLTEXT INDEXES YIELD name, options
WHERE name = 'item_text'
RETURN options['indexConfig']['fulltext.analyzer'] AS analyzer

// name: await_indexes
// Wait until every index is online, at most five minutes.
// params:
// returns: nothing
CALL db.awaitIndexes(300)

// name: item_ids
// Every item's id.
// params:
// returns: itemId
MATCH (i:Item)
RETURN i.itemId AS itemId

// name: last_run
// The newest ingest run of a shop.
// params: source (str)
// returns: runId, fingerprint, watermark, ended (bool)
MATCH (r:Refresh {stage: 'ingest', source: $source})
RETURN r.runId AS runId, r.fingerprint AS fingerprint, r.watermark AS watermark,
       r.endedAt IS NOT NULL AS ended
ORDER BY r.startedAt DESC, runId DESC
LIMIT 1

// name: start_run
// Note that an ingest run has begun.
// params: runId (str), source (str), fingerprint (str), language (str), watermark (str)
// returns: nothing
MERGE (r:Refresh {runId: $runId})
SET r.stage = 'ingest', r.source = $source, r.fingerprint = $fingerprint, r.language = $language,
    r.watermark = $watermark, r.startedAt = datetime()

// name: mark_run
// Note how far a run has come, in the transaction of the batch itself.
// params: runId (str), watermark (str)
// returns: nothing
MATCH (r:Refresh {runId: $runId})
SET r.watermark = $watermark

// name: take_turn
// Locks one node until the transaction ends, so that two loaders never write a batch at the same time, and
// counts the turns: what a transaction marks with its turn was committed before any later turn began.
// params: runId (str)
// returns: nothing
MERGE (l:Lease {name: 'ingest'})
SET l.holder = $runId, l.turns = coalesce(l.turns, 0) + 1

// name: mark_users
// Mark users whose edges have changed with the present turn, by which counting finds them, and that there are some.
// params: ids (list of str)
// returns: nothing
MATCH (l:Lease {name: 'ingest'})
SET l.marked = l.turns
WITH l
UNWIND $ids AS id
MATCH (u:User {userId: id})
SET u.turn = l.turns

// name: existing_items
// What was loaded of each item that is there already.
// params: ids (list of str)
// returns: itemId, rowHash
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
RETURN i.itemId AS itemId, i.rowHash AS rowHash

// name: store_categories
// The category tree; a parent stands before its children.
// params: rows (list of {id, name, parent})
// returns: nothing
UNWIND $rows AS row
MERGE (c:Category {categoryId: row.id})
ON CREATE SET c.name = row.name
WITH c, row
WHERE row.parent IS NOT NULL
MATCH (p:Category {categoryId: row.parent})
MERGE (c)-[:CHILD_OF]->(p)

// name: store_items
// New and changed items, with their brand and categories; older links that no longer hold are deleted. Those that were
// deleted by hand are hidden.
// params: rows (list of {id, properties, brands, categories})
// returns: nothing
WITH [row IN $rows | row.id] AS ids
CALL (ids) {
  MATCH (d:Deleted)
  WHERE d.itemId IN ids
  RETURN collect(d.itemId) AS deleted
}
UNWIND $rows AS row
MERGE (i:Item {itemId: row.id})
SET i += row.properties,
    i.hidden = CASE WHEN row.id IN deleted THEN true ELSE i.hidden END
WITH i, row,
     [(i)-[:IN_CATEGORY]->(c) | c.categoryId] AS categories,
     [(i)-[:MADE_BY]->(b) | b.name] AS brands
CALL (i, row) {
  MATCH (i)-[old:MADE_BY|IN_CATEGORY]->(x)
  WHERE (x:Brand AND NOT x.name IN row.brands) OR (x:Category AND NOT x.categoryId IN row.categories)
  DELETE old
}
CALL (i, row, brands) {
  UNWIND [name IN row.brands WHERE NOT name IN brands] AS name
  MERGE (b:Brand {name: name})
  CREATE (i)-[:MADE_BY]->(b)
}
CALL (i, row, categories) {
  UNWIND [id IN row.categories WHERE NOT id IN categories] AS id
  MATCH (c:Category {categoryId: id})
  CREATE (i)-[:IN_CATEGORY]->(c)
}

// name: store_users
// Users; those that are there stay as they are.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
MERGE (:User {userId: id})

// name: existing_edges
// What the graph has of the users of a batch, among the batch's items, but for firstAt and lastAt: unpacking these took
// four fifths of the time of a load, and they follow from the times.
// params: users (list of str), items (list of str)
// returns: userId, edges (list of [type, itemId, properties])
UNWIND $users AS id
MATCH (u:User {userId: id})-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WHERE i.itemId IN $items
RETURN id AS userId, collect([type(r), i.itemId, r {.*, firstAt: null, lastAt: null}]) AS edges

// name: create_edges
// New edges of one type, a column a property; `split` is the place of an edge's splits in `splits`.
// params: type (str), users, items, counts, weights, positions, firsts, lasts, times, baskets, split, splits
// returns: nothing
CYPHER 25
UNWIND range(0, size($users) - 1) AS n
MATCH (u:User {userId: $users[n]})
MATCH (i:Item {itemId: $items[n]})
CREATE (u)-[r:$($type) {
  count: $counts[n], weight: $weights[n], position: $positions[n],
  firstAt: CASE WHEN $firsts[n] IS NULL THEN null ELSE datetime({epochSeconds: $firsts[n]}) END,
  lastAt: CASE WHEN $lasts[n] IS NULL THEN null ELSE datetime({epochSeconds: $lasts[n]}) END,
  times: $times[n], baskets: $baskets[n]
}]->(i)
SET r += $splits[$split[n]]

// name: buried
// Those of some items that were deleted by hand and are gone.
// params: ids (list of str)
// returns: id
UNWIND $ids AS id
MATCH (:Deleted {itemId: id})
WHERE NOT EXISTS { (:Item {itemId: id}) }
RETURN id

// name: update_edges
// Edges whose events, weight, position or split are not what they were, absolute values.
// params: rows (list of {user, item, type, first, last, properties})
// returns: nothing
UNWIND $rows AS row
MATCH (:User {userId: row.user})-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item {itemId: row.item})
WHERE type(r) = row.type
SET r += row.properties,
    r.firstAt = CASE WHEN row.first IS NULL THEN null ELSE datetime({epochSeconds: row.first}) END,
    r.lastAt = CASE WHEN row.last IS NULL THEN null ELSE datetime({epochSeconds: row.last}) END

// name: existing_relations
// The declared relations of the items of a batch.
// params: ids (list of str)
// returns: itemId, edges (list of [type, relation, itemId])
UNWIND $ids AS id
MATCH (a:Item {itemId: id})-[r:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|SIMILAR_TO]->(b:Item)
WHERE r.source STARTS WITH 'declared:'
RETURN id AS itemId, collect([type(r), r.relation, b.itemId]) AS edges

// name: create_relations
// New declared relations of one kind and one of the shop's words.
// params: kind (str), relation (str), source (str), from (list of str), to (list of str)
// returns: nothing
CYPHER 25
UNWIND range(0, size($from) - 1) AS n
MATCH (a:Item {itemId: $from[n]})
MATCH (b:Item {itemId: $to[n]})
CREATE (a)-[:$($kind) {source: $source, relation: $relation}]->(b)

// name: existing_queries
// The judgements of the searches of a batch.
// params: queries (list of str)
// returns: query, itemId, rating
UNWIND $queries AS text
MATCH (q:Query {text: text})-[r:JUDGED]->(i:Item)
RETURN text AS query, i.itemId AS itemId, r.rating AS rating

// name: store_queries
// Judged searches, absolute values.
// params: rows (list of {query, item, rating})
// returns: nothing
UNWIND $rows AS row
MERGE (q:Query {text: row.query})
WITH q, row
MATCH (i:Item {itemId: row.item})
MERGE (q)-[r:JUDGED]->(i)
SET r.rating = row.rating, r.source = 'declared'

// name: existing_intents
// The intents of a batch with their items.
// params: ids (list of str)
// returns: intentId, text, session, items (list of [itemId, position])
UNWIND $ids AS id
MATCH (t:Intent {intentId: id})
OPTIONAL MATCH (t)-[r:SATISFIED_BY]->(i:Item)
RETURN id AS intentId, t.text AS text, t.session AS session, collect([i.itemId, r.position]) AS items

// name: store_intents
// What shoppers said they were after.
// params: rows (list of {id, text, session})
// returns: nothing
UNWIND $rows AS row
MERGE (t:Intent {intentId: row.id})
SET t.text = row.text, t.session = row.session, t.source = 'declared'

// name: store_satisfied
// The items that satisfied an intent, in order.
// params: rows (list of {id, item, position})
// returns: nothing
UNWIND $rows AS row
MATCH (t:Intent {intentId: row.id})
MATCH (i:Item {itemId: row.item})
MERGE (t)-[r:SATISFIED_BY]->(i)
SET r.position = row.position, r.weight = 1.0, r.source = 'declared'
