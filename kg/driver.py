"""The graph, as the rest of the product sees it: named queries in managed transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import neo4j
from neo4j.exceptions import (
    AuthError,
    ClientError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from kg.errors import GraphError
from kg.queries import Query
from kg.settings import Settings

Row = dict[str, Any]
T = TypeVar("T")


class Counts(NamedTuple):
    """What a write changed, as the database counted it."""

    nodes_created: int = 0
    nodes_deleted: int = 0
    relationships_created: int = 0
    relationships_deleted: int = 0
    properties_set: int = 0

    def __add__(self, other: "Counts") -> "Counts":  # type: ignore[override]  # a tuple's own + joins
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))


class Connection(NamedTuple):
    """Where a Neo4j is and how to enter it."""

    uri: str
    user: str
    password: str
    database: str = "neo4j"


class Graph:
    """One Neo4j database. Transient errors are retried by the driver's managed transactions.

    Args:
        patience: seconds after which a transaction is not tried again.
    """

    def __init__(self, connection: Connection, patience: float = 30.0) -> None:
        self.connection = connection
        self.marks: frozenset[str] = frozenset()  # bookmarks: in a cluster, what is read is no older
        self.driver = neo4j.GraphDatabase.driver(
            connection.uri,
            auth=(connection.user, connection.password),
            user_agent="shopgraph",
            notifications_min_severity="OFF",
            connection_timeout=min(patience, 30.0),
            max_transaction_retry_time=patience,
        )

    def read(self, query: Query, **params: Any) -> list[Row]:
        """All rows of a read query."""
        with _explained(query.name), self._session() as session:
            return session.execute_read(lambda tx: tx.run(query.text, params).data())

    def stream(self, query: Query, **params: Any) -> Iterator[Row]:
        """The rows of a read query one by one, for results larger than memory."""
        with (
            _explained(query.name),
            self._session(fetch_size=5_000) as session,
            session.begin_transaction() as tx,
        ):
            for record in tx.run(query.text, params):
                yield dict(record)

    def write(self, query: Query, **params: Any) -> Counts:
        """Run a write query in one transaction and count what it changed."""
        with _explained(query.name), self._session() as session:
            return session.execute_write(lambda tx: _counts(tx.run(query.text, params).consume()))

    def write_rows(self, query: Query, **params: Any) -> list[Row]:
        """Run a write query in one transaction and return its rows."""
        with _explained(query.name), self._session() as session:
            return session.execute_write(lambda tx: tx.run(query.text, params).data())

    def transact(self, name: str, work: Callable[[neo4j.ManagedTransaction], T]) -> T:
        """Run several statements as one transaction, again on a transient error; `name` is for messages."""
        with _explained(name), self._session() as session:
            result = session.execute_write(work)
            self.marks = session.last_bookmarks().raw_values
            return result

    def write_batched(self, query: Query, **params: Any) -> Counts:
        """Run a query that holds its own `CALL { } IN TRANSACTIONS`, which needs an implicit transaction."""
        with _explained(query.name), self._session() as session:
            return _counts(session.run(query.text, params).consume())

    def close(self) -> None:
        self.driver.close()

    def __enter__(self) -> "Graph":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _session(self, **config: Any) -> neo4j.Session:
        bookmarks = neo4j.Bookmarks.from_raw_values(self.marks)
        return self.driver.session(database=self.connection.database, bookmarks=bookmarks, **config)


def connect(settings: Settings, patience: float = 30.0) -> Graph:
    """The graph at SHOPGRAPH_NEO4J_URI, or else the local server's, which is started if it is not running.

    Args:
        patience: as `Graph` takes it.

    Raises:
        ServerError: the local server cannot be started.
        GraphError: the database does not answer or refuses the password.
    """
    if settings.neo4j_uri is not None and settings.neo4j_password is not None:
        connection = Connection(
            settings.neo4j_uri,
            settings.neo4j_user,
            settings.neo4j_password.get_secret_value(),
            settings.neo4j_database,
        )
    else:
        from kg.server import LocalServer  # the optional extra 'server'; not needed with a URI

        connection = LocalServer(settings.home).start().connection
    graph = Graph(connection, patience)
    try:
        graph.driver.verify_connectivity()
    except (DriverError, Neo4jError, ValueError) as error:
        graph.close()
        raise GraphError(_reason(connection.uri, error)) from error
    return graph


def _counts(summary: neo4j.ResultSummary) -> Counts:
    c = summary.counters
    return Counts(
        c.nodes_created, c.nodes_deleted, c.relationships_created, c.relationships_deleted, c.properties_set
    )


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise GraphError(f"cypher block {name}: {error.message}") from error
    except (ServiceUnavailable, SessionExpired) as error:
        raise GraphError(
            f"Neo4j stopped answering during {name} ({error}). Try the same again; "
            "what was committed is kept."
        ) from error
    except (DriverError, Neo4jError) as error:
        raise GraphError(f"Neo4j did not take {name}: {error}") from error


def _reason(uri: str, error: Exception) -> str:
    if isinstance(error, AuthError):
        return f"Neo4j at {uri} refused the user or password: check SHOPGRAPH_NEO4J_USER and _PASSWORD."
    return f"Neo4j at {uri} cannot be reached ({error}). Is it running, and is the address right?"
