"""What a shop would write itself: a FastAPI route around neo4j-graphrag's HybridCypherRetriever.

It answers words for a user on the same graph and indexes: full text and vectors by the retriever, then one
hop of Cypher that leaves out what the user bought. The words are encoded by our ONNX encoder, which is
faster than the retriever's own embedders. Run by tests/bench/bench_speed.py.
"""

from typing import Any

from fastapi import FastAPI
from neo4j import GraphDatabase
from neo4j_graphrag.retrievers import HybridCypherRetriever
from pydantic import BaseModel

from api.encoder import QueryEncoder
from api.evaluation.rivals import plain
from kg.driver import connect
from kg.onnx_export import encoder_folder
from kg.queries import parse
from kg.settings import load_settings

_TEXT_MODEL = parse(
    "rival",
    """
// name: text_model
// Which encoder made the items' vectors.
// params:
// returns: name (str)
MATCH (i:Item)
WHERE i.textModel IS NOT NULL
RETURN i.textModel AS name
LIMIT 1
""",
)["text_model"]

_HOP = """
OPTIONAL MATCH (:User {userId: $user_id})-[had:BOUGHT]->(node)
WITH node, score, had
WHERE had IS NULL
RETURN node.itemId AS item_id, node.title AS title, score
"""


class Asked(BaseModel):
    """Words of a user."""

    user_id: str
    query: str
    limit: int = 10


def _made() -> tuple[HybridCypherRetriever, QueryEncoder]:
    settings = load_settings()
    with connect(settings) as graph:
        c, ((row,),) = graph.connection, [graph.read(_TEXT_MODEL)]
    driver = GraphDatabase.driver(c.uri, auth=(c.user, c.password))
    retriever = HybridCypherRetriever(driver, "item_embedding", "item_text", _HOP, neo4j_database=c.database)
    return retriever, QueryEncoder(encoder_folder(settings.home, row["name"]))


app = FastAPI()
retriever, encoder = _made()


@app.post("/recommendations")
def recommendations(asked: Asked) -> dict[str, Any]:
    """Items for words, best first. A plain function: FastAPI runs it in its pool of threads."""
    found = retriever.get_search_results(
        query_text=plain(asked.query),
        query_vector=encoder.encode(asked.query).tolist(),
        top_k=asked.limit,
        query_params={"user_id": asked.user_id},
    )
    return {"items": [dict(record) for record in found.records]}


@app.get("/readyz")
def readyz() -> dict[str, str]:
    """It answers."""
    return {"status": "ok"}
