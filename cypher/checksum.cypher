// name: nodes
// Every node that is not bookkeeping; events are counted where they are on an edge, answers change nothing.
// params:
// returns: labels (list of str), properties (map)
MATCH (n)
WHERE NOT n:Refresh AND NOT n:Lease AND NOT n:Source AND NOT n:Gate
  AND NOT n:Event AND NOT n:Answer AND NOT n:Erasure AND NOT n:Experiment AND NOT n:Ranking
  AND NOT n:Classifier
  AND NOT n:Offset
RETURN labels(n) AS labels, properties(n) AS properties

// name: relationships
// Every relationship between such nodes, a row a start node; a node is known by its label and key.
// params:
// returns: label, key, edges (list of [type, label, key, properties])
MATCH (a)-[r]->(b)
WHERE NOT a:Refresh AND NOT a:Lease AND NOT b:Refresh AND NOT b:Lease
RETURN labels(a)[0] AS label,
       coalesce(a.itemId, a.userId, a.categoryId, a.intentId, a.version, a.text, a.name) AS key,
       collect([type(r), labels(b)[0],
                coalesce(b.itemId, b.userId, b.categoryId, b.intentId, b.version, b.text, b.name),
                properties(r)]) AS edges
