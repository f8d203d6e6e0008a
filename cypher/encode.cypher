// name: items
// What an item's text is made of, and which text and encoder its vector came from.
// params:
// returns: itemId, title, brand, categories, description, attributes, textHash, textModel
MATCH (i:Item)
RETURN i.itemId AS itemId, i.title AS title, i.brand AS brand, i.categories AS categories,
       i.description AS description, i.attributes AS attributes, i.textHash AS textHash, i.textModel AS textModel
ORDER BY itemId

// name: count
// Number of items.
// params:
// returns: items (int)
MATCH (i:Item)
RETURN count(i) AS items

// name: store
// Store vectors with the hash of their text and the encoder's name.
// params: rows (list of {itemId, textHash, vector}), model (str)
// returns: nothing
UNWIND $rows AS row
MATCH (i:Item {itemId: row.itemId})
SET i.textHash = row.textHash, i.textModel = $model
WITH i, row
CALL db.create.setNodeVectorProperty(i, 'textEmbedding', row.vector)

// name: forget
// Take the vector from items that have no text any more.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
REMOVE i.textEmbedding, i.textHash, i.textModel

// name: create_index
// The vector index over item texts, with the properties that recommendations filter on.
// params: options (map with vector.dimensions and vector.similarity_function)
// returns: nothing
CYPHER 25
CREATE VECTOR INDEX item_embedding IF NOT EXISTS
FOR (i:Item) ON i.textEmbedding
WITH [i.brand, i.price, i.inStock]
OPTIONS $options

// name: drop_index
// Drop the vector index over item texts, for vectors of another size.
// params:
// returns: nothing
DROP INDEX item_embedding IF EXISTS

// name: index_size
// Vector size of the index over item texts; no row when there is none.
// params:
// returns: size (int)
SHOW INDEXES
YIELD name, options
WHERE name = 'item_embedding'
RETURN options['indexConfig']['vector.dimensions'] AS size
