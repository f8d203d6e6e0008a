// What the API reads. Nothing here writes.

// name: state
// Which model is live and which version of the graph it sits on; asked every second.
// params:
// returns: model_version (str), slot (str), dim (int), temperature (float), serving (str, JSON), graph_version (str), revision (int), removed (int), touched ([int]): other numbers when users did something, or it was forgotten
OPTIONAL MATCH (:Alias {name: 'live'})-[:POINTS_TO]->(m:Model)
OPTIONAL MATCH (l:Lease {name: 'ingest'})
OPTIONAL MATCH (r:Refresh)
WHERE r.endedAt IS NOT NULL
WITH m, l, r
ORDER BY r.endedAt DESC, r.runId DESC
LIMIT 1
RETURN m.version AS model_version,
       m.slot AS slot,
       m.dim AS dim,
       m.temperature AS temperature,
       m.serving AS serving,
       r.runId AS graph_version,
       coalesce(l.revision, 0) AS revision,
       coalesce(l.removed, 0) AS removed,
       [
         COUNT { ()-[:VIEWED]->() },
         COUNT { ()-[:ADDED_TO_CART]->() },
         COUNT { ()-[:BOUGHT]->() },
         COUNT { ()-[:RATED]->() },
         l.marked,
         l.removed,
         l.erased
       ] AS touched

// name: held
// A model whose vectors are in a slot, as `state` tells of the live one.
// params: model_version (str)
// returns: model_version (str), slot (str), dim (int), temperature (float), serving (str, JSON), graph_version (null)
MATCH (m:Model {version: $model_version})
WHERE m.slot IS NOT NULL
RETURN m.version AS model_version,
       m.slot AS slot,
       m.dim AS dim,
       m.temperature AS temperature,
       m.serving AS serving,
       null AS graph_version

// name: held_beside
// The model that is not live and has its vectors in a slot; asked every second.
// params:
// returns: model_version (str)
MATCH (m:Model)
WHERE m.slot IS NOT NULL AND NOT EXISTS { (:Alias {name: 'live'})-[:POINTS_TO]->(m) }
RETURN m.version AS model_version
ORDER BY m.trainedAt DESC, m.version
LIMIT 1

// name: learned
// The vectors that a model made of items.
// params: context_property (str), target_property (str)
// returns: item_id (str), context ([float]), target ([float])
MATCH (i:Item)
WHERE i[$context_property] IS NOT NULL
RETURN i.itemId AS item_id, i[$context_property] AS context, i[$target_property] AS target

// name: vectors
// Every item in the order of its id with what is kept in memory for scoring.
// params: context_property (str), target_property (str)
// returns: item_id (str), text_model (str), text ([float]), context ([float]), target ([float]), shoppers (int), written ([str]): title, description, brand, categories
MATCH (i:Item)
WHERE i.itemId IS NOT NULL
RETURN i.itemId AS item_id,
       i.textModel AS text_model,
       i.textEmbedding AS text,
       i[$context_property] AS context,
       i[$target_property] AS target,
       COUNT { MATCH (i)<-[:VIEWED|ADDED_TO_CART|BOUGHT|RATED]-(u) RETURN DISTINCT u } AS shoppers,
       [i.title, i.description, i.brand] + coalesce(i.categories, []) AS written
ORDER BY item_id

// name: written
// The items that were written one by one since a revision, with all that a snapshot keeps of them.
// params: revision (int), context_property (str), target_property (str)
// returns: item_id (str), text_model (str), text ([float]), context ([float]), target ([float]), shoppers (int), columns (list, as of columns without the id), written ([str]), category_ids ([str])
MATCH (i:Item)
WHERE i.revision > $revision
RETURN i.itemId AS item_id,
       i.textModel AS text_model,
       i.textEmbedding AS text,
       i[$context_property] AS context,
       i[$target_property] AS target,
       COUNT { MATCH (i)<-[:VIEWED|ADDED_TO_CART|BOUGHT|RATED]-(u) RETURN DISTINCT u } AS shoppers,
       [i.title, i.price, coalesce(i.inStock, true), coalesce(i.hidden, false), i.releasedAt, i.brand, i.attributes, i.listPrice] AS columns,
       [i.title, i.description, i.brand] + coalesce(i.categories, []) AS written,
       [(i)-[:IN_CATEGORY]->(c:Category) | c.categoryId] AS category_ids
ORDER BY item_id

