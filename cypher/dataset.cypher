// name: items
// What training reads of each item.
// params:
// returns: itemId, title, brand, categories, description, attributes, price, textEmbedding, textModel
MATCH (i:Item)
RETURN i.itemId AS itemId, i.title AS title, i.brand AS brand, i.categories AS categories,
       i.description AS description, i.attributes AS attributes, i.price AS price, i.textEmbedding AS textEmbedding,
       i.textModel AS textModel
ORDER BY itemId

// name: interactions
// What users did with items, one row a user; the lists run in parallel, an entry an edge.
// params:
// returns: userId, items, types, times ([[int]]), baskets ([[str]]), positions (-1: none), weights, splits ([[name=part]])
MATCH (u:User)-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
RETURN u.userId AS userId,
       collect(i.itemId) AS items,
       collect(type(r)) AS types,
       collect(coalesce(r.times, [])) AS times,
       collect(coalesce(r.baskets, [])) AS baskets,
       collect(coalesce(r.position, -1)) AS positions,
       collect(coalesce(r.weight, 1.0)) AS weights,
       collect([name IN keys(r) WHERE name STARTS WITH 'split_' | name + '=' + r[name]]) AS splits
ORDER BY userId

// name: declared_relations
// The item–item relations that the shop declared.
// params:
// returns: relation, kind, source, target
MATCH (a:Item)-[r]->(b:Item)
WHERE r.relation IS NOT NULL
RETURN r.relation AS relation, type(r) AS kind, a.itemId AS source, b.itemId AS target
ORDER BY relation, kind, source, target
