// What answers led to: events that name the answer, and an item that stood in it.

// name: shown
// What was shown, by scenario, model or position.
// params: by (str), since (datetime)
// returns: key (str), answers (int), shown (int)
MATCH (a:Answer)
WHERE a.at >= $since
UNWIND CASE $by WHEN 'position' THEN range(1, size(a.items)) ELSE [0] END AS place
WITH a, place,
     CASE $by WHEN 'scenario' THEN coalesce(a.scenario, '') WHEN 'model' THEN a.modelVersion
              ELSE toString(place) END AS key
RETURN key, count(*) AS answers, sum(CASE WHEN place > 0 THEN 1 ELSE size(a.items) END) AS shown
ORDER BY key

// name: credited
// What it led to, by the same and by currency: places that were viewed, places that were bought from, money. A place counts
// once, by its first view and its first purchase; each purchase at its own price, or else at the item's of today.
// params: by (str), since (datetime)
// returns: key (str), currency (str, '' where no price is known), clicks (int), purchases (int), revenue (float)
MATCH (e:Event)
WHERE e.recommendationId IS NOT NULL AND e.type IN ['view', 'purchase']
MATCH (a:Answer {recommendationId: e.recommendationId})
WHERE a.at >= $since AND e.itemId IN a.items
WITH a, e
ORDER BY e.at, e.eventId
WITH a, e.itemId AS item, collect(e) AS events
WITH a, item, events,
     head([e IN events WHERE e.type = 'view']) AS viewed,
     head([e IN events WHERE e.type = 'purchase']) AS bought
OPTIONAL MATCH (i:Item {itemId: item})
UNWIND events AS e
WITH e, viewed, bought, coalesce(e.price, i.price) AS price, coalesce(e.currency, i.currency, '?') AS currency,
     CASE $by WHEN 'scenario' THEN coalesce(a.scenario, '') WHEN 'model' THEN a.modelVersion
              ELSE toString(1 + head([n IN range(0, size(a.items) - 1) WHERE a.items[n] = item])) END AS key
RETURN key, CASE WHEN price IS NULL THEN '' ELSE currency END AS currency,
       count(CASE WHEN e = viewed THEN 1 END) AS clicks,
       count(CASE WHEN e = bought THEN 1 END) AS purchases,
       toFloat(sum(CASE e.type WHEN 'purchase' THEN price * e.weight END)) AS revenue
ORDER BY key, currency
