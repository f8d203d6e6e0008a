// name: nodes
// Number of nodes of each label.
// params:
// returns: label, count
MATCH (n)
UNWIND labels(n) AS label
RETURN label, count(*) AS count
ORDER BY label

// name: relationships
// Number of relationships of each type.
// params:
// returns: type, count
MATCH ()-[r]->()
RETURN type(r) AS type, count(*) AS count
ORDER BY type

// name: unique_keys
// The keys that a constraint keeps unique.
// params:
// returns: key (Label.property)
SHOW CONSTRAINTS
YIELD type, labelsOrTypes, properties
WHERE type CONTAINS 'UNIQUE'
RETURN labelsOrTypes[0] + '.' + properties[0] AS key
