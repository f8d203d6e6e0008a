// Scenarios: named configurations of a placement, with rules that merchandisers set. Seen in Neo4j Browser with
// MATCH p = (:Scenario)<-[:OF]-(:Rule)-[:APPLIES_TO]->() RETURN p

// name: every
// All scenarios with their rules and what these apply to, in the order of their names.
// params:
// returns: name (str), properties (map), rules (list of {properties, targets: [[label, key]]})
MATCH (s:Scenario)
OPTIONAL MATCH (r:Rule)-[:OF]->(s)
WITH s, r,
     [(r)-[:APPLIES_TO]->(t) |
       [head([label IN labels(t) WHERE label IN ['Item', 'Brand', 'Category']]),
        coalesce(t.itemId, t.categoryId, t.name)]] AS targets
ORDER BY s.name, r.name
RETURN s.name AS name,
       properties(s) AS properties,
       collect(CASE WHEN r IS NOT NULL THEN {properties: properties(r), targets: targets} END) AS rules
ORDER BY name

// name: found
// The items, brands and categories that some words mean; brands and categories in any case, categories also by their name alone.
// params: item_ids ([str]), brands ([str]), categories ([str])
// returns: items ([str]), brands ([[str, str]]): as asked, as in the graph, categories ([[str, str]]): as asked, category id
CALL () {
  UNWIND $item_ids AS id
  MATCH (:Item {itemId: id})
  RETURN collect(id) AS items
}
CALL () {
  UNWIND $brands AS asked
  MATCH (b:Brand)
  WHERE toLower(b.name) = toLower(asked)
  WITH asked, b.name AS name
  ORDER BY asked, name
  RETURN collect([asked, name]) AS brands
}
CALL () {
  UNWIND $categories AS asked
  MATCH (c:Category)
  WHERE toLower(c.categoryId) = toLower(asked) OR toLower(c.name) = toLower(asked)
  WITH asked, c.categoryId AS id
  ORDER BY asked, id
  RETURN collect([asked, id]) AS categories
}
RETURN items, brands, categories

// name: save
// A scenario's own settings, in place of what it had.
// params: name (str), properties (map)
// returns: nothing
MERGE (s:Scenario {name: $name})
SET s = $properties, s.name = $name, s.updatedAt = datetime()

// name: save_rule
// A rule of a scenario with what it applies to, in place of the rule of that name.
// params: scenario (str), name (str), properties (map), item_ids ([str]), brands ([str]), categories ([str])
// returns: nothing
MATCH (s:Scenario {name: $scenario})
MERGE (r:Rule {name: $name})
SET r = $properties, r.name = $name, r.updatedAt = datetime()
MERGE (r)-[:OF]->(s)
WITH r
CALL (r) {
  MATCH (r)-[old:APPLIES_TO]->()
  DELETE old
}
CALL (r) {
  MATCH (t:Item)
  WHERE t.itemId IN $item_ids
  MERGE (r)-[:APPLIES_TO]->(t)
}
CALL (r) {
  MATCH (t:Brand)
  WHERE t.name IN $brands
  MERGE (r)-[:APPLIES_TO]->(t)
}
CALL (r) {
  MATCH (t:Category)
  WHERE t.categoryId IN $categories
  MERGE (r)-[:APPLIES_TO]->(t)
}

// name: drop_rules
// Delete rules of a scenario, all but some.
// params: scenario (str), keep ([str], names)
// returns: nothing
MATCH (r:Rule)-[:OF]->(:Scenario {name: $scenario})
WHERE NOT r.name IN $keep
DETACH DELETE r

// name: drop_rule
// Delete one rule.
// params: name (str)
// returns: name
MATCH (r:Rule {name: $name})
DETACH DELETE r
RETURN $name AS name

// name: drop
// Delete a scenario.
// params: name (str)
// returns: name
MATCH (s:Scenario {name: $name})
DETACH DELETE s
RETURN $name AS name