// name: leads_to
// What having an item adds to the scores of others, a row an item.
// params: slot (str)
// returns: item_id (str), ends ([str]), weights ([float])
MATCH (a:Item)-[r:LEADS_TO {slot: $slot}]->(b:Item)
RETURN a.itemId AS item_id, collect(b.itemId) AS ends, collect(r.weight) AS weights

// name: columns_sum
// Numbers that differ when what filters look at does: by hand, but for texts of the same length (a database knows no hash),
// and by files at the end of each load. Each item weighs by its node's number, so that two which trade prices differ too.
// params:
// returns: items (int), total (int), loaded (datetime or null)
CALL () {
  MATCH (r:Refresh {stage: 'ingest'})
  RETURN max(r.endedAt) AS loaded
}
MATCH (i:Item)
WHERE i.itemId IS NOT NULL
WITH i, loaded, toInteger(split(elementId(i), ':')[2]) % 9973 + 1 AS weight
RETURN count(i) AS items,
       sum(weight * ((
         coalesce(toInteger(round(10000 * (toFloatOrNull(i.price) % 1.0e9))), 7)
         + 3 * coalesce(toInteger(round(10000 * (toFloatOrNull(i.listPrice) % 1.0e9))), 5)
         + CASE WHEN i.inStock = false THEN 0 ELSE 11 END
         + CASE WHEN coalesce(i.hidden, false) = false THEN 0 ELSE 101 END
         + 1009 * size(coalesce(toStringOrNull(i.title), ''))
         + 10007 * size(coalesce(toStringOrNull(i.brand), ''))
         + 100003 * size(coalesce(toStringOrNull(i.attributes), ''))
         + coalesce(toIntegerOrNull(replace(substring(toStringOrNull(i.releasedAt), 0, 10), '-', '')), 0)
       ) % 1000003)) AS total,
       max(loaded) AS loaded

// name: columns
// What filters look at, of every item in the order of its id, as lists of 500: the driver unpacks a row without letting others in.
// params:
// returns: columns ([[str, str, float, bool, bool, any, str, str, float]]): id, title, price, in stock, hidden, released, brand, attributes (JSON), list price
MATCH (i:Item)
WHERE i.itemId IS NOT NULL
WITH i
ORDER BY i.itemId
WITH collect([
         i.itemId,
         i.title,
         i.price,
         coalesce(i.inStock, true),
         coalesce(i.hidden, false),
         i.releasedAt,
         i.brand,
         i.attributes,
         i.listPrice
       ]) AS rows
UNWIND range(0, size(rows) - 1, 500) AS start
RETURN rows[start..start + 500] AS columns

// name: currencies
// What items are priced in, ISO 4217.
// params:
// returns: currencies ([str])
MATCH (i:Item)
WHERE i.price IS NOT NULL AND i.currency =~ '[A-Za-z]{3}'
RETURN collect(DISTINCT toUpper(i.currency)) AS currencies

// name: item_categories
// The categories an item lies in itself.
// params:
// returns: item_id (str), category_ids ([str])
MATCH (i:Item)-[:IN_CATEGORY]->(c:Category)
RETURN i.itemId AS item_id, collect(c.categoryId) AS category_ids
ORDER BY item_id

// name: categories
// The category tree.
// params:
// returns: category_id (str), name (str), season ([float] or null), parent_ids ([str])
MATCH (c:Category)
OPTIONAL MATCH (c)-[:CHILD_OF]->(parent:Category)
RETURN c.categoryId AS category_id, c.name AS name, c.season AS season, collect(parent.categoryId) AS parent_ids
ORDER BY category_id

// name: last_event
// The time of the newest event that does not lie ahead; null where the shop gives positions and no times.
// params:
// returns: at (datetime)
MATCH (:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item)
WHERE e.lastAt <= datetime()
RETURN max(e.lastAt) AS at

