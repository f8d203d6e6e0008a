// The refresh job: its lease, its sources, what its runs and stages did.

// name: acquire
// Take a lease that is free or has expired, with a number larger than all before; no row where somebody has it.
// params: name (str), holder (str), seconds (int)
// returns: token (int)
MERGE (l:Lease {name: $name})
SET l.asked = $holder
WITH l
WHERE l.holder IS NULL OR l.expiresAt <= datetime.realtime()
SET l.holder = $holder,
    l.token = coalesce(l.token, 0) + 1,
    l.expiresAt = datetime.realtime() + duration({seconds: $seconds})
RETURN l.token AS token

// name: renew
// Keep a lease for longer; no row where another one has taken it.
// params: name (str), token (int), seconds (int)
// returns: token (int)
MATCH (l:Lease {name: $name})
SET l.asked = null
WITH l
WHERE l.token = $token AND l.holder IS NOT NULL
SET l.expiresAt = datetime.realtime() + duration({seconds: $seconds})
RETURN l.token AS token

// name: release
// Give a lease back, if it is still ours.
// params: name (str), token (int)
// returns: nothing
MATCH (l:Lease {name: $name})
SET l.asked = null
WITH l
WHERE l.token = $token
SET l.holder = null, l.expiresAt = null

// name: lease
// Who holds a lease, and until when; no row where it is free.
// params: name (str)
// returns: holder (str), expires_at (str), token (int)
MATCH (l:Lease {name: $name})
WHERE l.holder IS NOT NULL AND l.expiresAt > datetime.realtime()
RETURN l.holder AS holder, toString(l.expiresAt) AS expires_at, l.token AS token

// name: fence
// Hold on to the lease until the transaction ends; no row where another one has taken it.
// params: name (str), token (int)
// returns: token (int)
MATCH (l:Lease {name: $name})
SET l.asked = null
WITH l
WHERE l.token = $token AND l.holder IS NOT NULL
RETURN l.token AS token

// name: remember
// Where the files of a shop are, and where they were before.
// params: name (str), folder (str), manifest (str or null)
// returns: nothing
MERGE (s:Source {name: $name})
SET s.folders = [folder IN coalesce(s.folders, [s.folder]) WHERE folder <> $folder] + $folder,
    s.folder = $folder, s.manifest = $manifest

// name: sources
// The folders that are refreshed from, with the number of items and interactions of the last whole load.
// params:
// returns: name (str), folder (str), folders (list of str), manifest (str or null), items (int or null), interactions (int or null)
MATCH (s:Source)
RETURN s.name AS name, s.folder AS folder, coalesce(s.folders, [s.folder]) AS folders, s.manifest AS manifest,
       s.items AS items, s.interactions AS interactions
ORDER BY name

// name: any_item
// Whether the graph holds a shop at all.
// params:
// returns: there (bool)
RETURN EXISTS { (:Item) } AS there

// name: loaded
// Note how much a source held when it was loaded and pruned.
// params: name (str), items (int), interactions (int)
// returns: nothing
MATCH (s:Source {name: $name})
SET s.items = $items, s.interactions = $interactions

// name: ingests
// The ingest runs of a shop, the newest first.
// params: source (str)
// returns: fingerprint (str), ended (bool)
MATCH (r:Refresh {stage: 'ingest', source: $source})
RETURN r.fingerprint AS fingerprint, r.endedAt IS NOT NULL AS ended
ORDER BY r.startedAt DESC, r.runId DESC

// name: start_job
// Note that a refresh has begun, or goes on.
// params: runId (str), mode (str), until (str or null), fingerprint (str), holder (str)
// returns: nothing
MERGE (r:Refresh {runId: $runId})
ON CREATE SET r.stage = 'job', r.startedAt = datetime(), r.attempts = 0
SET r.mode = $mode, r.until = $until, r.fingerprint = $fingerprint, r.holder = $holder,
    r.attempts = r.attempts + 1, r.status = 'running', r.error = null

// name: end_job
// Note how a refresh ended; `finishedAt` and not `endedAt`, which would make it a version of the graph.
// params: runId (str), status (str), error (str or null)
// returns: nothing
MATCH (r:Refresh {runId: $runId})
SET r.status = $status, r.error = $error,
    r.finishedAt = CASE WHEN $status IN ['done', 'superseded'] THEN datetime() ELSE null END

// name: unfinished
// The newest refresh, if it did not come to its end.
// params:
// returns: runId (str), mode (str), fingerprint (str)
MATCH (r:Refresh {stage: 'job'})
WITH r
ORDER BY r.startedAt DESC, r.runId DESC
LIMIT 1
WHERE r.finishedAt IS NULL
RETURN r.runId AS runId, r.mode AS mode, r.fingerprint AS fingerprint

