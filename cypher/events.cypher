// The log of events, told one by one. The log de-duplicates and credits; what it says of users and items is on
// their edges. A pending event names an item that is not there yet.

// name: known
// Which of some events and items are in the graph already.
// params: event_ids (list of str), item_ids (list of str)
// returns: events (list of str), items (list of str)
CALL () {
  UNWIND $event_ids AS id
  MATCH (:Event {eventId: id})
  RETURN collect(id) AS events
}
CALL () {
  UNWIND $item_ids AS id
  MATCH (:Item {itemId: id})
  RETURN collect(id) AS items
}
RETURN events, items

// name: log
// New events.
// params: rows (list of {properties, pending})
// returns: nothing
UNWIND $rows AS row
CREATE (e:Event)
SET e = row.properties
FOREACH (_ IN CASE WHEN row.pending THEN [1] ELSE [] END | SET e:Pending)

// name: price
// Keep with purchases what their items cost, where no price was told or kept before.
// params: event_ids (list of str)
// returns: nothing
UNWIND $event_ids AS id
MATCH (e:Event {eventId: id})
WHERE e.type = 'purchase'
MATCH (i:Item {itemId: e.itemId})
SET e.price = coalesce(e.price, i.price), e.currency = coalesce(e.currency, i.currency)

// name: said
// Those of some events whose second and basket their edge has, with the largest weight that the log has of it: null where it came from a file.
// params: rows (list of {user, item, type, relationship, at, time, basket})
// returns: user, item, relationship, time, basket, weight (float)
UNWIND $rows AS row
MATCH (:User {userId: row.user})-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item {itemId: row.item})
WHERE type(r) = row.relationship
  AND any(n IN range(0, size(coalesce(r.times, [])) - 1)
          WHERE r.times[n] = row.time AND coalesce(r.baskets[n], '') = row.basket)
OPTIONAL MATCH (e:Event {userId: row.user})
WHERE e.itemId = row.item AND e.type = row.type AND e.at = row.at AND coalesce(e.basket, '') = row.basket
  AND NOT e:Pending
RETURN row.user AS user, row.item AS item, row.relationship AS relationship,
       row.time AS time, row.basket AS basket, max(e.weight) AS weight

// name: add_weight
// Raise the weight of edges.
// params: rows (list of {user, item, relationship, more})
// returns: nothing
UNWIND $rows AS row
MATCH (:User {userId: row.user})-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item {itemId: row.item})
WHERE type(r) = row.relationship
SET r.weight = round(r.weight + row.more, 6)

// name: come
// Some of the pending events whose items have come.
// params: most (int)
// returns: event_id, type, user_id, item_id, at, basket, weight
MATCH (e:Pending)
WHERE EXISTS { (:Item {itemId: e.itemId}) }
RETURN e.eventId AS event_id, e.type AS type, e.userId AS user_id, e.itemId AS item_id, e.at AS at,
       e.basket AS basket, e.weight AS weight
ORDER BY event_id
LIMIT $most

// name: come_for
// The pending events of some items.
// params: item_ids (list of str)
// returns: event_id, type, user_id, item_id, at, basket, weight
UNWIND $item_ids AS id
MATCH (e:Pending {itemId: id})
RETURN e.eventId AS event_id, e.type AS type, e.userId AS user_id, e.itemId AS item_id, e.at AS at,
       e.basket AS basket, e.weight AS weight
ORDER BY event_id

// name: settle
// Events that are pending no longer.
// params: event_ids (list of str)
// returns: nothing
UNWIND $event_ids AS id
MATCH (e:Event {eventId: id})
REMOVE e:Pending

// name: go
// Let the events of some items wait again, found by their users.
// params: item_ids (list of str), types (list of str)
// returns: nothing
UNWIND $item_ids AS id
MATCH (:Item {itemId: id})<-[:VIEWED|ADDED_TO_CART|BOUGHT|RATED]-(u:User)
WITH DISTINCT id, u.userId AS user
MATCH (e:Event {userId: user})
WHERE e.itemId = id AND e.type IN $types
SET e:Pending

// name: any_erasure
// Whether anybody was ever erased.
// params:
// returns: there (bool)
RETURN EXISTS { (:Erasure) } AS there

// name: erased
// When users were last erased, in seconds since 1970; no row for those who were not.
// params: user_keys (list of str, digests)
// returns: user_key (str), at (int)
UNWIND $user_keys AS key
MATCH (x:Erasure {userKey: key})
RETURN key AS user_key, x.at.epochSeconds AS at

// name: user_edges
// How much there is of a user: relationships by type, and the events of the log.
// params: user_id (str)
// returns: users (int), events (int), edges (list of [type, number])
OPTIONAL MATCH (u:User {userId: $user_id})
CALL (u) {
  OPTIONAL MATCH (u)-[r]-()
  WITH type(r) AS type, count(r) AS times
  WHERE type IS NOT NULL
  RETURN collect([type, times]) AS edges
}
RETURN count(u) AS users, COUNT { (:Event {userId: $user_id}) } AS events, edges

// name: erase
// Delete a user, and all of their events but the ids, by which a late delivery is known. A digest marks the
// erasure: nothing that happened before it comes back.
// params: user_id (str), user_key (str), at (datetime)
// returns: nothing
OPTIONAL MATCH (:User {userId: $user_id})-[r:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->()
WITH max(r.lastAt) AS known
OPTIONAL MATCH (e:Event {userId: $user_id})
WITH known, max(e.at) AS told
MERGE (x:Erasure {userKey: $user_key})
SET x.at = reduce(
  last = CASE WHEN x.at > $at THEN x.at ELSE $at END,
  t IN [known, told] | CASE WHEN t >= last THEN t + duration({seconds: 1}) ELSE last END
)
WITH x
CALL () {
  MATCH (e:Event {userId: $user_id})
  REMOVE e:Pending
  SET e = {eventId: e.eventId}
}
MERGE (l:Lease {name: 'ingest'})
SET l.erased = coalesce(l.turns, 0)
WITH DISTINCT l
MATCH (u:User {userId: $user_id})
DETACH DELETE u