// name: recent
// By item and type, the number of events of the last days, each counting less by the day, as lists of 500 (see columns).
// params: at (datetime), days (int), decay (float)
// returns: events ([[str, str, float]]): item id, relationship type, sum of decay ^ days before `at`
MATCH (:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WHERE e.lastAt > $at - duration({days: $days})
WITH i.itemId AS item_id,
     type(e) AS type,
     coalesce(e.times, [n IN range(1, e.count) | e.lastAt.epochSeconds]) AS times
WITH item_id,
     type,
     sum(reduce(total = 0.0, t IN [t IN times WHERE $at.epochSeconds - 86400 * $days < t <= $at.epochSeconds] |
       total + $decay ^ (($at.epochSeconds - t) / 86400.0))) AS events
WITH collect([item_id, type, events]) AS rows
UNWIND range(0, size(rows) - 1, 500) AS start
RETURN rows[start..start + 500] AS events

// name: first_seen
// When items without a release date were first touched, as lists of 500 (see columns).
// params:
// returns: items ([[str, int]]): item id, seconds since 1970 of its first event
MATCH (:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
WHERE i.releasedAt IS NULL AND e.firstAt <= datetime()
WITH i.itemId AS item_id, min(e.firstAt) AS at
WITH collect([item_id, at.epochSeconds]) AS rows
UNWIND range(0, size(rows) - 1, 500) AS start
RETURN rows[start..start + 500] AS items

// name: history
// What a user did, newest first, as one row, since the driver's cost is by the row; known is false for an unknown user.
// Events that a file gave in an order without times are older than those with a time.
// params: user_id (str), most (int)
// returns: known (bool), events ([[str, str]]): item id, relationship type
OPTIONAL MATCH (u:User {userId: $user_id})
CALL (u) {
  MATCH (u)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
  WITH i.itemId AS item_id, type(e) AS type, e.lastAt IS NULL AS untimed, coalesce(e.lastAt, e.position) AS at
  ORDER BY untimed, at DESC, item_id, type
  LIMIT $most
  RETURN collect([item_id, type]) AS events
}
RETURN u IS NOT NULL AS known, events

// name: users
// Every user with an account, in the order of their ids: nobody can write to an anonymous session.
// params:
// returns: user_id (str)
MATCH (u:User)
WHERE u.userId IS NOT NULL AND NOT u.userId STARTS WITH 'session:'
RETURN u.userId AS user_id
ORDER BY user_id

// name: histories
// What every user with an account did, newest first, a row a user, as api.history has it for one.
// params: most (int)
// returns: user_id (str), events ([[str, str]]): item id, relationship type
MATCH (u:User)
WHERE u.userId IS NOT NULL AND NOT u.userId STARTS WITH 'session:'
CALL (u) {
  MATCH (u)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
  WITH i.itemId AS item_id, type(e) AS type, e.lastAt IS NULL AS untimed, coalesce(e.lastAt, e.position) AS at
  ORDER BY untimed, at DESC, item_id, type
  LIMIT $most
  RETURN collect([item_id, type]) AS events
}
RETURN u.userId AS user_id, events

// name: edges
// Items one hop from the given ones, as one row; where a pair has several edges of a type, the strongest.
// params: item_ids ([str]), types ([str])
// returns: edges ([[str, str, str, float, int]]): seed id, item id, type, score, count
UNWIND $item_ids AS seed_id
MATCH (:Item {itemId: seed_id})-[e:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES]-(i:Item)
WHERE type(e) IN $types
WITH seed_id,
     i.itemId AS item_id,
     type(e) AS type,
     max(coalesce(e.score, 1.0)) AS score,
     max(coalesce(e.count, 0)) AS times
ORDER BY seed_id, item_id, type
RETURN collect([seed_id, item_id, type, score, times]) AS edges

// name: fresh
// Items that came after the snapshot, or no row where there is no such item. Without vectors once another model is live: its vectors may be in their place.
// params: item_ids ([str]), model (str), context_property (str), target_property (str)
// returns: item_id (str), title (str), text ([float]), context ([float]), target ([float])
UNWIND $item_ids AS item_id
MATCH (i:Item {itemId: item_id})
WITH item_id, i.title AS title, i.textEmbedding AS text,
     i[$context_property] AS context, i[$target_property] AS target
OPTIONAL MATCH (:Alias {name: 'live'})-[:POINTS_TO]->(live:Model {version: $model})
RETURN item_id, title, text,
       CASE WHEN live IS NOT NULL THEN context END AS context,
       CASE WHEN live IS NOT NULL THEN target END AS target
ORDER BY item_id

// name: live_items
// Items as they are at this moment, as one row: the same columns, their categories, and the properties to show.
// params: item_ids ([str]), properties ([str]), with_categories (bool)
// returns: items ([[str, [any], [str], [any]]]): id, columns from title on, category ids, shown
UNWIND $item_ids AS item_id
MATCH (i:Item {itemId: item_id})
RETURN collect([
         item_id,
         [
           i.title,
           i.price,
           coalesce(i.inStock, true),
           coalesce(i.hidden, false),
           i.releasedAt,
           i.brand,
           i.attributes,
           i.listPrice
         ],
         CASE WHEN $with_categories THEN [(i)-[:IN_CATEGORY]->(c:Category) | c.categoryId] ELSE [] END,
         [name IN $properties | i[name]]
       ]) AS items

// name: paths
// The way in the graph from one item to another: the edge of the model's linear term that is in the score, else the shortest
// one over what ties items together, at most three relationships long; before one of three, the smallest category that both lie in.
// params: pairs ([[str, str]]), slot (str)
// returns: from_id (str), to_id (str), nodes ([str]), relationships ([str])
UNWIND $pairs AS pair
MATCH (a:Item {itemId: pair[0]})
MATCH (b:Item {itemId: pair[1]})
WHERE a <> b
OPTIONAL MATCH direct = (a)-[l:LEADS_TO {slot: $slot}]->(b)
WHERE l.weight > 0
OPTIONAL MATCH tied = shortestPath((a)-[:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|SIMILAR_TO|MADE_BY*..3]-(b))
OPTIONAL CALL (a, b) {
  MATCH shared = (a)-[:IN_CATEGORY]->(c:Category)<-[:IN_CATEGORY]-(b)
  RETURN shared ORDER BY COUNT { (c)<-[:IN_CATEGORY]-() }, c.categoryId LIMIT 1
}
WITH pair, coalesce(direct, CASE WHEN length(tied) <= 2 THEN tied END, shared, tied) AS p
WHERE p IS NOT NULL
RETURN pair[0] AS from_id,
       pair[1] AS to_id,
       [n IN nodes(p) | labels(n)[0] + ':' + coalesce(n.itemId, n.categoryId, n.name)] AS nodes,
       [r IN relationships(p) | type(r)] AS relationships

// name: browse_user_path
// For Neo4j Browser: what ties a user to an item through one of the user's own items.
// params: user_id (str), from_id (str), item_id (str), slot (str)
// returns: past (path), learned (path), way (path), shared (path), b (node)
MATCH past = (u:User {userId: $user_id})-[]->(a:Item {itemId: $from_id})
MATCH (b:Item {itemId: $item_id})
OPTIONAL MATCH learned = (a)-[:LEADS_TO {slot: $slot}]->(b)
OPTIONAL MATCH way = shortestPath((a)-[:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|SIMILAR_TO|MADE_BY*..3]-(b))
WHERE a <> b
OPTIONAL MATCH shared = (a)-[:IN_CATEGORY]->(:Category)<-[:IN_CATEGORY]-(b)
RETURN past, learned, way, shared, b

// name: browse_item_path
// For Neo4j Browser: what ties two items together.
// params: from_id (str), item_id (str), slot (str)
// returns: a (node), learned (path), way (path), shared (path), b (node)
MATCH (a:Item {itemId: $from_id})
MATCH (b:Item {itemId: $item_id})
OPTIONAL MATCH learned = (a)-[:LEADS_TO {slot: $slot}]->(b)
OPTIONAL MATCH way = shortestPath((a)-[:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|SIMILAR_TO|MADE_BY*..3]-(b))
WHERE a <> b
OPTIONAL MATCH shared = (a)-[:IN_CATEGORY]->(:Category)<-[:IN_CATEGORY]-(b)
RETURN a, learned, way, shared, b

// name: browse_intent_path
// For Neo4j Browser: what others chose after words like these.
// params: text (str), item_id (str)
// returns: p (path)
MATCH p = (:Intent {text: $text})-[:SATISFIED_BY]->(:Item {itemId: $item_id})
RETURN p

// name: browse_item
// For Neo4j Browser: an item and what surrounds it.
// params: item_id (str)
// returns: p (path)
MATCH p = (:Item {itemId: $item_id})-[:IN_CATEGORY|MADE_BY|SIMILAR_TO|BOUGHT_WITH]-()
RETURN p
LIMIT 50

// name: models
// Every published model, newest first.
// params:
// returns: version (str), slot (str), dim (int), temperature (float), metrics (str, JSON), trained_at (any), aliases ([str])
MATCH (m:Model)
OPTIONAL MATCH (a:Alias)-[:POINTS_TO]->(m)
WITH m, collect(a.name) AS aliases
RETURN m.version AS version,
       m.slot AS slot,
       m.dim AS dim,
       m.temperature AS temperature,
       m.metrics AS metrics,
       toString(m.trainedAt) AS trained_at,
       aliases
ORDER BY trained_at DESC, version

// name: ping
// Whether the graph answers.
// params:
// returns: ok (int)
RETURN 1 AS ok
