// Needs that shoppers share: what `shopgraph graph intents` mines, and what the API reads of it. Seen in Neo4j
// Browser with MATCH p = (:Intent {source: 'mined'})-[:SATISFIED_BY]->() RETURN p LIMIT 50

// name: searches
// Users who searched, with what they searched for and what they bought; times in seconds.
// params:
// returns: user_id (str), searches ([[int, str]]), bought ([[str, [int]]]): item id, times
MATCH (e:Event {type: 'search'})
WHERE e.query IS NOT NULL AND e.userId IS NOT NULL
WITH e
ORDER BY e.at, e.eventId
WITH e.userId AS user_id, collect([e.at.epochSeconds, e.query]) AS searches
MATCH (:User {userId: user_id})-[r:BOUGHT]->(i:Item)
WHERE r.times IS NOT NULL
WITH user_id, searches, i, r
ORDER BY i.itemId
RETURN user_id, searches, collect([i.itemId, r.times]) AS bought
ORDER BY user_id

// name: declared
// What the shop's files say that shoppers were after, with the items that satisfied it.
// params:
// returns: intent_id (str), text (str), items ([str])
MATCH (t:Intent)-[r:SATISFIED_BY]->(i:Item)
WHERE coalesce(t.source, 'declared') <> 'mined' AND t.text IS NOT NULL
WITH t, i
ORDER BY r.position, i.itemId
RETURN t.intentId AS intent_id, t.text AS text, collect(i.itemId) AS items
ORDER BY intent_id

// name: titles
// Visible items with their titles, text vectors, categories and shoppers.
// params:
// returns: item_id (str), title (str), vector ([float]), categories ([str]), shoppers (int)
MATCH (i:Item)
WHERE coalesce(i.hidden, false) = false
RETURN i.itemId AS item_id,
       i.title AS title,
       i.textEmbedding AS vector,
       [(i)-[:IN_CATEGORY]->(c:Category) | c.name] AS categories,
       COUNT { MATCH (i)<-[:VIEWED|ADDED_TO_CART|BOUGHT|RATED]-(u) RETURN DISTINCT u } AS shoppers
ORDER BY item_id

// name: mined
// The needs mined before, with the edges that mining made.
// params:
// returns: intent_id (str), key (str), text (str), mined_text (str), rejected (bool), support (int), model (str), embedding ([float]), items ([[str, float, int]])
MATCH (t:Intent {source: 'mined'})
OPTIONAL MATCH (t)-[r:SATISFIED_BY {source: 'mined'}]->(i:Item)
WITH t, r, i
ORDER BY i.itemId
RETURN t.intentId AS intent_id,
       t.key AS key,
       t.text AS text,
       t.minedText AS mined_text,
       coalesce(t.rejected, false) AS rejected,
       t.support AS support,
       t.textModel AS model,
       t.embedding AS embedding,
       collect(CASE WHEN r IS NOT NULL THEN [i.itemId, r.weight, r.support] END) AS items
ORDER BY intent_id

// name: ledger
// The keys of all needs that mining ever wrote and did not take back itself: one without its node was deleted by hand.
// params:
// returns: keys ([str]), least (int), alike (float): as they were mined the last time
MATCH (l:Lease {name: 'intents'})
RETURN coalesce(l.keys, []) AS keys, coalesce(l.least, 2) AS least, coalesce(l.alike, 0.9) AS alike

// name: note
// Keep the ledger, and how needs were mined.
// params: keys ([str]), least (int), alike (float)
// returns: nothing
MERGE (l:Lease {name: 'intents'})
SET l.keys = $keys, l.least = $least, l.alike = $alike

// name: store
// Needs that are new or changed; a text that was changed by hand stays.
// params: rows (list of {intent_id, key, text, support, embedding, items: [{item_id, weight, support}]}), model (str)
// returns: nothing
UNWIND $rows AS row
MERGE (t:Intent {intentId: row.intent_id})
ON CREATE SET t.text = row.text
SET t.text = CASE WHEN t.text = t.minedText THEN row.text ELSE t.text END
SET t.minedText = row.text,
    t.key = row.key,
    t.source = 'mined',
    t.support = row.support,
    t.textModel = $model,
    t.embedding = row.embedding,
    t.updatedAt = datetime()
WITH t, row
CALL (t, row) {
  MATCH (t)-[old:SATISFIED_BY {source: 'mined'}]->(i:Item)
  WHERE NOT i.itemId IN [item IN row.items | item.item_id]
  DELETE old
}
CALL (t, row) {
  UNWIND row.items AS item
  MATCH (i:Item {itemId: item.item_id})
  MERGE (t)-[r:SATISFIED_BY {source: 'mined'}]->(i)
  SET r.weight = item.weight, r.support = item.support
}

// name: drop
// Needs that the data no longer supports.
// params: ids ([str])
// returns: nothing
UNWIND $ids AS id
MATCH (t:Intent {intentId: id, source: 'mined'})
DETACH DELETE t

// name: listed
// The needs that count, as one row, without their vectors.
// params: model (str)
// returns: needs ([[str, str, int, int, str]]): id, text, support, number of items, time of the last change
MATCH (t:Intent {source: 'mined', textModel: $model})
WHERE NOT coalesce(t.rejected, false) AND t.embedding IS NOT NULL AND t.text IS NOT NULL
WITH t
ORDER BY t.intentId
RETURN collect([
         t.intentId,
         t.text,
         coalesce(t.support, 0),
         COUNT { (t)-[:SATISFIED_BY]->(:Item) },
         toString(t.updatedAt)
       ]) AS needs

// name: vectors
// The vectors of some needs.
// params: intent_ids ([str])
// returns: intent_id (str), embedding ([float])
UNWIND $intent_ids AS id
MATCH (t:Intent {intentId: id})
RETURN id AS intent_id, t.embedding AS embedding

// name: satisfied
// Some needs as they are at this moment, as one row, with the items that satisfy them; an edge or a need that was rejected is left out.
// params: intent_ids ([str])
// returns: needs ([[str, str, int, [[str, float]]]]): id, text, support, items with their weights
UNWIND $intent_ids AS id
MATCH (t:Intent {intentId: id})
WHERE NOT coalesce(t.rejected, false)
WITH id,
     t,
     [(t)-[r:SATISFIED_BY]->(i:Item) WHERE NOT coalesce(r.rejected, false) | [i.itemId, coalesce(r.weight, 1.0)]] AS items
ORDER BY id
RETURN collect([id, t.text, coalesce(t.support, 0), items]) AS needs
