// Classifiers of words, a node for each kind. Their figures in Neo4j Browser:
// MATCH (c:Classifier) RETURN c.kind, c.metrics, c.trainedAt

// name: size
// How large the shop is that classifiers learn from, and the encoder of its vectors.
// params:
// returns: model (str), sizes ([int]): items with a vector, categories, brands, searches
OPTIONAL MATCH (i:Item)
WHERE i.textEmbedding IS NOT NULL
WITH i.textModel AS model, count(i) AS items
ORDER BY items DESC, model
LIMIT 1
RETURN model,
       [items, COUNT { (:Category) }, COUNT { (:Brand) }, COUNT { (:Event {type: 'search'}) }] AS sizes

// name: trained
// From what each classifier has learned.
// params:
// returns: model (str), sizes ([int])
MATCH (c:Classifier)
RETURN c.textModel AS model, c.sizes AS sizes

// name: items
// Visible items that this encoder made a vector of, with what they stand for.
// params: model (str)
// returns: item_id (str), categories ([str]), brands ([str])
MATCH (i:Item {textModel: $model})
WHERE i.textEmbedding IS NOT NULL AND coalesce(i.hidden, false) = false
RETURN i.itemId AS item_id,
       [(i)-[:IN_CATEGORY]->(c:Category) | c.categoryId] AS categories,
       [(i)-[:MADE_BY]->(b:Brand) | b.name] AS brands
ORDER BY item_id

// name: vectors
// The text vectors of some items.
// params: ids ([str])
// returns: item_id (str), vector ([float])
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
WHERE i.textEmbedding IS NOT NULL
RETURN id AS item_id, i.textEmbedding AS vector

// name: store
// A classifier in place of the one before; without labels where there was too little to learn from.
// params: kind (str), labels ([str]), weights ([float]), bias ([float]), metrics (str, JSON), model (str), sizes ([int])
// returns: nothing
MERGE (c:Classifier {kind: $kind})
SET c.labels = $labels,
    c.weights = $weights,
    c.bias = $bias,
    c.metrics = $metrics,
    c.textModel = $model,
    c.sizes = $sizes,
    c.trainedAt = datetime()

// name: read
// The classifiers that read the words of this encoder.
// params: model (str)
// returns: kind (str), labels ([str]), weights ([float]), bias ([float])
MATCH (c:Classifier {textModel: $model})
WHERE size(c.labels) > 0
RETURN c.kind AS kind, c.labels AS labels, c.weights AS weights, c.bias AS bias
