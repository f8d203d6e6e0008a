// Which models there are, and which of them answers.

// name: all
// Every model whose vectors were written or that the gate judged, the one promoted or judged last first.
// params:
// returns: version (str), live (bool), passed (bool, the gate's last word, or null), slot (str), trained_at (str), promoted_at (str), items (int), until (int), interactions (int), metrics (str, JSON), config (str, JSON)
CALL () {
  MATCH (m:Model)
  RETURN m.version AS version
  UNION
  MATCH (g:Gate)
  RETURN g.candidate AS version
}
OPTIONAL MATCH (m:Model {version: version})
OPTIONAL MATCH (g:Gate {candidate: version})
WITH version, m, g
ORDER BY g.at DESC, g.live
WITH version, m, head(collect(g)) AS gate
RETURN version,
       EXISTS { (:Alias {name: 'live'})-[:POINTS_TO]->(m) } AS live,
       gate.publish AS passed,
       m.slot AS slot,
       toString(coalesce(m.trainedAt, gate.trainedAt)) AS trained_at,
       toString(m.promotedAt) AS promoted_at,
       coalesce(m.items, gate.knownItems) AS items,
       coalesce(m.until, gate.until) AS until,
       coalesce(m.interactions, gate.interactions) AS interactions,
       coalesce(m.metrics, gate.metrics) AS metrics,
       coalesce(m.config, gate.config) AS config
ORDER BY coalesce(m.promotedAt, gate.at) DESC, version

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

// name: leave
// Note that a model was taken back by hand, and for which one.
// params: version (str), live (str)
// returns: nothing
MATCH (m:Model {version: $version})
SET m.leftFor = $live

// name: compared
// The running experiment whose sides are two models: their vectors stay where they are until it ends.
// params:
// returns: name (str)
MATCH (e:Experiment {compares: 'model'})
WHERE e.stoppedAt IS NULL
RETURN e.name AS name
