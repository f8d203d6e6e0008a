// How far what is counted has moved away from the live model's vectors: kg/refresh/drift.py.

// name: counted
// The items of which something is counted that goes with them.
// params:
// returns: itemId
MATCH (i:Item)
WHERE EXISTS { (i)-[:BOUGHT_WITH|VIEWED_WITH {source: 'counted'}]->(:Item) }
RETURN i.itemId AS itemId

// name: agreement
// How many of the strongest counted neighbours of some items are among the nearest by the vectors of a slot.
// params: ids (list of str), index (str), context_property (str), target_property (str), counted (int), nearest (int)
// returns: items (int), agreement (float or null): the mean share
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
WHERE i[$context_property] IS NOT NULL
CALL (i) {
  MATCH (i)-[r:BOUGHT_WITH|VIEWED_WITH {source: 'counted'}]->(other:Item)
  WHERE other[$target_property] IS NOT NULL
  WITH other, max(r.score) AS score
  ORDER BY score DESC, other.itemId
  LIMIT $counted
  RETURN collect(other) AS counted
}
WITH i, counted
WHERE size(counted) > 0
CALL (i) {
  CALL db.index.vector.queryNodes($index, $nearest + 1, i[$context_property]) YIELD node
  WHERE node <> i
  RETURN collect(node)[..$nearest] AS nearest
}
RETURN count(i) AS items, avg(1.0 * size([other IN counted WHERE other IN nearest]) / size(counted)) AS agreement

// name: first_agreement
// What was measured for a model first; what is measured now, if nothing was before.
// params: version (str), agreement (float)
// returns: agreement (float)
MERGE (r:Refresh {runId: 'agreement/' + $version})
ON CREATE SET r.stage = 'agreement', r.startedAt = datetime(), r.agreement = $agreement
RETURN r.agreement AS agreement
