"""What a shop has to forget: a user, with all that they did until then, for good."""

from collections.abc import Iterable
from datetime import UTC, datetime

import neo4j

from kg.feedback import answers
from kg.queries import load

_Q = load("events")


def erase(tx: neo4j.ManagedTransaction, user_id: str) -> tuple[dict[str, int], dict[str, int]]:
    """Delete all that is known of a user; returns what there was and what is left, by label or type.

    A digest of the user's id stays with the time, or with that of what was dated ahead, so that neither files
    nor late messages bring back what happened until then; and of their events the ids.
    """
    tx.run(load("ingest").take_turn.text, runId="erasure").consume()
    before = _known_of(tx, user_id)
    tx.run(_Q.erase.text, user_id=user_id, user_key=answers.key_of(user_id), at=datetime.now(UTC)).consume()
    answers.erase(tx, user_id)
    return before, _known_of(tx, user_id)


def erased(tx: neo4j.ManagedTransaction, user_ids: Iterable[str]) -> dict[str, int]:
    """Up to when nothing is taken in of those of some users that were erased, in seconds since 1970.

    It is the second before: in that of the erasure itself they may have come back.
    """
    if not tx.run(_Q.any_erasure.text).single(strict=True)["there"]:
        return {}
    users = {answers.key_of(user_id): user_id for user_id in user_ids}
    rows = tx.run(_Q.erased.text, user_keys=list(users)).data()
    return {users[row["user_key"]]: row["at"] - 1 for row in rows}


def _known_of(tx: neo4j.ManagedTransaction, user_id: str) -> dict[str, int]:
    found = tx.run(_Q.user_edges.text, user_id=user_id).single(strict=True)
    told = {"User": found["users"], "Event": found["events"], "Answer": answers.count(tx, user_id)}
    return told | dict(found["edges"])
