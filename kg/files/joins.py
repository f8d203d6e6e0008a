"""Small files whose columns are added to the rows of a table, as the manifest's `join` says."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kg.files.delimited import Bad
from kg.files.fields import Problems, read_text
from kg.files.manifest import Column, Items, Table
from kg.files.sources import Chunk, Wanted, read_table


class Joined(NamedTuple):
    """One joined file in memory."""

    left: str  # the key's name in the rows
    frame: pd.DataFrame  # index: the key as text; columns: what the file adds
    bad: list[tuple[str, Bad]]  # file and bad row


def load_joins(folder: Path, table: Table, key: str) -> list[Joined]:
    """Read the files that a table joins; of several rows with one key the first counts."""
    joined = []
    for number, join in enumerate(table.join):
        left, right = join.keys
        where = f"{key}.join[{number}]"
        source = Table(files=join.files, format=join.format)
        wanted = [Wanted(where, right), Wanted(where, "*")]
        chunks = list(read_table(folder, source, where, wanted))
        frame = pd.concat([chunk.frame for chunk in chunks], ignore_index=True)
        frame.index = pd.Index(_key(frame, right))
        frame = frame.drop(columns=right)[~frame.index.duplicated() & frame.index.notna()]
        joined.append(Joined(left, frame, [(chunk.file, bad) for chunk in chunks for bad in chunk.bad]))
    return joined


def add_joined(chunk: Chunk, joined: list[Joined]) -> Chunk:
    """The chunk with the columns of the joined files; null where a key is not in them."""
    frame = chunk.frame
    for join in joined:
        found = join.frame.reindex(_key(frame, join.left))
        new = [column for column in found.columns if column not in frame.columns]
        frame = pd.concat([frame, found[new].reset_index(drop=True)], axis=1)
    return chunk._replace(frame=frame)


def wanted_columns(table: Table, key: str, joined: list[Joined]) -> list[Wanted]:
    """The columns to read from the table's own files."""
    added = {column for join in joined for column in join.frame.columns}
    names = [(f"{key}.{field}", name) for field, column in table.mapped.items() for name in column.names]
    names += [(f"{key}.join[{n}]", join.left) for n, join in enumerate(joined)]
    if isinstance(table, Items):
        names += [(f"{key}.attributes", name) for name in table.attributes]
    return [Wanted(k, name) for k, name in names if name not in added and name not in ("$row", "$place")]


def _key(frame: pd.DataFrame, name: str) -> pd.Series:
    return read_text(frame, Column(column=name), Problems(len(frame)), name)
