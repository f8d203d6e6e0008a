// name: item_ids
// Every item.
// params:
// returns: itemId
MATCH (i:Item)
WHERE i.itemId IS NOT NULL
RETURN i.itemId AS itemId
ORDER BY itemId

// name: live
// The model that is live, or no row.
// params:
// returns: version, slot
MATCH (:Alias {name: 'live'})-[:POINTS_TO]->(m:Model)
RETURN m.version AS version, m.slot AS slot

// name: drop_blue
// Remove the index of the slot blue, before its vectors change.
// params:
// returns: nothing
DROP INDEX item_gnn_blue IF EXISTS

// name: drop_green
// Remove the index of the slot green, before its vectors change.
// params:
// returns: nothing
DROP INDEX item_gnn_green IF EXISTS

// name: clear
// Remove a slot's vectors, and the marks of those that stood in for others.
// params: slot (str), context_property (str), target_property (str)
// returns: nothing
MATCH (i:Item)
WHERE i[$context_property] IS NOT NULL OR i[$target_property] IS NOT NULL OR i.gnnProvisional = $slot
CALL (i) {
  SET i[$context_property] = null,
      i[$target_property] = null,
      i.gnnProvisional = CASE WHEN i.gnnProvisional <> $slot THEN i.gnnProvisional END
} IN TRANSACTIONS OF 2000 ROWS

// name: vectors
// Store the vectors of some items in a slot.
// params: rows (list of {item_id, context, target}), context_property (str), target_property (str)
// returns: nothing
UNWIND $rows AS row
MATCH (i:Item {itemId: row.item_id})
SET i[$context_property] = row.context, i[$target_property] = row.target

// name: clear_edges
// Remove a slot's edges.
// params: slot (str)
// returns: nothing
MATCH (:Item)-[r:LEADS_TO {slot: $slot}]->(:Item)
CALL (r) {
  DELETE r
} IN TRANSACTIONS OF 20000 ROWS

// name: edges
// What having some items adds to the scores of others, in a slot that holds none of their edges.
// params: rows (list of {item_id, ends, weights}), slot (str), version (str)
// returns: nothing
UNWIND $rows AS row
MATCH (a:Item {itemId: row.item_id})
UNWIND range(0, size(row.ends) - 1) AS n
MATCH (b:Item {itemId: row.ends[n]})
CREATE (a)-[:LEADS_TO {weight: row.weights[n], slot: $slot, source: 'gnn', runId: $version}]->(b)

// name: index_blue
// The vector index of the slot blue, with what recommendations filter on.
// params: options (map with vector.dimensions and vector.similarity_function)
// returns: nothing
CYPHER 25
CREATE VECTOR INDEX item_gnn_blue
FOR (i:Item) ON i.gnnTargetBlue
WITH [i.brand, i.price, i.inStock]
OPTIONS $options

// name: index_green
// The vector index of the slot green, with what recommendations filter on.
// params: options (map with vector.dimensions and vector.similarity_function)
// returns: nothing
CYPHER 25
CREATE VECTOR INDEX item_gnn_green
FOR (i:Item) ON i.gnnTargetGreen
WITH [i.brand, i.price, i.inStock]
OPTIONS $options

// name: index_state
// How far an index is.
// params: name (str)
// returns: state, percent
SHOW INDEXES YIELD name, state, populationPercent
WHERE name = $name
RETURN state, populationPercent AS percent

// name: retire
// Forget the models whose vectors a slot no longer holds, unless they are live.
// params: slot (str)
// returns: nothing
MATCH (m:Model {slot: $slot})
WHERE NOT EXISTS { (:Alias {name: 'live'})-[:POINTS_TO]->(m) }
SET m.slot = null

// name: claim
// Note who writes into a slot from now on.
// params: slot (str), owner (str)
// returns: nothing
MERGE (l:Lease {name: 'slot ' + $slot})
SET l.holder = $owner

// name: claimed
// Who wrote into a slot last.
// params: slot (str)
// returns: owner (str)
MATCH (l:Lease {name: 'slot ' + $slot})
RETURN l.holder AS owner

// name: trained
// Note up to when a model knows the interactions, how many there were, and whose text vectors it reads.
// params: version (str), until (int or null), interactions (int or null), encoder (str or null)
// returns: nothing
MERGE (m:Model {version: $version})
SET m.until = $until, m.interactions = $interactions, m.encoder = $encoder

// name: hold
// Create or renew the model's node; it is not promoted.
// params: version (str), slot (str), trained_at (str), dim (int), temperature (float), metrics (str), config (str), serving (str), items (int)
// returns: nothing
MERGE (m:Model {version: $version})
SET m.slot = $slot,
    m.trainedAt = datetime($trained_at),
    m.dim = $dim,
    m.temperature = $temperature,
    m.metrics = $metrics,
    m.config = $config,
    m.serving = $serving,
    m.items = $items

// name: newcomers
// The items that a slot has no vector of its model for: none at all, or a stand-in made of their text neighbours'.
// params: slot (str), target_property (str)
// returns: itemId
MATCH (i:Item)
WHERE i[$target_property] IS NULL OR i.gnnProvisional = $slot
RETURN i.itemId AS itemId
ORDER BY itemId

// name: settle
// Vectors of some items by the model itself, in place of stand-ins, and nothing that leads to them yet.
// params: rows (list of {item_id, context, target}), slot (str), context_property (str), target_property (str)
// returns: nothing
UNWIND $rows AS row
MATCH (i:Item {itemId: row.item_id})
SET i[$context_property] = row.context, i[$target_property] = row.target
REMOVE i.gnnProvisional
WITH i
MATCH (i)<-[old:LEADS_TO {slot: $slot}]-(:Item)
DELETE old
