"""The commands, run as a person runs them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from kg.driver import Graph
from kg.settings import Settings

SHOPGRAPH = str(Path(sys.executable).with_name("shopgraph"))


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    assert settings.neo4j_password is not None
    return os.environ | {
        "SHOPGRAPH_HOME": str(settings.home),
        "SHOPGRAPH_NEO4J_URI": str(settings.neo4j_uri),
        "SHOPGRAPH_NEO4J_USER": settings.neo4j_user,
        "SHOPGRAPH_NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "COLUMNS": "160",
    }


def shopgraph(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SHOPGRAPH, *words], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("filled")
def test_recommend_prints_what_the_api_would_answer(environment: dict[str, str]) -> None:
    done = shopgraph(environment, "recommend", "--user", "ann", "--category", "Tea", "--limit", "2", "--json")

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [i["rank"] for i in answer["items"]] == [1, 2]
    assert {i["item_id"] for i in answer["items"]} <= {"tea-3", "tea-4", "tea-5"}
    assert answer["model_version"] == "model-1"


@pytest.mark.usefixtures("filled")
def test_recommend_prints_a_table_with_reasons(environment: dict[str, str]) -> None:
    words = ["--item", "tea-0", "--kind", "bought_together", "--price-lte", "6", "--limit", "1", "--explain"]

    done = shopgraph(environment, "recommend", *words)

    assert done.returncode == 0, done.stderr
    for expected in (
        "Mild roast coffee beans",
        "Bought together with",
        "5.00 EUR",
        "Item:tea-0 -BOUGHT_WITH- Item:coffee-1",
        'MATCH (a:Item {itemId: "tea-0"})',
    ):
        assert expected in done.stdout


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "nicest"], "--kind 'nicest': Input should be 'for_you'"),
        (["--item", "nothing"], "There is no item 'nothing' in the graph."),
        (["--kind", "similar"], "item_ids is []: an item, here or in session_items, for kind 'similar'"),
    ],
)
def test_recommend_says_what_is_wrong(environment: dict[str, str], words: list[str], message: str) -> None:
    done = shopgraph(environment, "recommend", *words)

    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())


def test_serve_without_a_model_says_what_to_run(environment: dict[str, str], graph: Graph) -> None:
    assert graph.connection.uri == environment["SHOPGRAPH_NEO4J_URI"]
    done = shopgraph(environment, "api", "serve", "--port", str(free_port()))

    assert done.returncode == 1
    assert "shopgraph gnn write-back" in " ".join(done.stderr.split())


def test_serve_on_a_taken_port_says_so(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = shopgraph(environment, "api", "serve", "--port", str(port))

    assert done.returncode == 1
    assert f"Port {port} at 127.0.0.1 cannot be used" in " ".join(done.stderr.split())


@pytest.mark.usefixtures("filled")
def test_serve_answers_until_interrupted(environment: dict[str, str]) -> None:
    port = free_port()
    server = subprocess.Popen(
        [SHOPGRAPH, "api", "serve", "--port", str(port)], env=environment, stderr=subprocess.PIPE
    )
    try:
        answer = first_answer(f"http://127.0.0.1:{port}/v1/users/ann/recommendations")
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=20)

    assert answer["model_version"] == "model-1"
    assert f"http://127.0.0.1:{port}/docs" in said.decode()
    assert server.returncode in (0, -signal.SIGINT)


def first_answer(url: str) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            response = httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if response.status_code == 200:
            body: dict[str, object] = response.json()
            return body
    raise AssertionError(f"{url} did not answer within 60 s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
