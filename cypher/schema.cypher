// name: item_key
// One node an item.
// params:
// returns: nothing
CREATE CONSTRAINT item_key IF NOT EXISTS
FOR (i:Item) REQUIRE i.itemId IS UNIQUE

// name: deleted_key
// One marker an item that was deleted by hand.
// params:
// returns: nothing
CREATE CONSTRAINT deleted_key IF NOT EXISTS
FOR (d:Deleted) REQUIRE d.itemId IS UNIQUE

// name: user_key
// One node a user.
// params:
// returns: nothing
CREATE CONSTRAINT user_key IF NOT EXISTS
FOR (u:User) REQUIRE u.userId IS UNIQUE

// name: category_key
// One node a category; its id is its path from the root.
// params:
// returns: nothing
CREATE CONSTRAINT category_key IF NOT EXISTS
FOR (c:Category) REQUIRE c.categoryId IS UNIQUE

// name: brand_key
// One node a brand.
// params:
// returns: nothing
CREATE CONSTRAINT brand_key IF NOT EXISTS
FOR (b:Brand) REQUIRE b.name IS UNIQUE

// name: intent_key
// One node an intent.
// params:
// returns: nothing
CREATE CONSTRAINT intent_key IF NOT EXISTS
FOR (t:Intent) REQUIRE t.intentId IS UNIQUE

// name: query_key
// One node a judged query.
// params:
// returns: nothing
CREATE CONSTRAINT query_key IF NOT EXISTS
FOR (q:Query) REQUIRE q.text IS UNIQUE

// name: model_key
// One node a trained model.
// params:
// returns: nothing
CREATE CONSTRAINT model_key IF NOT EXISTS
FOR (m:Model) REQUIRE m.version IS UNIQUE

// name: alias_key
// One node an alias of a model.
// params:
// returns: nothing
CREATE CONSTRAINT alias_key IF NOT EXISTS
FOR (a:Alias) REQUIRE a.name IS UNIQUE

// name: refresh_key
// One node a run of a stage.
// params:
// returns: nothing
CREATE CONSTRAINT refresh_key IF NOT EXISTS
FOR (r:Refresh) REQUIRE r.runId IS UNIQUE

// name: lease_key
// One node a lease.
// params:
// returns: nothing
CREATE CONSTRAINT lease_key IF NOT EXISTS
FOR (l:Lease) REQUIRE l.name IS UNIQUE

// name: user_turn
// Finds the users whose edges have changed since.
// params:
// returns: nothing
CREATE RANGE INDEX user_turn IF NOT EXISTS
FOR (u:User) ON (u.turn)

// name: item_brand
// Finds the items of a brand.
// params:
// returns: nothing
CREATE RANGE INDEX item_brand IF NOT EXISTS
FOR (i:Item) ON (i.brand)

// name: item_price
// Finds the items in a range of prices.
// params:
// returns: nothing
CREATE RANGE INDEX item_price IF NOT EXISTS
FOR (i:Item) ON (i.price)

// name: category_name
// Finds categories by name, wherever they are in the tree.
// params:
// returns: nothing
CREATE RANGE INDEX category_name IF NOT EXISTS
FOR (c:Category) ON (c.name)

// name: event_key
// One node an event, for ever: what is delivered twice is known.
// params:
// returns: nothing
CREATE CONSTRAINT event_key IF NOT EXISTS
FOR (e:Event) REQUIRE e.eventId IS UNIQUE

// name: event_user
// Finds the events of a user.
// params:
// returns: nothing
CREATE RANGE INDEX event_user IF NOT EXISTS
FOR (e:Event) ON (e.userId)

// name: event_credit
// Finds the events that a recommendation led to.
// params:
// returns: nothing
CREATE RANGE INDEX event_credit IF NOT EXISTS
FOR (e:Event) ON (e.recommendationId)

// name: pending_item
// Finds the events that wait for an item.
// params:
// returns: nothing
CREATE RANGE INDEX pending_item IF NOT EXISTS
FOR (e:Pending) ON (e.itemId)

// name: item_revision
// Finds the items that were written since.
// params:
// returns: nothing
CREATE RANGE INDEX item_revision IF NOT EXISTS
FOR (i:Item) ON (i.revision)

// name: scenario_key
// One node a scenario.
// params:
// returns: nothing
CREATE CONSTRAINT scenario_key IF NOT EXISTS
FOR (s:Scenario) REQUIRE s.name IS UNIQUE

// name: rule_key
// One node a rule; its name is its scenario's, a slash, and its own id.
// params:
// returns: nothing
CREATE CONSTRAINT rule_key IF NOT EXISTS
FOR (r:Rule) REQUIRE r.name IS UNIQUE

// name: answer_key
// One node an answer.
// params:
// returns: nothing
CREATE CONSTRAINT answer_key IF NOT EXISTS
FOR (a:Answer) REQUIRE a.recommendationId IS UNIQUE

// name: answer_user
// Finds the answers of a user.
// params:
// returns: nothing
CREATE RANGE INDEX answer_user IF NOT EXISTS
FOR (a:Answer) ON (a.userId)

// name: answer_time
// Finds the answers of some days.
// params:
// returns: nothing
CREATE RANGE INDEX answer_time IF NOT EXISTS
FOR (a:Answer) ON (a.at)

// name: answer_experiment
// Finds the answers of an experiment.
// params:
// returns: nothing
CREATE RANGE INDEX answer_experiment IF NOT EXISTS
FOR (a:Answer) ON (a.experiment)

// name: replayable_time
// Finds the answers that are too old to be replayed.
// params:
// returns: nothing
CREATE RANGE INDEX replayable_time IF NOT EXISTS
FOR (a:Replayable) ON (a.at)

// name: erasure_key
// One node an erased user, by a digest, for good.
// params:
// returns: nothing
CREATE CONSTRAINT erasure_key IF NOT EXISTS
FOR (e:Erasure) REQUIRE e.userKey IS UNIQUE

// name: experiment_key
// One node an experiment.
// params:
// returns: nothing
CREATE CONSTRAINT experiment_key IF NOT EXISTS
FOR (e:Experiment) REQUIRE e.name IS UNIQUE

// name: offset_key
// One node a stream of events: how far it has been read.
// params:
// returns: nothing
CREATE CONSTRAINT offset_key IF NOT EXISTS
FOR (o:Offset) REQUIRE o.stream IS UNIQUE
