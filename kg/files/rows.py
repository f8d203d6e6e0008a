"""Checks the rows of a chunk and turns them into the tables of kg/columns.py. Pure: no files, no database."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kg.columns import RELATIONSHIP_OF, SPLITS
from kg.files.delimited import Bad
from kg.files.fields import (
    HIGHEST_PRICE,
    KEY_LIMIT,
    Problems,
    as_text,
    pick,
    plain,
    read_bool,
    read_list,
    read_number,
    read_text,
)
from kg.files.fields import read_time as read_seconds
from kg.files.manifest import Column, Intents, Interactions, Items, Queries, Relations, Table
from kg.files.sources import REST, Chunk

_DAY = 86_400
_LONG = 3_000  # characters of an intent's or query's words


class Checked(NamedTuple):
    """A chunk after checking."""

    frame: pd.DataFrame  # the good rows: the table's columns and `row`, the row number
    bad: list[Bad]
    held: pd.DataFrame  # user_id and item_id that bad rows name: what the graph has of them stays
    read: int  # rows looked at: the good, the bad, and those of exploded lists


def check(chunk: Chunk, table: Table, now: float) -> Checked:
    """Check a chunk of any table. `now` (seconds since 1970) decides what is in the future."""
    chunk, problems = _exploded(chunk, table)
    if isinstance(table, Items):
        frame = _items(chunk.frame, table, problems, now)
    elif isinstance(table, Interactions):
        frame = _interactions(chunk, table, problems, now)
    elif isinstance(table, Relations):
        frame = _relations(chunk.frame, table, problems)
    elif isinstance(table, Queries):
        frame = _queries(chunk.frame, table, problems)
    else:
        assert isinstance(table, Intents)
        frame = _intents(chunk.frame, table, problems)
    frame["row"] = chunk.rows
    good = problems.good
    bad = [(int(chunk.rows[k]), str(problems.reason[k])) for k in np.flatnonzero(~good)]
    held = frame[~good].reindex(columns=["user_id", "item_id"]).dropna(subset="item_id")
    kept = frame[good] if not good.all() else frame
    return Checked(kept, chunk.bad + bad, held, len(frame) + len(chunk.bad))


def _items(raw: pd.DataFrame, table: Items, problems: Problems, now: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": read_text(raw, table.id, problems, "item_id", required=True, limit=KEY_LIMIT),
            "title": read_text(raw, table.title, problems, "title"),
            "description": read_text(raw, table.description, problems, "description"),
            "brand": read_text(raw, table.brand, problems, "brand", limit=KEY_LIMIT),
            "categories": _categories(raw, table.categories, problems),
            "price": read_number(raw, table.price, problems, "price", minimum=0, maximum=HIGHEST_PRICE),
            "list_price": read_number(
                raw, table.list_price, problems, "list_price", minimum=0, maximum=HIGHEST_PRICE
            ),
            "currency": read_text(raw, table.currency, problems, "currency", limit=KEY_LIMIT),
            "in_stock": read_bool(raw, table.in_stock, problems, "in_stock"),
            "released_at": _whole(
                read_seconds(raw, table.released_at, problems, "released_at", latest=now + 3650 * _DAY)
            ),
            # Of a list the first.
            "image": read_text(raw, table.image, problems, "image").str.partition(" ")[0],
            "attributes": _attributes(raw, table.attributes),
        }
    )


def _interactions(chunk: Chunk, table: Interactions, problems: Problems, now: float) -> pd.DataFrame:
    raw = chunk.frame
    kind = read_text(raw, table.type, problems, "type", required=True)
    problems.add(
        ~kind.isin(list(RELATIONSHIP_OF)).to_numpy(), "type is none of " + ", ".join(RELATIONSHIP_OF), kind
    )
    basket = read_text(raw, table.basket, problems, "basket", limit=KEY_LIMIT)
    user = read_text(raw, table.user, problems, "user_id", required=table.basket is None, limit=KEY_LIMIT)
    if table.basket is not None:
        user = user.fillna("session:" + basket)
        problems.add(user.isna().to_numpy(), "neither user_id nor basket is given")
    columns = {
        "user_id": user,
        "item_id": read_text(raw, table.item, problems, "item_id", required=True, limit=KEY_LIMIT),
        "type": kind,
        "time": _whole(
            read_seconds(
                raw,
                table.time,
                problems,
                "time",
                required=table.time is not None,
                latest=now + _DAY,
                earliest=0,
            )
        ),
        "position": _whole(_positions(chunk, table, problems)),
        "weight": np.nan_to_num(read_number(raw, table.weight, problems, "weight", minimum=0), nan=1.0),
        "basket": basket,
    }
    for name, column in table.mapped.items():
        if name.startswith("split_"):
            columns[name] = _split(raw, column, problems, name)
    return pd.DataFrame(columns)


def _relations(raw: pd.DataFrame, table: Relations, problems: Problems) -> pd.DataFrame:
    relation = read_text(raw, table.relation, problems, "relation", required=True, limit=KEY_LIMIT)
    kind = relation.map(table.kinds).astype("str")
    unknown = (relation.notna() & kind.isna()).to_numpy()
    problems.add(unknown, f"relation is none of the manifest's kinds ({', '.join(table.kinds)})", relation)
    return pd.DataFrame(
        {
            "relation": relation,
            "kind": kind,
            "source_id": read_text(raw, table.source, problems, "source_id", required=True, limit=KEY_LIMIT),
            "target_id": read_text(raw, table.target, problems, "target_id", required=True, limit=KEY_LIMIT),
        }
    )


def _queries(raw: pd.DataFrame, table: Queries, problems: Problems) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "query": read_text(raw, table.query, problems, "query", required=True, limit=_LONG),
            "item_id": read_text(raw, table.item, problems, "item_id", required=True, limit=KEY_LIMIT),
            "rating": read_number(raw, table.rating, problems, "rating", required=True, minimum=0),
        }
    )


def _intents(raw: pd.DataFrame, table: Intents, problems: Problems) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "intent_id": read_text(raw, table.id, problems, "intent_id", required=True, limit=KEY_LIMIT),
            "text": read_text(raw, table.text, problems, "text", required=True, limit=_LONG),
            "session": read_text(raw, table.session, problems, "session", limit=KEY_LIMIT),
            "item_id": read_text(raw, table.item, problems, "item_id", required=True, limit=KEY_LIMIT),
        }
    )


def _exploded(chunk: Chunk, table: Table) -> tuple[Chunk, Problems]:
    """A row an element, for the column that the manifest explodes; `$place` is its place in the list."""
    column = next((c for c in table.mapped.values() if c.explode and c.column is not None), None)
    if column is None or column.column is None:
        return chunk, Problems(len(chunk.frame))
    cells = [read_list(cell, column) for cell in pick(chunk.frame, column).astype(object)]
    missing = pick(chunk.frame, column).isna().to_numpy(bool)
    wrong = np.array([cell is None for cell in cells], bool) & ~missing
    lists = [[None] if bad else cell or [] for cell, bad in zip(cells, wrong, strict=True)]
    source = np.repeat(np.arange(len(lists)), [len(values) for values in lists])
    frame = chunk.frame.iloc[source].reset_index(drop=True)
    frame[column.column] = pd.Series([as_text(v) for values in lists for v in values], dtype="str")
    frame["$place"] = np.array([n for values in lists for n in range(len(values))], dtype=np.int64)
    problems = Problems(len(frame))
    problems.add(wrong[source], f"{column.column} is not a list", pick(chunk.frame, column).iloc[source])
    return chunk._replace(frame=frame, rows=chunk.rows[source]), problems


def _positions(chunk: Chunk, table: Interactions, problems: Problems) -> np.ndarray:
    if table.position is None:
        place = chunk.frame.get("$place")
        return np.full(len(chunk.frame), np.nan) if place is None else place.to_numpy(np.float64)
    if table.position.column == "$row":
        return chunk.rows * table.position.scale
    cells = read_number(chunk.frame, table.position, problems, "position", required=True)
    problems.add((cells % 1 > 0) | (np.abs(cells) >= 2**53), "position is not a whole number", cells)
    return cells


def _split(raw: pd.DataFrame, column: Column, problems: Problems, name: str) -> pd.Series:
    """train, valid or test; null where the row belongs to none of them."""
    values = read_text(raw, column, problems, name)
    problems.add(
        (values.notna() & ~values.isin(SPLITS)).to_numpy(bool),
        f"{name} is none of train, valid, test",
        values,
    )
    return values


def _whole(values: np.ndarray) -> pd.Series:
    """Float64 with NaN -> nullable int64."""
    missing = ~(np.abs(values) < 2**53)
    return pd.Series(np.where(missing, 0, values).astype(np.int64)).astype("Int64").mask(missing)


def _categories(raw: pd.DataFrame, column: Column | None, problems: Problems) -> pd.Series:
    """Paths from the root, list of lists of names."""
    if column is None:
        return pd.Series([[]] * len(raw), dtype=object)
    if column.columns:
        levels = [
            read_text(raw, Column(column=name), problems, name).astype(object) for name in column.columns
        ]
        paths = [[[n for n in names if isinstance(n, str)]] for names in zip(*levels, strict=True)]
        return pd.Series([[p for p in found if p] for found in paths], dtype=object)
    cells = pick(raw, column).astype(object)
    found = [list(_paths(cell, column)) for cell in cells]
    long = [any(len(" > ".join(path)) > KEY_LIMIT for path in paths) for paths in found]
    problems.add(np.array(long, bool), f"a category is longer than {KEY_LIMIT:,} characters", cells)
    unique = [list(map(list, dict.fromkeys(map(tuple, paths)))) for paths in found]
    return pd.Series(unique, dtype=object)


def _paths(cell: Any, column: Column) -> Iterator[list[str]]:
    values = read_list(cell, column)
    if values is None:
        text = as_text(cell) or ""
        values = text.split(column.separator) if column.separator else [text]
    elif column.levels:
        values = [values]
    for value in values:
        nested = read_list(value, column) if not isinstance(value, str) else None
        names = nested if nested is not None else _levels(as_text(value) or "", column)
        path = [name for name in (_name(as_text(n) or "", column) for n in names) if name]
        if path:
            yield path


def _levels(text: str, column: Column) -> list[str]:
    if column.path_pattern is not None:
        return re.split(column.path_pattern, text)
    return text.split(column.path) if column.path else [text]


def _name(text: str, column: Column) -> str:
    for character in column.remove:
        text = text.replace(character, "")
    return plain(text) if column.html else text.strip()


def _attributes(raw: pd.DataFrame, wanted: list[str]) -> pd.Series:
    """A JSON object of the further columns that have a value; null where none has."""
    names = [c for c in raw.columns if c != REST and any(fnmatchcase(c, pattern) for pattern in wanted)]
    rest: Any = raw[REST] if REST in raw and wanted else [{}] * len(raw)
    named = zip(*(raw[name].astype(object) for name in names), strict=True) if names else [()] * len(raw)
    cells = (more | dict(zip(names, row, strict=True)) for more, row in zip(rest, named, strict=True))
    return pd.Series([_attribute_text(row) for row in cells], dtype="str")


def _attribute_text(cells: dict[str, Any]) -> str | None:
    found = {name.strip(): _attributes_of(cell) for name, cell in sorted(cells.items())}
    kept = {name: values if len(values) > 1 else values[0] for name, values in found.items() if values}
    return json.dumps(kept, ensure_ascii=False) if kept else None


def _attributes_of(cell: Any) -> list[str | bool | int | float]:
    """The values of a cell, none where it is empty."""
    if isinstance(cell, list | tuple | np.ndarray):
        return [value for one in cell for value in _attributes_of(one)]
    cell = cell.item() if isinstance(cell, np.generic) else cell
    text = as_text(cell)
    if text is None or not text.strip() or text in ("inf", "-inf"):
        return []
    return [cell if isinstance(cell, bool | int | float) else text.strip()]
