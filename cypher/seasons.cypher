// In which weeks of the year categories are wanted.

// name: span
// Days from the first event to the last that does not lie ahead; null where the shop gives no times.
// params:
// returns: days (int or null)
MATCH (:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(:Item)
WHERE e.lastAt <= datetime()
RETURN duration.inDays(min(e.firstAt), max(e.lastAt)).days + 1 AS days

// name: days
// How much happened with each item on which days, one row an item.
// params:
// returns: item_id (str), days ([[int, int]]): day since 1970, events
MATCH (:User)-[e:VIEWED|ADDED_TO_CART|BOUGHT|RATED]->(i:Item)
UNWIND e.times AS at
WITH i.itemId AS item_id, at / 86400 AS day, count(*) AS events
WHERE day <= datetime().epochSeconds / 86400
RETURN item_id, collect([day, events]) AS days

// name: categories
// Every category with the items in and below it.
// params:
// returns: category_id (str), season ([float] or null), items ([str])
MATCH (c:Category)
RETURN c.categoryId AS category_id,
       c.season AS season,
       COLLECT { MATCH (i:Item)-[:IN_CATEGORY]->(:Category)-[:CHILD_OF*0..]->(c) RETURN DISTINCT i.itemId } AS items
ORDER BY category_id

// name: store
// Write the numbers of the 52 weeks; null takes them away.
// params: rows (list of {id, season})
// returns: nothing
UNWIND $rows AS row
MATCH (c:Category {categoryId: row.id})
SET c.season = row.season
