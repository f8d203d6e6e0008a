"""The made-up shop in a real Neo4j, and the API on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.encoder import QueryEncoder
from kg.driver import Graph
from kg.onnx_export import encoder_folder
from kg.settings import Settings
from tests.api import shop


@pytest.fixture(scope="session")
def query_encoder(encoder_home: Path) -> QueryEncoder:
    (folder,) = (encoder_home / "encoder").iterdir()
    assert folder == encoder_folder(encoder_home, folder.name)
    return QueryEncoder(folder)


@pytest.fixture
def settings(graph: Graph, encoder_home: Path) -> Settings:
    """On the test database."""
    c = graph.connection
    return Settings(
        home=encoder_home,
        neo4j_uri=c.uri,
        neo4j_user=c.user,
        neo4j_password=c.password,
        neo4j_database=c.database,
    )


@pytest.fixture
def filled(graph: Graph, query_encoder: QueryEncoder) -> Graph:
    """The graph with the made-up shop in it."""
    shop.write(graph, query_encoder)
    return graph


@pytest.fixture
def client(filled: Graph, settings: Settings) -> Iterator[TestClient]:  # noqa: ARG001 - the shop comes first
    """The running API on the made-up shop."""
    with TestClient(create_app(settings)) as running:
        yield running
