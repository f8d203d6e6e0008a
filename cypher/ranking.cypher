// Learned weights of the ranking, a node for each kind of recommendation that has some. Seen in Neo4j Browser with
// MATCH (r:Ranking) RETURN r

// name: every
// The weights that were learned and adopted.
// params:
// returns: kind (str), weights (str, JSON), learned_at (str), model_version (str), beside_words (float)
MATCH (r:Ranking)
RETURN r.kind AS kind, r.weights AS weights, toString(r.learnedAt) AS learned_at, r.modelVersion AS model_version,
       coalesce(r.besideWords, 1.0) AS beside_words
ORDER BY kind

// name: adopt
// Weights for a kind, in place of those before.
// params: kind (str), weights (str, JSON), metrics (str, JSON), model (str), beside_words (float)
// returns: learned_at (str)
MERGE (r:Ranking {kind: $kind})
SET r.weights = $weights, r.metrics = $metrics, r.modelVersion = $model, r.besideWords = $beside_words,
    r.learnedAt = datetime()
RETURN toString(r.learnedAt) AS learned_at

// name: drop
// Forget what was learned for a kind.
// params: kind (str)
// returns: kind (str)
MATCH (r:Ranking {kind: $kind})
DETACH DELETE r
RETURN $kind AS kind

// name: searches
// What users searched for, with the seconds since 1970, a row a user.
// params:
// returns: user_id (str), searches ([[int, str]]), oldest first
MATCH (e:Event {type: 'search'})
WHERE e.query IS NOT NULL AND e.userId IS NOT NULL
WITH e
ORDER BY e.userId, e.at, e.query
RETURN e.userId AS user_id, collect([e.at.epochSeconds, e.query]) AS searches
ORDER BY user_id
