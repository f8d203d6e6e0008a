// The answers that the API gave: whole for replays at first, then only what shows whom what stood where.

// name: keep
// New answers, but none from before the erasure of its user. Answers of a day can be replayed: they are labelled.
// params: rows (list of {user_key, properties})
// returns: nothing
UNWIND $rows AS row
WITH row
WHERE row.user_key IS NULL OR NOT EXISTS {
  MATCH (e:Erasure {userKey: row.user_key})
  WHERE e.at >= row.properties.at
}
MERGE (a:Answer {recommendationId: row.properties.recommendationId})
SET a = row.properties, a:Replayable

// name: find
// An answer as it was given, without its body where it can no longer be replayed.
// params: recommendation_id (str), since (datetime)
// returns: at (datetime), body (bytes, zlib): null where it is too old
MATCH (a:Answer {recommendationId: $recommendation_id})
RETURN a.at AS at, CASE WHEN a.at >= $since THEN a.body END AS body

// name: shorten
// Take the bodies of some answers that are too old to be replayed.
// params: before (datetime), most (int)
// returns: nothing
MATCH (a:Replayable)
WHERE a.at < $before
WITH a
LIMIT $most
REMOVE a:Replayable, a.body

// name: drop
// Delete some answers that are too old for reports.
// params: before (datetime), most (int)
// returns: nothing
MATCH (a:Answer)
WHERE a.at < $before
WITH a
LIMIT $most
DETACH DELETE a

// name: answers_of
// How many answers there are of a user.
// params: user_id (str)
// returns: answers (int)
MATCH (a:Answer {userId: $user_id})
RETURN count(a) AS answers

// name: erase
// Delete a user's answers.
// params: user_id (str)
// returns: nothing
MATCH (a:Answer {userId: $user_id})
DETACH DELETE a
