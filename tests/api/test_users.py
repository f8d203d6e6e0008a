"""Erasure of a user."""

from fastapi.testclient import TestClient

from kg.driver import Graph
from kg.queries import parse
from tests.api.test_events import send, told
from tests.api.test_recommendations import ask

LEFT = parse(
    "left",
    """
// name: naming
// Nodes that name a user, in any property.
// params: user_id
// returns: n
MATCH (n)
WHERE any(key IN keys(n) WHERE n[key] = $user_id)
RETURN count(n) AS n
""",
)


def test_an_erased_user_is_gone_and_a_late_delivery_brings_nobody_back(
    filled: Graph, client: TestClient
) -> None:
    send(client, told("1", user="ann"), told("2", item="later", user="ann"))

    answer = client.delete("/v1/users/ann").json()

    assert answer == {
        "user_id": "ann",
        "deleted": {"User": 1, "Event": 2, "Answer": 0, "BOUGHT": 4, "VIEWED": 1},
        "left": {"User": 0, "Event": 0, "Answer": 0},
    }
    assert filled.read(LEFT["naming"], user_id="ann") == [{"n": 0}]
    assert (
        send(client, told("1", user="ann"), told("2", item="later", user="ann")) == [("duplicate", None)] * 2
    )
    assert "The graph has no user" in ask(client, user_id="ann")["fallback_used"]["reason"]
    assert client.delete("/v1/users/ann").json()["deleted"] == {"User": 0, "Event": 0, "Answer": 0}