// name: start_stage
// Note that a stage of a refresh has begun.
// params: job (str), stage (str)
// returns: nothing
MERGE (r:Refresh {runId: $job + '/' + $stage})
SET r.job = $job, r.stage = 'job:' + $stage, r.startedAt = datetime()

// name: end_stage
// Note that a stage of a refresh has ended: how far it came, what it did (JSON), how long it took.
// params: job (str), stage (str), watermark (str or null), counts (str, JSON), seconds (float)
// returns: nothing
MATCH (r:Refresh {runId: $job + '/' + $stage})
SET r.watermark = $watermark, r.counts = $counts, r.seconds = $seconds, r.finishedAt = datetime()

// name: stages_of
// The stages of a refresh, in the order in which they began.
// params: job (str)
// returns: stage (str), started_at, finished_at, watermark, counts (str, JSON), seconds
MATCH (r:Refresh {job: $job})
RETURN substring(r.stage, 4) AS stage, toString(r.startedAt) AS started_at,
       toString(r.finishedAt) AS finished_at, r.watermark AS watermark, r.counts AS counts, r.seconds AS seconds
ORDER BY r.startedAt, stage

// name: pending
// Whether stages of runs that did not go to the end changed anything since the last run that did.
// params:
// returns: pending (bool)
OPTIONAL MATCH (j:Refresh {stage: 'job', status: 'done'})
WHERE j.until IS NULL
WITH coalesce(max(j.startedAt), datetime({epochSeconds: 0})) AS last
RETURN EXISTS {
  MATCH (s:Refresh)
  WHERE s.stage STARTS WITH 'job:' AND s.startedAt > last AND s.counts CONTAINS '"changed": true'
    AND NOT EXISTS {
      MATCH (j:Refresh {runId: s.job, status: 'done'})
      WHERE j.until IS NULL
    }
} AS pending

// name: ranked
// The model beside which the weights of the ranking were last learned by a refresh.
// params:
// returns: version (str)
MATCH (r:Refresh {stage: 'job:learn'})
WHERE r.watermark IS NOT NULL
RETURN r.watermark AS version
ORDER BY r.finishedAt DESC, r.runId DESC
LIMIT 1

// name: jobs
// The last refreshes, the newest first. One whose process was killed is `killed` once its lease is free.
// params: n (int), lease (str)
// returns: run_id, mode, until, status, error, holder, attempts, started_at, finished_at
MATCH (r:Refresh {stage: 'job'})
WITH r, r.status = 'running' AND NOT EXISTS {
  MATCH (l:Lease {name: $lease, holder: r.holder})
  WHERE l.expiresAt > datetime.realtime()
} AS killed
RETURN r.runId AS run_id, r.mode AS mode, r.until AS until,
       CASE WHEN killed THEN 'killed' ELSE r.status END AS status, r.error AS error,
       r.holder AS holder, r.attempts AS attempts, toString(r.startedAt) AS started_at,
       toString(r.finishedAt) AS finished_at
ORDER BY r.startedAt DESC, run_id DESC
LIMIT $n

// name: drop_user_edges
// Delete edges of which the source no longer has any event.
// params: rows (list of {user, item, type})
// returns: nothing
UNWIND $rows AS row
MATCH (:User {userId: row.user})-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item {itemId: row.item})
WHERE type(r) = row.type
DELETE r

// name: drop_users
// Delete users of whom nothing is left, neither edges nor events that were told one by one.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
MATCH (u:User {userId: id})
WHERE NOT EXISTS { (u)--() } AND NOT EXISTS { (:Event {userId: id}) }
MATCH (l:Lease {name: 'ingest'})
SET l.erased = coalesce(l.turns, 0)
DELETE u

// name: drop_relations
// Delete declared relations that the source no longer has.
// params: rows (list of {kind, relation, source, target})
// returns: nothing
UNWIND $rows AS row
MATCH (:Item {itemId: row.source})-[r:BOUGHT_WITH|VIEWED_WITH|COMPLEMENTS|SUBSTITUTES|SIMILAR_TO]->(:Item {itemId: row.target})
WHERE type(r) = row.kind AND r.source = 'declared:' + row.relation
DELETE r

// name: drop_queries
// Delete judgements that the source no longer has, and searches without any.
// params: rows (list of {query, item})
// returns: nothing
UNWIND $rows AS row
MATCH (q:Query {text: row.query})
OPTIONAL MATCH (q)-[r:JUDGED {source: 'declared'}]->(:Item {itemId: row.item})
DELETE r
WITH DISTINCT q
WHERE NOT EXISTS { (q)--() }
DELETE q

