// What `shopgraph api evaluate` reads: known right answers, and the plain searches it compares with.

// name: intents
// What shoppers said they were after, with the items that satisfied it, in order.
// params:
// returns: intent_id (str), text (str), items ([str])
MATCH (t:Intent|HeldOut)-[r:SATISFIED_BY]->(i:Item)
WITH t, i, r
ORDER BY t.intentId, r.position
WITH t, collect(i.itemId) AS items
RETURN t.intentId AS intent_id, t.text AS text, items
ORDER BY t.intentId

// name: sessions
// In which session each need was said; null where that is not known.
// params:
// returns: intent_id (str), session (str)
MATCH (t:Intent)
RETURN t.intentId AS intent_id, t.session AS session
ORDER BY intent_id

// name: hide
// Take needs out of the graph for a while.
// params: intent_ids ([str])
// returns: nothing
UNWIND $intent_ids AS id
MATCH (t:Intent {intentId: id})
SET t:HeldOut
REMOVE t:Intent

// name: show
// Put them back.
// params: intent_ids ([str])
// returns: nothing
UNWIND $intent_ids AS id
MATCH (t:HeldOut {intentId: id})
SET t:Intent
REMOVE t:HeldOut

// name: queries
// Judged queries with the rating of each judged item.
// params:
// returns: text (str), ratings ([[str, float]])
MATCH (q:Query)-[r:JUDGED]->(i:Item)
WITH q, i, r
ORDER BY q.text, i.itemId
RETURN q.text AS text, collect([i.itemId, r.rating]) AS ratings
ORDER BY text

// name: full_text
// The best items by the full-text index, best first.
// params: words (str), k (int)
// returns: item_id (str)
CALL db.index.fulltext.queryNodes('item_text', $words, {limit: $k}) YIELD node, score
RETURN node.itemId AS item_id
ORDER BY score DESC, item_id

// name: by_vector
// The best items by the index of text vectors, best first.
// params: vector ([float]), k (int)
// returns: item_id (str)
CYPHER 25
MATCH (i:Item)
SEARCH i IN (VECTOR INDEX item_embedding FOR $vector LIMIT $k) SCORE AS score
RETURN i.itemId AS item_id
ORDER BY score DESC, item_id

// name: hold_out
// Take away the last item of each user who has three or more: what they came to last is to be found.
// params:
// returns: user_id (str), item_id (str)
MATCH (u:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WITH u, i, max(coalesce(e.lastAt, e.position)) AS at, collect(e) AS edges
ORDER BY at DESC, i.itemId
WITH u, collect({item: i.itemId, edges: edges}) AS past
WHERE size(past) >= 3
WITH u.userId AS user_id, past[0] AS last
FOREACH (e IN last.edges | DELETE e)
RETURN user_id, last.item AS item_id
ORDER BY user_id

// name: pasts
// What users came to, oldest first.
// params: user_ids ([str])
// returns: user_id (str), items ([str])
UNWIND $user_ids AS user_id
MATCH (u:User {userId: user_id})-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WITH user_id, i, max(coalesce(e.lastAt, e.position)) AS at
ORDER BY user_id, at, i.itemId
WITH user_id, collect(i.itemId) AS items
RETURN user_id, items
ORDER BY user_id

// name: rarest_categories
// Of each item the name of its category that has the fewest items.
// params: item_ids ([str])
// returns: item_id (str), name (str)
UNWIND $item_ids AS item_id
MATCH (i:Item {itemId: item_id})-[:IN_CATEGORY]->(c:Category)
WITH item_id, c, COUNT { (c)<-[:IN_CATEGORY]-(:Item) } AS size
ORDER BY size, c.categoryId
WITH item_id, collect(c.name)[0] AS name
RETURN item_id, name

// name: forget_interactions
// Take away all that users did, in transactions small enough for a small heap.
// params:
// returns: nothing
MATCH (:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item)
CALL (e) { DELETE e } IN TRANSACTIONS OF 10000 ROWS
