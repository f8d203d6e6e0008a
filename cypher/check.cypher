// Each block returns a row for every violation; no rows mean that the invariant holds.

// name: item_without_id
// Items have an id.
// params:
// returns: what
MATCH (i:Item)
WHERE i.itemId IS NULL OR i.itemId = ''
RETURN 'node ' + elementId(i) AS what

// name: indexes_not_online
// Every index is online.
// params:
// returns: what
SHOW INDEXES
YIELD name, state
WHERE state <> 'ONLINE'
RETURN 'index ' + name + ' is ' + state AS what

// name: misplaced_edges
// Edges join the labels that the graph model says.
// params:
// returns: what
MATCH (a)-[r]->(b)
WHERE (type(r) IN ['VIEWED', 'ADDED_TO_CART', 'BOUGHT', 'RATED'] AND NOT (a:User AND b:Item))
   OR (type(r) IN ['SIMILAR_TO', 'BOUGHT_WITH', 'VIEWED_WITH', 'COMPLEMENTS', 'SUBSTITUTES', 'LEADS_TO'] AND NOT (a:Item AND b:Item))
   OR (type(r) = 'IN_CATEGORY' AND NOT (a:Item AND b:Category))
   OR (type(r) = 'MADE_BY' AND NOT (a:Item AND b:Brand))
   OR (type(r) = 'SATISFIED_BY' AND NOT (a:Intent AND b:Item))
   OR (type(r) = 'OF' AND NOT (a:Rule AND b:Scenario))
   OR (type(r) = 'APPLIES_TO' AND NOT (a:Rule AND (b:Item OR b:Brand OR b:Category)))
RETURN type(r) + ' from ' + head(labels(a)) + ' to ' + head(labels(b)) AS what

// name: self_edges
// No item is its own neighbour.
// params:
// returns: what
MATCH (i:Item)-[r]->(i)
RETURN type(r) + ' of item ' + coalesce(i.itemId, 'without id') + ' to itself' AS what

// name: parallel_edges
// At most one edge a type between a user and an item.
// params:
// returns: what
MATCH (u:User)-[r]->(i:Item)
WITH u, i, type(r) AS kind, count(*) AS times
WHERE times > 1
RETURN kind + ' from ' + u.userId + ' to ' + i.itemId + ' stands ' + times + ' times' AS what

// name: parallel_links
// At most one edge a type, source, relation and slot from an item to another.
// params:
// returns: what
MATCH (a:Item)-[r]->(b:Item)
WITH a, b, type(r) AS kind, r.source AS source, r.relation AS relation, r.slot AS slot, count(*) AS times
WHERE times > 1
RETURN kind + ' from ' + coalesce(a.itemId, 'nobody') + ' to ' + coalesce(b.itemId, 'nobody')
       + ' stands ' + times + ' times' AS what

// name: edges_without_source
// Every derived edge says where it came from.
// params:
// returns: what
MATCH (a:Item)-[r:SIMILAR_TO|BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|LEADS_TO]->(b:Item)
WHERE r.source IS NULL
RETURN type(r) + ' from ' + coalesce(a.itemId, 'nobody') + ' to ' + coalesce(b.itemId, 'nobody') + ' has no source' AS what

// name: bad_counts
// An edge's count is the number of its events, and it has at least one.
// params:
// returns: what
MATCH (u:User)-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WHERE r.count IS NULL OR r.count < 1 OR (size(r.times) > 0 AND size(r.times) <> r.count)
   OR r.firstAt > r.lastAt
RETURN type(r) + ' from ' + u.userId + ' to ' + i.itemId + ' counts ' + coalesce(toString(r.count), 'nothing') AS what

// name: bad_prices
// Prices are finite and not negative.
// params:
// returns: what
MATCH (i:Item)
UNWIND [i.price, i.listPrice] AS price
WITH i, price
WHERE price < 0 OR isNaN(toFloat(price)) OR toFloat(price) > 1e12
RETURN 'item ' + i.itemId + ' costs ' + toString(price) AS what

// name: vectors_of_wrong_size
// Text vectors have the size of their index.
// params: size (int)
// returns: what
MATCH (i:Item)
WHERE i.textEmbedding IS NOT NULL AND size(i.textEmbedding) <> $size
RETURN 'text vector of item ' + i.itemId + ' has ' + size(i.textEmbedding) + ' numbers' AS what

// name: vectors_without_hash
// A text vector says which text and encoder it came from, and there is one encoder.
// params:
// returns: what
MATCH (i:Item)
WHERE i.textEmbedding IS NOT NULL
WITH collect(DISTINCT i.textModel) AS models, count(i) - count(i.textHash) AS unhashed
WHERE size(models) > 1 OR unhashed > 0
RETURN 'encoders ' + reduce(all = '', m IN models | all + ' ' + m) + ', ' + unhashed + ' without hash' AS what

// name: live_model
// The live alias points to exactly one model.
// params:
// returns: what
MATCH (a:Alias {name: 'live'})
WITH a, COUNT { (a)-[:POINTS_TO]->(:Model) } AS models
WHERE models <> 1
RETURN 'alias live points to ' + models + ' models' AS what

// name: broken_categories
// No category lies under itself.
// params:
// returns: what
MATCH (c:Category)-[:CHILD_OF*1..8]->(c)
RETURN 'category ' + c.categoryId + ' lies under itself' AS what
