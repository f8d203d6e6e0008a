"""The plain searches that ours is compared with, on the same database."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from api.evaluation.measure import Case, Ranking, System
from api.state.served import Serving
from kg.console import say
from kg.driver import Graph
from kg.queries import load

_Q = load("evaluate")
_DEEP = 1_000  # results that each search is asked for
_RRF = 60  # Cormack, Clarke and Büttcher 2009


class Rivals:
    """Searches by name."""

    def __init__(self, graph: Graph, serving: Serving) -> None:
        assert serving.encoder is not None
        self._graph, self._encode = graph, serving.encoder.encode

    def systems(self) -> dict[str, System]:
        """All that can run here; neo4j-graphrag's comes with the extra 'benchmark'."""
        known: dict[str, Callable[[str], list[str]]] = {
            "full-text": self.full_text,
            "vectors": self.vectors,
            "rrf": self.fused,
        }
        if find_spec("neo4j_graphrag"):
            known["neo4j-graphrag"] = self._hybrid_retriever()
        else:
            say("neo4j-graphrag is left out: pip install 'shopgraph[benchmark]'")
        return {name: _system(search) for name, search in known.items()}

    def full_text(self, words: str) -> list[str]:
        """Lucene's BM25 by the full-text index."""
        return self._ids(_Q.full_text, words=plain(words), k=_DEEP)

    def vectors(self, words: str) -> list[str]:
        """Cosines by the index of text vectors."""
        return self._ids(_Q.by_vector, vector=self._encode(words).tolist(), k=_DEEP)

    def fused(self, words: str) -> list[str]:
        """Reciprocal-rank fusion of the two."""
        scores: dict[str, float] = {}
        for found in (self.full_text(words), self.vectors(words)):
            for rank, item in enumerate(found, start=1):
                scores[item] = scores.get(item, 0.0) + 1 / (_RRF + rank)
        return sorted(scores, key=lambda item: -scores[item])

    def _ids(self, query: Any, **params: Any) -> list[str]:
        return [row["item_id"] for row in self._graph.read(query, **params)]

    def _hybrid_retriever(self) -> Callable[[str], list[str]]:
        from neo4j import GraphDatabase
        from neo4j_graphrag.retrievers import HybridRetriever

        c = self._graph.connection
        driver = GraphDatabase.driver(c.uri, auth=(c.user, c.password))
        retriever = HybridRetriever(
            driver, "item_embedding", "item_text", return_properties=["itemId"], neo4j_database=c.database
        )

        def search(words: str) -> list[str]:
            found = retriever.get_search_results(
                query_text=plain(words), query_vector=self._encode(words).tolist(), top_k=_DEEP
            )
            return [record["node"]["itemId"] for record in found.records]

        return search


def _system(search: Callable[[str], list[str]]) -> System:
    async def answer(case: Case) -> Ranking:
        return search(case.words)

    return answer


def plain(words: str) -> str:
    """Without what Lucene takes for operators, which are upper case or no letters."""
    return re.sub(r"[^\w\s]", " ", words).lower()
