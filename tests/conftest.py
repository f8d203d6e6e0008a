"""A real Neo4j for every test that asks for one, and the real data sets where they are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.driver import Connection, Graph
from kg.queries import Query, parse
from kg.server import LocalServer, Ports

PROJECT = Path(__file__).parent.parent
DATA = PROJECT.parent / "shared" / "data"
PASSWORD = "of-a-container-that-lives-for-one-test-run"

CLEANING = parse(
    "cleaning",
    """
// name: delete_all
// Empty the database, in transactions small enough for a small heap.
// params:
// returns:
MATCH (n)
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS

// name: constraints
// Names of all constraints.
// params:
// returns: name (str)
SHOW CONSTRAINTS YIELD name RETURN name

// name: indexes
// Names of the indexes that no constraint owns; the two token lookups that every database has stay.
// params:
// returns: name (str)
SHOW INDEXES YIELD name, type, owningConstraint
WHERE type <> 'LOOKUP' AND owningConstraint IS NULL
RETURN name

// name: drop_constraint
// Drop one constraint.
// params: name (str)
// returns:
DROP CONSTRAINT $name

// name: drop_index
// Drop one index.
// params: name (str)
// returns:
DROP INDEX $name
""",
)


def has_docker() -> bool:
    """Whether a Docker engine answers here within two seconds."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=2)
        client.ping()
    except DockerException:
        return False
    client.close()
    return True


@pytest.fixture(scope="session")
def neo4j_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The Neo4j of this test run: a container where there is Docker, the local server elsewhere."""
    if has_docker():
        from testcontainers.community.neo4j import Neo4jContainer

        from kg.server.artifacts import neo4j_version

        with Neo4jContainer(f"neo4j:{neo4j_version()}-community", password=PASSWORD) as container:
            yield Connection(container.get_connection_url(), "neo4j", PASSWORD)
        return
    server = LocalServer(tmp_path_factory.mktemp("home"), Ports(0, 0), heap=768, page_cache=128)
    try:
        yield server.start().connection
    finally:
        server.stop()


@pytest.fixture(scope="session")
def _session_graph(neo4j_connection: Connection) -> Iterator[Graph]:
    with Graph(neo4j_connection) as graph:
        yield graph


@pytest.fixture
def graph(_session_graph: Graph) -> Graph:
    """An empty database: no nodes, no constraints, no indexes of ours."""
    empty(_session_graph)
    return _session_graph


def empty(graph: Graph) -> None:
    """Delete everything that a test may have left."""
    graph.write_batched(CLEANING["delete_all"])
    _drop(graph, CLEANING["constraints"], CLEANING["drop_constraint"])
    _drop(graph, CLEANING["indexes"], CLEANING["drop_index"])


def _drop(graph: Graph, listing: Query, drop: Query) -> None:
    for row in graph.read(listing):
        graph.write(drop, name=row["name"])


@pytest.fixture(scope="session")
def encoder_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SHOPGRAPH_HOME with the default encoder, exported once for the whole run."""
    from kg.encoder import Encoder
    from kg.onnx_export import export

    home = tmp_path_factory.mktemp("encoder-home")
    export(Encoder(), home, ["green tea", "roast coffee"])
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the project; see its DATA.md."""
    if not DATA.is_dir():
        missing = f"the real data sets are not at {DATA}"
        if os.environ.get("SHOPGRAPH_REQUIRE_DATA") == "1":
            pytest.fail(f"SHOPGRAPH_REQUIRE_DATA=1, but {missing}")
        pytest.skip(missing)
    return DATA
