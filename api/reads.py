"""The graph as requests read it: named queries only, asynchronously, never waiting long."""

import asyncio
from typing import Any, NamedTuple

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from kg.driver import Graph, Row
from kg.errors import GraphError
from kg.queries import Query

_PATIENCE = 5.0  # seconds for one query


class Answer(NamedTuple):
    """What a query returned, and a mark that differs whenever anything was written in between."""

    rows: list[Row]
    mark: frozenset[str]


class Reads:
    """Reads from one database. A connection that broke while idle is replaced once, without a word.

    Args:
        graph: the same, for writes: what it wrote is known to every read afterwards, in a cluster too.
    """

    def __init__(self, graph: Graph) -> None:
        connection, self._graph = graph.connection, graph
        self._database = connection.database
        self._uri = connection.uri
        self._driver = neo4j.AsyncGraphDatabase.driver(
            connection.uri,
            auth=(connection.user, connection.password),
            user_agent="shopgraph-api",
            notifications_min_severity="OFF",
            connection_timeout=2,
            connection_acquisition_timeout=3,
        )

    async def rows(self, query: Query, **params: Any) -> list[Row]:
        """All rows of a query.

        Raises:
            GraphError: the graph does not answer.
        """
        return (await self.answer(query, **params)).rows

    async def one_list(self, query: Query, **params: Any) -> list[Any]:
        """The list in the only row and column of a query."""
        ((values,),) = (row.values() for row in await self.rows(query, **params))
        return list(values)

    async def answer(self, query: Query, **params: Any) -> Answer:
        """All rows, and the mark of the graph's state."""
        marks = self._graph.marks
        try:
            return await self._run(query, params, marks)
        except (DriverError, Neo4jError) as error:
            if not error.is_retryable():
                self._forget(marks)
                raise GraphError(self._failed(query, error)) from error
        except TimeoutError as error:
            self._forget(marks)
            raise GraphError(self._failed(query, f"no answer in {_PATIENCE:g} s")) from error
        try:
            return await self._run(query, params, marks)
        except (DriverError, Neo4jError, TimeoutError) as error:
            self._forget(marks)
            raise GraphError(self._failed(query, error)) from error

    async def close(self) -> None:
        await self._driver.close()

    async def _run(self, query: Query, params: dict[str, Any], marks: frozenset[str]) -> Answer:
        # not a managed transaction: that takes more messages, and a reader would rather be told than wait
        async with (
            asyncio.timeout(_PATIENCE),
            self._driver.session(
                database=self._database,
                default_access_mode=neo4j.READ_ACCESS,
                bookmarks=neo4j.Bookmarks.from_raw_values(marks),
            ) as session,
        ):
            result = await session.run(query.text, params)
            rows = [dict(record) async for record in result]
            return Answer(rows, (await session.last_bookmarks()).raw_values)

    def _forget(self, marks: frozenset[str]) -> None:
        """They may be of a database that another has replaced, which would wait for them in vain."""
        if self._graph.marks is marks:
            self._graph.marks = frozenset()

    def _failed(self, query: Query, error: Exception | str) -> str:
        return f"Neo4j at {self._uri} did not answer {query.name}: {error}"
