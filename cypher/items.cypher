// Items that are written one by one, through the API.

// name: stored
// Items as the staged table `items` has them, with their category ids, and whether they are hidden.
// params: ids (list of str)
// returns: item_id, title, description, brand, categories (list of str), price, list_price, currency, in_stock, released_at (seconds), image, attributes, hidden
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
RETURN id AS item_id, i.title AS title, i.description AS description, i.brand AS brand,
       [(i)-[:IN_CATEGORY]->(c) | c.categoryId] AS categories, i.price AS price, i.listPrice AS list_price,
       i.currency AS currency, i.inStock AS in_stock, i.releasedAt.epochSeconds AS released_at, i.image AS image,
       i.attributes AS attributes, coalesce(i.hidden, false) AS hidden

// name: hide
// Hide items or show them again, whether or not they were deleted before.
// params: rows (list of {item_id, hidden})
// returns: nothing
WITH [row IN $rows | row.item_id] AS ids
CALL (ids) {
  MATCH (d:Deleted)
  WHERE d.itemId IN ids
  DELETE d
}
UNWIND $rows AS row
MATCH (i:Item {itemId: row.item_id})
SET i.hidden = CASE WHEN row.hidden THEN true ELSE null END

// name: stamp
// Give items the next revision of the graph, by which those who follow it find them.
// params: ids (list of str)
// returns: nothing
MERGE (l:Lease {name: 'ingest'})
SET l.revision = coalesce(l.revision, 0) + 1
WITH l
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
SET i.revision = l.revision

// name: encoder_beside
// What encoded the other items, so far as they are encoded.
// params: ids (list of str)
// returns: model
MATCH (i:Item)
WHERE i.textModel IS NOT NULL AND NOT i.itemId IN $ids
RETURN i.textModel AS model
LIMIT 1

// name: remove
// Delete items with all that they are tied to; their users and the removal itself are marked with the turn.
// params: ids (list of str)
// returns: item_id, hidden (bool)
MERGE (l:Lease {name: 'ingest'})
SET l.removed = coalesce(l.turns, 0)
WITH l
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
CALL (i, l) {
  MATCH (i)<-[:VIEWED|ADDED_TO_CART|BOUGHT|RATED]-(u:User)
  SET u.turn = l.turns
}
WITH i, id, coalesce(i.hidden, false) AS hidden
DETACH DELETE i
RETURN id AS item_id, hidden

// name: bury
// Remember that items were deleted by hand: a file that still has one brings it back hidden (ingest.store_items).
// params: ids (list of str)
// returns: nothing
CALL () {
  MATCH (d:Deleted)
  WHERE d.itemId IN $ids
  DELETE d
}
UNWIND $ids AS id
CREATE (:Deleted {itemId: id})

// name: undeclare
// Delete the relations that the shop declared of items.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
MATCH (:Item {itemId: id})-[r:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|SIMILAR_TO]->(:Item)
WHERE r.source STARTS WITH 'declared:'
DELETE r

// name: there
// Which of some items there are.
// params: ids (list of str)
// returns: item_id
UNWIND $ids AS id
MATCH (:Item {itemId: id})
RETURN id AS item_id

// name: texts
// What the text of some items is made of, and which text and encoder their vector came from.
// params: ids (list of str)
// returns: itemId, title, brand, categories, description, attributes, textHash, textModel
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
RETURN id AS itemId, i.title AS title, i.brand AS brand, i.categories AS categories,
       i.description AS description, i.attributes AS attributes, i.textHash AS textHash, i.textModel AS textModel

// name: alike
// The items whose texts are closest to that of each of some items, with their vectors in a slot; only those that the same encoder has encoded.
// params: ids (list of str), k (int), context_property (str), target_property (str)
// returns: source, other, score (cosine), context, target
CYPHER 25
UNWIND $ids AS id
MATCH (item:Item {itemId: id})
CALL (item) {
  MATCH (other:Item)
  SEARCH other IN (VECTOR INDEX item_embedding FOR item.textEmbedding LIMIT $k) SCORE AS score
  RETURN other, 2 * score - 1 AS cosine
}
WITH id, item, other, cosine
WHERE other.itemId <> id AND cosine > 1e-6 AND other.textModel = item.textModel
RETURN id AS source, other.itemId AS other, CASE WHEN cosine > 1 THEN 1.0 ELSE cosine END AS score,
       other[$context_property] AS context, other[$target_property] AS target
ORDER BY source, score DESC, other

// name: drop_alike
// Delete the text neighbours of items.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
MATCH (:Item {itemId: id})-[r:SIMILAR_TO {source: 'text'}]->(:Item)
DELETE r

// name: stand_in
// Vectors for items that the model of a slot has none for, until it computes them.
// params: rows (list of {item_id, context, target}), slot (str), context_property (str), target_property (str)
// returns: nothing
UNWIND $rows AS row
MATCH (i:Item {itemId: row.item_id})
WHERE i[$target_property] IS NULL OR i.gnnProvisional = $slot
SET i[$context_property] = row.context, i[$target_property] = row.target, i.gnnProvisional = $slot
