"""The answers that the API gave, in the graph: for a day as they were, then as what stood where."""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import neo4j

from kg.driver import Graph
from kg.queries import load

REPLAYED = timedelta(hours=24)  # how long an answer can be replayed
REPORTED = timedelta(days=90)  # how long its items and their places are kept for reports
_BATCH = 5_000  # answers that are shortened or deleted in one transaction
_LEVEL = 1  # of compression: a fifth of the size, a tenth of a millisecond


class Answer(NamedTuple):
    """An answer as it was given."""

    recommendation_id: str
    at: datetime  # UTC
    kind: str
    scenario: str | None
    model_version: str
    graph_version: str
    user_id: str | None  # session:<id> for an anonymous session, None where nobody was named
    experiment: str | None
    arm: str | None  # a or b
    items: Sequence[str]  # ids in their order
    body: str  # the JSON that was sent


def keep(tx: neo4j.ManagedTransaction, answers: Sequence[Answer]) -> None:
    """Take answers into the graph; none from before the erasure of its user.

    Args:
        tx: waits for an erasure under way, so that neither misses the other's work.
        answers: at most some hundreds.
    """
    tx.run(load("ingest").take_turn.text, runId="answers").consume()
    rows = [{"user_key": key_of(a.user_id), "properties": _properties(a)} for a in answers]
    tx.run(load("answers").keep.text, rows=rows).consume()


def erase(tx: neo4j.ManagedTransaction, user_id: str) -> None:
    """Delete a user's answers."""
    tx.run(load("answers").erase.text, user_id=user_id).consume()


def count(tx: neo4j.ManagedTransaction, user_id: str) -> int:
    """How many answers of a user there are."""
    return int(tx.run(load("answers").answers_of.text, user_id=user_id).single(strict=True)["answers"])


def expire(graph: Graph, now: datetime) -> None:
    """Shorten what is too old to be replayed, delete what is too old for reports."""
    queries = load("answers")
    while graph.write(queries.shorten, before=now - REPLAYED, most=_BATCH).properties_set:
        pass
    while graph.write(queries.drop, before=now - REPORTED, most=_BATCH).nodes_deleted:
        pass


def unpacked(body: bytes) -> str:
    """The JSON of a kept body."""
    return zlib.decompress(body).decode()


def key_of(user_id: str | None) -> str | None:
    """A digest that does not name the user."""
    return user_id and sha256(user_id.encode()).hexdigest()


def _properties(answer: Answer) -> dict[str, Any]:
    return {
        "recommendationId": answer.recommendation_id, "at": answer.at, "kind": answer.kind,
        "scenario": answer.scenario, "modelVersion": answer.model_version,
        "graphVersion": answer.graph_version, "userId": answer.user_id,
        "experiment": answer.experiment, "arm": answer.arm, "items": list(answer.items),
        "body": zlib.compress(answer.body.encode(), _LEVEL),
    }  # fmt: skip
