"""The graph as requests read it: named queries only, asynchronously, never waiting long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from kg.driver import Connection, Row
from kg.errors import GraphError
from kg.queries import Query


class Reads:
    """Read transactions against one database."""

    def __init__(self, connection: Connection) -> None:
        self._database = connection.database
        self._uri = connection.uri
        self._driver = neo4j.AsyncGraphDatabase.driver(
            connection.uri,
            auth=(connection.user, connection.password),
            user_agent="shopgraph-api",
            notifications_min_severity="OFF",
            connection_timeout=2,
            connection_acquisition_timeout=3,
            max_transaction_retry_time=2,
        )

    async def rows(self, query: Query, **params: Any) -> list[Row]:
        """All rows of a query.

        Raises:
            GraphError: the graph does not answer.
        """
        async with self._session(query) as session:
            result = await session.run(query.text, params)
            return await result.data()

    async def rows_and_mark(self, query: Query) -> tuple[list[Row], frozenset[str]]:
        """All rows, and a mark that differs whenever anything was written to the graph in between."""
        async with self._session(query) as session:
            result = await session.run(query.text)
            rows = await result.data()
            return rows, (await session.last_bookmarks()).raw_values

    async def close(self) -> None:
        await self._driver.close()

    @asynccontextmanager
    async def _session(self, query: Query) -> AsyncIterator[neo4j.AsyncSession]:
        try:
            async with self._driver.session(
                database=self._database, default_access_mode=neo4j.READ_ACCESS
            ) as session:
                yield session
        except (DriverError, Neo4jError, OSError) as error:
            raise GraphError(f"Neo4j at {self._uri} did not answer {query.name}: {error}") from error
