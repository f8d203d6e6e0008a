// Which models there are, and which of them answers.

// name: all
// Every model that was ever published, the last one first.
// params:
// returns: version (str), live (bool), slot (str), trained_at (str), promoted_at (str), items (int), metrics (str, JSON), config (str, JSON)
MATCH (m:Model)
RETURN m.version AS version,
       EXISTS { (:Alias {name: 'live'})-[:POINTS_TO]->(m) } AS live,
       m.slot AS slot,
       toString(m.trainedAt) AS trained_at,
       toString(m.promotedAt) AS promoted_at,
       m.items AS items,
       m.metrics AS metrics,
       m.config AS config
ORDER BY m.promotedAt DESC, version

// name: promote
// Let the alias live point to a model whose vectors are in a slot, in one transaction.
// params: version (str)
// returns: version (str)
MATCH (m:Model {version: $version})
WHERE m.slot IS NOT NULL
MERGE (a:Alias {name: 'live'})
SET m.promotedAt = datetime()
WITH a, m
OPTIONAL MATCH (a)-[old:POINTS_TO]->()
DELETE old
WITH DISTINCT a, m
CREATE (a)-[:POINTS_TO]->(m)
RETURN m.version AS version

// name: compared
// The running experiment whose sides are two models: their vectors stay where they are until it ends.
// params:
// returns: name (str)
MATCH (e:Experiment {compares: 'model'})
WHERE e.stoppedAt IS NULL
RETURN e.name AS name
