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
// What it led to, by the same and by currency: places that were viewed, places that were bought from, money.
// params: by (str), since (datetime)
// returns: key (str), currency (str, '' where the item has no price), clicks (int), purchases (int), revenue (float)
MATCH (e:Event)
WHERE e.recommendationId IS NOT NULL AND e.type IN ['view', 'purchase']
MATCH (a:Answer {recommendationId: e.recommendationId})
WHERE a.at >= $since AND e.itemId IN a.items
WITH a, e.itemId AS item, collect(e) AS events
OPTIONAL MATCH (i:Item {itemId: item})
WITH i.price AS price, CASE WHEN i.price IS NULL THEN '' ELSE coalesce(i.currency, '?') END AS currency,
     any(e IN events WHERE e.type = 'view') AS viewed,
     [e IN events WHERE e.type = 'purchase' | e.weight] AS quantities,
     CASE $by WHEN 'scenario' THEN coalesce(a.scenario, '') WHEN 'model' THEN a.modelVersion
              ELSE toString(1 + head([n IN range(0, size(a.items) - 1) WHERE a.items[n] = item])) END AS key
RETURN key, currency,
       sum(CASE WHEN viewed THEN 1 ELSE 0 END) AS clicks,
       sum(CASE WHEN size(quantities) > 0 THEN 1 ELSE 0 END) AS purchases,
       coalesce(sum(price * reduce(n = 0.0, q IN quantities | n + q)), 0.0) AS revenue
ORDER BY key, currency
