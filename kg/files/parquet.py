"""Parquet, batch by batch; texts in it are not checked by those who write it, so they are here."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kg.files.delimited import CELL_LIMIT, Bad


def read_names(path: Path) -> list[str]:
    """The file's columns."""
    return list(pq.read_schema(path).names)


def read_batches(
    path: Path, columns: list[str], rows: int
) -> Iterator[tuple[pd.DataFrame, np.ndarray, list[Bad]]]:
    """The good rows as Arrow-typed columns, their row numbers (int64, from 1), and the bad rows."""
    with pq.ParquetFile(path) as file:
        first = 1
        for batch in file.iter_batches(rows, columns=columns, use_threads=False):
            bad, batch = _undecodable(batch)
            numbers = np.arange(first, first + len(batch), dtype=np.int64)
            first += len(batch)
            keep = np.ones(len(batch), bool)
            keep[[place for place, _ in bad]] = False
            frame = batch.to_pandas(types_mapper=pd.ArrowDtype)
            frame = frame if keep.all() else frame[keep].reset_index(drop=True)
            yield frame, numbers[keep], [(int(numbers[place]), reason) for place, reason in bad]


def _undecodable(batch: pa.RecordBatch) -> tuple[list[Bad], pa.RecordBatch]:
    """The places of rows with text that cannot be used, and the batch with those texts emptied."""
    bad: dict[int, str] = {}
    for k, field in enumerate(batch.schema):
        if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            continue
        column = batch.column(k)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raw = column.cast(pa.large_binary(), safe=False).to_pylist()
            wrong = {n for n, value in enumerate(raw) if value is not None and not _decodes(value)}
            bad |= dict.fromkeys(wrong, "broken encoding")
            good = [None if n in wrong or value is None else value.decode() for n, value in enumerate(raw)]
            column = pa.array(good, pa.string())
            batch = batch.set_column(k, field.name, column)
        for mask, reason in (
            (pc.match_substring(column, "\0"), "a NUL byte"),
            (pc.greater(pc.binary_length(column), CELL_LIMIT), f"a cell over the limit of {CELL_LIMIT:,}"),
        ):
            if pc.any(mask).as_py():
                bad |= dict.fromkeys(np.flatnonzero(mask.fill_null(False).to_numpy(False)).tolist(), reason)
    return sorted(bad.items()), batch


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
