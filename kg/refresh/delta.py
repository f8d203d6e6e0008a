"""What differs between two stagings of a shop: the rows to load, and what the source no longer has."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from kg.files.stagedb import MEMORY, batches
from kg.files.staging import Staged

TABLES: Final = ("items", "users", "edges", "relations", "queries", "intents")
_ORDER: Final = {
    "items": "n.rowid",
    "users": "user_id",
    "edges": "user_id, type, item_id",
    "relations": "kind, relation, source_id, target_id",
    "queries": "query, item_id",
    "intents": "intent_id, position",
}
_KEYS: Final = {
    "items": "item_id",
    "users": "user_id",
    "edges": "user_id, item_id, type",
    "relations": "relation, kind, source_id, target_id",
    "queries": "query, item_id",
    "intents": "intent_id, item_id",
}
# Whether the newer row holds all events of the older one: it was loaded then, and took nothing back.
_GREW = """coalesce(list_has_all(n.times, o.times) AND (o.baskets IS NULL AND n.baskets IS NULL
            OR list_has_all(list_zip(n.times, n.baskets), list_zip(o.times, o.baskets))), false)"""
_SAME = "(o.count, o.times, o.baskets) IS NOT DISTINCT FROM (n.count, n.times, n.baskets)"
# A row of the older staging, and what the newer one says in its place. What a bad row names is not lost.
_LOST: Final = {
    "items": """SELECT item_id FROM old.items ANTI JOIN new.items USING (item_id)
        ANTI JOIN (FROM new.held WHERE kind = 'items') USING (item_id)""",
    "users": """SELECT user_id FROM old.users ANTI JOIN new.users USING (user_id)
        ANTI JOIN new.held USING (user_id)""",
    "edges": f"""SELECT o.user_id, o.item_id, o.type, o.count, o.times, o.baskets, o.weights,
            CASE WHEN n.user_id IS NOT NULL THEN n END AS now
        FROM old.edges o LEFT JOIN new.edges n USING (user_id, item_id, type)
        ANTI JOIN new.held h ON h.user_id = o.user_id AND h.item_id = o.item_id
        WHERE n.user_id IS NULL OR NOT ({_SAME} OR {_GREW})
        ORDER BY o.user_id, o.type, o.item_id""",
    "relations": """SELECT relation, kind, source_id, target_id FROM old.relations
        ANTI JOIN new.relations USING (relation, kind, source_id, target_id)""",
    "queries": "SELECT query, item_id FROM old.queries ANTI JOIN new.queries USING (query, item_id)",
    "intents": "SELECT intent_id, item_id FROM old.intents ANTI JOIN new.intents USING (intent_id, item_id)",
}


def changed(new: Staged, base: Staged) -> Path | None:
    """A DuckDB file with the rows of each table that `base` has not or has otherwise.

    Made once; None where the tables have other columns, so that every row is to be looked at.
    """
    path = new.folder / f"changed-{base.fingerprint[:12]}.duckdb"
    if path.is_file():
        return path
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    with _attached({"new": new, "old": base}, str(draft)) as con:
        for table in TABLES:
            if _columns(con, "new", table) != _columns(con, "old", table):
                con.close()
                draft.unlink(missing_ok=True)
                return None
            if table == "items":
                rows = """SELECT n.* FROM new.items n ANTI JOIN old.items o
                    ON n.item_id = o.item_id AND n.hash IS NOT DISTINCT FROM o.hash"""
            else:
                rows = f"SELECT * FROM new.{table} EXCEPT SELECT * FROM old.{table}"
            con.execute(f"CREATE TABLE {table} AS {rows} ORDER BY {_ORDER[table]}")
    draft.replace(path)
    return path


def rows_of(path: Path, table: str, start: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Rows of a file that `changed` made, from one on, `rows` at a time."""
    with duckdb.connect(str(path), read_only=True, config={"memory_limit": MEMORY, "threads": 2}) as con:
        yield from batches(con, f"SELECT * FROM {table} WHERE rowid >= {start}", rows)


def lost(
    new: Staged, old: Staged, table: str, rows: int, others: Sequence[Staged] = ()
) -> Iterator[list[dict[str, Any]]]:
    """What `old` has of a table and `new` has not, `rows` at a time; of edges also those that lost events.

    Args:
        others: what other sources have; that is not lost.
    """
    theirs = {f"other{n}": staged for n, staged in enumerate(others)}
    query = f"FROM ({_LOST[table]}) " + " ".join(
        f"ANTI JOIN {name}.{table} USING ({_KEYS[table]})" for name in theirs
    )
    with _attached({"new": new, "old": old, **theirs}, ":memory:") as con:
        for batch in batches(con, query, rows):
            yield batch.to_pylist()


def _attached(stagings: Mapping[str, Staged], path: str) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(path, config={"memory_limit": MEMORY, "threads": 2})
    con.execute("SET enable_progress_bar = false")
    for name, staged in stagings.items():
        con.execute(f"ATTACH '{_quoted(staged.folder / 'stage.duckdb')}' AS {name} (READ_ONLY)")
    return con


def _columns(con: duckdb.DuckDBPyConnection, database: str, table: str) -> list[tuple[Any, ...]]:
    return con.execute(
        """SELECT column_name, data_type FROM duckdb_columns()
        WHERE database_name = ? AND table_name = ? ORDER BY 1""",
        [database, table],
    ).fetchall()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
