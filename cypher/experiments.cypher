// Experiments: two scenarios that share the shoppers of requests for the first, or two models that share all shoppers.

// name: every
// All experiments, the last one first.
// params:
// returns: name (str), compares (str, scenario or model), a (str), b (str), share (float), started_at (datetime), stopped_at (datetime or null)
MATCH (e:Experiment)
RETURN e.name AS name, coalesce(e.compares, 'scenario') AS compares, e.a AS a, e.b AS b, e.share AS share, e.startedAt AS started_at,
       e.stoppedAt AS stopped_at
ORDER BY e.startedAt DESC, name

// name: scenarios
// The names of all scenarios.
// params:
// returns: name (str)
MATCH (s:Scenario)
RETURN s.name AS name
ORDER BY name

// name: start
// A new experiment.
// params: name (str), compares (str), a (str), b (str), share (float)
// returns: nothing
CREATE (:Experiment {name: $name, compares: $compares, a: $a, b: $b, share: $share, startedAt: datetime()})

// name: stop
// End an experiment; one that has ended keeps its time.
// params: name (str)
// returns: nothing
MATCH (e:Experiment {name: $name})
SET e.stoppedAt = coalesce(e.stoppedAt, datetime())

// name: shown
// By shopper, what an experiment showed. Anonymous answers without any key are not counted.
// params: name (str)
// returns: shopper (str), arm (str), answers (int), shown (int)
MATCH (a:Answer {experiment: $name})
WHERE a.userId IS NOT NULL
RETURN a.userId AS shopper, a.arm AS arm, count(a) AS answers, sum(size(a.items)) AS shown
ORDER BY shopper, arm

// name: credited
// By shopper and currency, what an experiment led to: places that were viewed, places that were bought from, money; counted
// and priced as in feedback.credited.
// params: name (str)
// returns: shopper (str), arm (str), currency (str, '' where no price is known), clicks (int), purchases (int), revenue (float)
MATCH (a:Answer {experiment: $name})
WHERE a.userId IS NOT NULL
MATCH (e:Event {recommendationId: a.recommendationId})
WHERE e.type IN ['view', 'purchase'] AND e.itemId IN a.items
WITH a, e
ORDER BY e.at, e.eventId
WITH a, e.itemId AS item, collect(e) AS events
WITH a, item, events,
     head([e IN events WHERE e.type = 'view']) AS viewed,
     head([e IN events WHERE e.type = 'purchase']) AS bought
OPTIONAL MATCH (i:Item {itemId: item})
UNWIND events AS e
WITH a, e, viewed, bought, coalesce(e.price, i.price) AS price, coalesce(e.currency, i.currency, '?') AS currency
RETURN a.userId AS shopper, a.arm AS arm, CASE WHEN price IS NULL THEN '' ELSE currency END AS currency,
       count(CASE WHEN e = viewed THEN 1 END) AS clicks,
       count(CASE WHEN e = bought THEN 1 END) AS purchases,
       toFloat(sum(CASE e.type WHEN 'purchase' THEN price * e.weight END)) AS revenue
ORDER BY shopper, arm, currency
