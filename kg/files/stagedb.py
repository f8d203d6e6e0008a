"""The staging database: checked rows in DuckDB, where duplicates and unknown items are found in SQL.

Rows are appended in the order in which they are read, so DuckDB's rowid is that order and the first of
several equal rows is the one with the smallest rowid. Work on interactions goes bucket by bucket of users,
so memory does not grow with the shop.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from kg.columns import INTENTS, INTERACTIONS, ITEMS, QUERIES, RELATIONS, SPLITS
from kg.files.delimited import Bad

MEMORY = "400MB"
BUCKET_ROWS = 1_000_000
_ARROW = {
    "string": pa.string(), "double": pa.float64(), "bool": pa.bool_(), "int64": pa.int64(),
    "list<list<string>>": pa.list_(pa.list_(pa.string())),
}  # fmt: skip
_TABLES = {
    "items": ITEMS,
    "interactions": {k: v for k, v in INTERACTIONS.items() if k != "splits"},
    "relations": RELATIONS,
    "queries": QUERIES,
    "intents": {k: v for k, v in INTENTS.items() if k != "position"},
}
_REFERS = {  # table -> its columns that name items
    "interactions": ("item_id",),
    "relations": ("source_id", "target_id"),
    "queries": ("item_id",),
    "intents": ("item_id",),
}
_EVENTS = """
    SELECT user_id, item_id, type, time, min_by(position, n) AS position,
        min_by(weight, n) AS weight, basket{splits}
    FROM (SELECT *, rowid AS n FROM raw_interactions WHERE hash(user_id) % $buckets = $bucket)
    GROUP BY user_id, item_id, type, time, basket
    ORDER BY user_id, type, item_id, time, basket"""
_EDGES = """
    SELECT user_id, item_id, type, count(*)::INTEGER AS count,
        round(list_sum(list(weight ORDER BY t, b)), 6) AS weight,
        min(time) AS first, max(time) AS last, min(position) AS position,
        CASE WHEN count(time) > 0 THEN list(t ORDER BY t, b) END AS times,
        CASE WHEN count(basket) > 0 THEN list(b ORDER BY t, b) END AS baskets,
        list(weight ORDER BY t, b) AS weights{splits}
    FROM (SELECT *, coalesce(time, -1) AS t, coalesce(basket, '') AS b FROM bucket)
    GROUP BY user_id, item_id, type
    ORDER BY user_id, type, item_id"""


class StageDb:
    """A DuckDB file that is being filled."""

    def __init__(self, path: Path, splits: list[str]) -> None:
        self.splits = splits
        self.con = duckdb.connect(
            str(path),
            config={
                "memory_limit": MEMORY, "threads": 2, "temp_directory": str(path.parent / "spill"),
                "preserve_insertion_order": True,
            },
        )  # fmt: skip
        self.con.execute("SET enable_progress_bar = false")
        self._schemas = {name: self._schema(name) for name in _TABLES}
        for name, schema in self._schemas.items():
            self.con.register("empty", schema.empty_table())
            self.con.execute(f"CREATE TABLE raw_{name} AS SELECT 0::INTEGER AS source, * FROM empty LIMIT 0")
            self.con.unregister("empty")
        self.con.execute("CREATE TABLE sources (source INTEGER, kind VARCHAR, file VARCHAR, unknown VARCHAR)")
        self.con.execute('CREATE TABLE rejects (kind VARCHAR, file VARCHAR, "row" BIGINT, reason VARCHAR)')
        self.con.execute("CREATE TABLE held (kind VARCHAR, user_id VARCHAR, item_id VARCHAR)")
        self.con.execute("CREATE TABLE graph_items (item_id VARCHAR)")
        self._sources: dict[tuple[str, int, str], int] = {}

    def add(self, kind: str, number: int, file: str, unknown: str, frame: pd.DataFrame) -> None:
        """Append checked rows; `number` is the manifest's table of that kind, `unknown` its unknown_items."""
        key = (kind, number, file)
        if key not in self._sources:
            self._sources[key] = len(self._sources)
            self.con.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?)", [self._sources[key], kind, file, unknown]
            )
        if missing := [name for name in self._schemas[kind].names if name not in frame]:
            frame = frame.assign(**dict.fromkeys(missing))  # splits that only other tables have
        rows = pa.Table.from_pandas(frame, schema=self._schemas[kind], preserve_index=False)
        self.con.register("chunk", rows)
        self.con.execute(f"INSERT INTO raw_{kind} SELECT ?, * FROM chunk", [self._sources[key]])
        self.con.unregister("chunk")

    def reject(self, kind: str, file: str, bad: list[Bad]) -> None:
        """Note rows that cannot be used."""
        if bad:
            frame = pd.DataFrame(bad, columns=["row", "reason"])
            self.con.register("bad", pa.Table.from_pandas(frame, preserve_index=False))
            self.con.execute('INSERT INTO rejects SELECT ?, ?, "row", reason FROM bad', [kind, file])
            self.con.unregister("bad")

    def hold(self, kind: str, frame: pd.DataFrame) -> None:
        """Note users and items of rows that cannot be used: the source still has them."""
        if len(frame):
            schema = pa.schema([("user_id", pa.string()), ("item_id", pa.string())])
            self.con.register("rows", pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
            self.con.execute("INSERT INTO held SELECT ?, user_id, item_id FROM rows", [kind])
            self.con.unregister("rows")

    def finish_items(self, keep_first: bool) -> int:
        """Build `items`, one row an id. Returns how many duplicates were dropped rather than rejected.

        Items that exist only because a row names them have no hash.
        """
        self.con.execute(
            "CREATE TEMP TABLE first AS SELECT min(rowid) AS origin, item_id FROM raw_items GROUP BY item_id"
        )
        dropped = 0
        if keep_first:
            dropped = self._count("raw_items") - self._count("first")
        else:
            self.con.execute(
                """INSERT INTO rejects
                SELECT 'items', s.file, r."row", 'duplicate item_id: ' || r.item_id || ' is also in '
                    || f.file || ' row ' || f."row"
                FROM raw_items r JOIN sources s USING (source) JOIN first USING (item_id)
                JOIN (SELECT raw_items.rowid AS origin, file, "row"
                      FROM raw_items JOIN sources USING (source)) f USING (origin)
                WHERE r.rowid <> first.origin"""
            )
        columns = ", ".join(ITEMS)
        self.con.execute(
            f"""CREATE TABLE items AS SELECT {columns} FROM raw_items
            WHERE rowid IN (SELECT origin FROM first) ORDER BY rowid"""
        )
        self.con.execute("ALTER TABLE items ADD COLUMN hash VARCHAR")
        self.con.execute(f"UPDATE items SET hash = md5(to_json(struct_pack({columns}))::VARCHAR)")
        created = " UNION ".join(
            f"SELECT {column} FROM raw_{kind} JOIN sources USING (source) WHERE unknown = 'create'"
            for kind, columns in _REFERS.items()
            for column in columns
        )
        self.con.execute(
            f"""INSERT INTO items (item_id, categories) SELECT id, [] FROM ({created}) AS c(id)
            WHERE id NOT IN (SELECT item_id FROM items) ORDER BY id"""
        )
        self.con.execute("DROP TABLE raw_items")
        return dropped

    def find_unknown(self, known_items: Callable[[], Iterable[str]] | None) -> bool:
        """Find the ids that are in neither folder nor graph; returns whether that depends on the graph."""
        named = " UNION ".join(
            f"SELECT {column} FROM raw_{kind}" for kind, columns in _REFERS.items() for column in columns
        )
        self.con.execute(
            f"""CREATE TABLE unknown AS SELECT id FROM ({named}) AS n(id)
            WHERE id NOT IN (SELECT item_id FROM items)"""
        )
        if self._count("unknown") == 0:
            return False
        ids = iter(known_items() if known_items is not None else ())
        while batch := list(islice(ids, 100_000)):
            self.con.register("batch", pa.table({"item_id": batch}))
            self.con.execute("INSERT INTO graph_items SELECT item_id FROM batch")
            self.con.unregister("batch")
        self.con.execute("DELETE FROM unknown WHERE id IN (SELECT item_id FROM graph_items)")
        return True

    def drop_unknown(self, kind: str) -> int:
        """Take rows that name unknown items out of raw_<kind>; returns how many were not rejected."""
        hits = " OR ".join(f"{column} IN (SELECT id FROM unknown)" for column in _REFERS[kind])
        if self._count("unknown") == 0:
            return 0
        names = " || ', ' || ".join(
            f"CASE WHEN {c} IN (SELECT id FROM unknown) THEN {c} ELSE 'known' END" for c in _REFERS[kind]
        )
        self.con.execute(
            f"""INSERT INTO rejects SELECT '{kind}', file, "row", 'unknown item: ' || {names}
            FROM raw_{kind} JOIN sources USING (source) WHERE unknown = 'reject' AND ({hits})"""
        )
        dropped = self._count(f"raw_{kind} JOIN sources USING (source) WHERE unknown = 'drop' AND ({hits})")
        self.con.execute(f"DELETE FROM raw_{kind} WHERE {hits}")
        return dropped

    def finish_interactions(self) -> int:
        """Build `interactions` (a row an event) and `edges` (a row a user, item and type).

        Returns the number of duplicate events.
        """
        rows = self._count("raw_interactions")
        parts = list(SPLITS)
        splits = "".join(f", {parts}[max(list_position({parts}, {name}))] AS {name}" for name in self.splits)
        buckets = max(1, -(-rows // BUCKET_ROWS))
        for bucket in range(buckets):
            place = {"buckets": buckets, "bucket": bucket}
            self.con.execute(f"CREATE TEMP TABLE bucket AS {_EVENTS.format(splits=splits)}", place)
            verb = ("CREATE TABLE {} AS", "INSERT INTO {}")[bucket > 0]
            self.con.execute(f"{verb.format('interactions')} SELECT * FROM bucket")
            self.con.execute(f"{verb.format('edges')} {_EDGES.format(splits=splits)}")
            self.con.execute("DROP TABLE bucket")
        self.con.execute("CREATE TABLE users AS SELECT DISTINCT user_id FROM edges ORDER BY user_id")
        self.con.execute("DROP TABLE raw_interactions")
        return rows - self._count("interactions")

    def finish_relations(self) -> tuple[int, int]:
        """Build `relations`; returns dropped duplicates and dropped self loops."""
        rows, loops = self._count("raw_relations"), self._count("raw_relations WHERE source_id = target_id")
        self.con.execute(
            """CREATE TABLE relations AS SELECT DISTINCT relation, kind, source_id, target_id
            FROM raw_relations WHERE source_id <> target_id ORDER BY kind, relation, source_id, target_id"""
        )
        self.con.execute("DROP TABLE raw_relations")
        return rows - loops - self._count("relations"), loops

    def finish_queries(self) -> int:
        """Build `queries`; a second, different rating of a query and item is a bad row."""
        rows = self._count("raw_queries")
        self.con.execute(
            """CREATE TABLE queries AS SELECT query, item_id, min_by(rating, rowid) AS rating
            FROM raw_queries GROUP BY ALL ORDER BY query, item_id"""
        )
        self.con.execute(
            """INSERT INTO rejects SELECT 'queries', file, "row", 'a second rating of the query ' || query
                || ' and item ' || item_id || ': ' || r.rating
            FROM raw_queries r JOIN sources USING (source) JOIN queries q USING (query, item_id)
            WHERE r.rating <> q.rating"""
        )
        clashes = self._count("rejects WHERE reason LIKE 'a second rating%'")
        self.con.execute("DROP TABLE raw_queries")
        return rows - self._count("queries") - clashes

    def finish_intents(self) -> int:
        """Build `intents`: words and session are those of an intent's first row."""
        rows = self._count("raw_intents")
        self.con.execute(
            """CREATE TABLE intents AS
            WITH head AS (SELECT intent_id, min_by(text, rowid) AS text, min_by(session, rowid) AS session,
                min(rowid) AS origin FROM raw_intents GROUP BY intent_id),
            said AS (SELECT intent_id, item_id, min(rowid) AS n FROM raw_intents GROUP BY ALL)
            SELECT intent_id, text, session, item_id,
                row_number() OVER (PARTITION BY intent_id ORDER BY n) - 1 AS position
            FROM said JOIN head USING (intent_id) ORDER BY origin, n"""
        )
        self.con.execute("DROP TABLE raw_intents")
        return rows - self._count("intents")

    def rejected(self) -> dict[str, int]:
        """Number of rejected rows of each kind of table."""
        return dict(self.con.execute("SELECT kind, count(*) FROM rejects GROUP BY kind").fetchall())

    def count(self) -> dict[str, int]:
        """Rows of each finished table."""
        return {name: self._count(name) for name in (*_TABLES, "edges", "users")}

    def write_rejects(self, path: Path) -> None:
        """All rejected rows as CSV: table, file, row, reason; items first, as their loss costs other rows."""
        self.con.execute(
            """COPY (SELECT kind AS "table", file, "row", reason FROM rejects
            ORDER BY kind <> 'items', kind, file, "row", reason) TO $path (HEADER, DELIMITER ',')""",
            {"path": str(path)},
        )

    def close(self) -> None:
        self.con.execute("DROP TABLE IF EXISTS unknown")
        self.con.execute("DROP TABLE graph_items")
        self.con.execute("CHECKPOINT")
        self.con.close()

    def _count(self, table: str) -> int:
        """Rows of a table, or of a table with a WHERE."""
        return int(self.con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    def _schema(self, name: str) -> pa.Schema:
        fields = [(column, _ARROW[kind]) for column, kind in _TABLES[name].items()]
        if name == "interactions":
            fields += [(split, pa.string()) for split in self.splits]
        return pa.schema([*fields, ("row", pa.int64())])


def batches(con: duckdb.DuckDBPyConnection, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
    """The result of a query, `rows` rows at a time."""
    reader: Any = con.sql(sql).to_arrow_reader(rows)
    yield from reader