// name: drop_intents
// Delete what satisfied an intent and no longer does, and intents without any.
// params: rows (list of {intent, item})
// returns: nothing
UNWIND $rows AS row
MATCH (t:Intent {intentId: row.intent})
OPTIONAL MATCH (t)-[r:SATISFIED_BY {source: 'declared'}]->(:Item {itemId: row.item})
DELETE r
WITH DISTINCT t
WHERE NOT EXISTS { (t)--() }
DELETE t

// name: drop_brands
// Delete brands without items.
// params:
// returns: nothing
MATCH (b:Brand)
WHERE NOT EXISTS { (b)--() }
DELETE b

// name: drop_categories
// Delete categories with neither items nor categories below them; once a level.
// params:
// returns: nothing
MATCH (c:Category)
WHERE NOT EXISTS { (c)<-[:IN_CATEGORY]-() } AND NOT EXISTS { (c)<-[:CHILD_OF]-() }
DETACH DELETE c

// name: mined
// Whether needs were mined before.
// params:
// returns: needs (bool)
RETURN EXISTS { (:Intent {source: 'mined'}) } AS needs

// name: moved
// How far the graph has moved since the live model was trained; no row where no model is live.
// params:
// returns: version, days (float), told (int or null), interactions (int), later (int), items_told (int), items (int), strange (int), refused (bool): the gate refused a model that knew all this, read (str or null), encoder (str or null): of the texts that the model knows, and of most items
MATCH (:Alias {name: 'live'})-[:POINTS_TO]->(m:Model)
CALL (m) {
  MATCH (:User)-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item)
  RETURN coalesce(sum(r.count), 0) AS interactions,
         max(r.lastAt) AS newest,
         sum(CASE WHEN r.lastAt.epochSeconds > m.until THEN size([t IN r.times WHERE t > m.until]) ELSE 0 END) AS later
}
CALL (m) {
  MATCH (i:Item)
  RETURN count(i) AS items,
         count(CASE WHEN i['gnnTarget' + toUpper(left(m.slot, 1)) + substring(m.slot, 1)] IS NULL
                      OR i.gnnProvisional = m.slot THEN 1 END) AS strange
}
OPTIONAL CALL () {
  MATCH (i:Item)
  WHERE i.textModel IS NOT NULL
  RETURN i.textModel AS encoder, count(i) AS times
  ORDER BY times DESC, encoder
  LIMIT 1
}
RETURN m.version AS version,
       (datetime().epochSeconds - m.trainedAt.epochSeconds) / 86400.0 AS days, m.interactions AS told,
       interactions, later, coalesce(m.items, items) AS items_told, items, strange,
       EXISTS {
         MATCH (g:Gate {live: m.version, publish: false, interactions: interactions, items: items})
         WHERE g.newest = newest OR (g.newest IS NULL AND newest IS NULL)
       } AS refused,
       EXISTS { (:Model {leftFor: m.version, interactions: interactions}) } AS left,
       m.encoder AS read, encoder

// name: store_gate
// Keep a decision of the gate with its numbers, what the graph holds as it is taken, and what the candidate is.
// params: candidate (str), live (str or null), publish (bool), reason (str), report (str, JSON), interactions (int or null), until (int or null), trained_at (str or null), known_items (int or null), metrics (str or null, JSON), config (str or null, JSON)
// returns: nothing
CALL () {
  MATCH (:User)-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item)
  RETURN max(r.lastAt) AS newest
}
MERGE (g:Gate {candidate: $candidate, live: coalesce($live, '')})
SET g.publish = $publish, g.reason = $reason, g.report = $report, g.interactions = $interactions, g.at = datetime(),
    g.newest = newest, g.items = COUNT { (:Item) }, g.until = $until, g.trainedAt = datetime($trained_at),
    g.knownItems = $known_items, g.metrics = $metrics, g.config = $config

// name: add_to_gate
// Change a decision of the gate by what was found about it later.
// params: candidate (str), live (str), publish (bool), reason (str), report (str, JSON)
// returns: nothing
MATCH (g:Gate {candidate: $candidate, live: $live})
SET g.publish = $publish, g.reason = $reason, g.report = $report

// name: gates
// The decisions about a candidate, the newest first.
// params: candidate (str)
// returns: candidate, live, publish (bool), reason, report (str, JSON), at
MATCH (g:Gate {candidate: $candidate})
RETURN g.candidate AS candidate, CASE WHEN g.live = '' THEN null ELSE g.live END AS live,
       g.publish AS publish, g.reason AS reason, g.report AS report, toString(g.at) AS at
ORDER BY g.at DESC, live
