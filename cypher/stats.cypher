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

// name: constraints
// The constraints that there are.
// params:
// returns: name
SHOW CONSTRAINTS
YIELD name
RETURN name
