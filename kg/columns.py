"""Column names of the normalised tables that every source becomes, and of what training reads.

Ingest writes them, the loader and the trainer read them; nobody else spells a column's name.
"""

from typing import Final

# What a shop's customer can do with an item, and the relationship it becomes.
RELATIONSHIP_OF: Final = {
    "view": "VIEWED",
    "cart": "ADDED_TO_CART",
    "purchase": "BOUGHT",
    "rating": "RATED",
}
TYPE_OF: Final = {relationship: kind for kind, relationship in RELATIONSHIP_OF.items()}
SPLITS: Final = ("train", "valid", "test")  # the later one wins where an edge has events of several

# Staged tables (Parquet, one folder a manifest): column -> Arrow type.
ITEMS: Final = {
    "item_id": "string",
    "title": "string",
    "description": "string",
    "brand": "string",  # null where unknown
    "categories": "list<list<string>>",  # paths from the root: [["Food", "Cereal"], ["Kids"]]
    "price": "double",
    "list_price": "double",  # what it costs when it is not on sale; null where the shop does not say
    "currency": "string",
    "in_stock": "bool",
    "released_at": "int64",  # seconds since 1970, UTC
    "image": "string",
    "attributes": "string",  # JSON object of further texts, numbers, booleans, lists of these
}
INTERACTIONS: Final = {
    "user_id": "string",
    "item_id": "string",
    "type": "string",  # a key of RELATIONSHIP_OF
    "time": "int64",  # seconds since 1970, UTC; null where the shop gives a position
    "position": "int64",  # order within the user; null where the shop gives a time
    "weight": "double",  # quantity or rating; 1 where the shop gives none
    "basket": "string",  # basket or session id; null where there is none
    "splits": "map<string,string>",  # split name -> train, valid or test
}
RELATIONS: Final = {"relation": "string", "kind": "string", "source_id": "string", "target_id": "string"}
QUERIES: Final = {"query": "string", "item_id": "string", "rating": "double"}
INTENTS: Final = {
    "intent_id": "string",
    "text": "string",
    "session": "string",  # basket or session it was said in; null where unknown
    "item_id": "string",
    "position": "int64",  # order of the item within the intent, from 0
}
