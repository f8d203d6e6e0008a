"""Reads one field of a chunk: picks the shop's cells, turns them into our type, says what is wrong.

Every reader takes the chunk's frame, the manifest's column and the chunk's `Problems`, and gives one value
a row; a row with a problem has no usable value. A missing cell (null, empty or blank) is not a problem
unless the field is required.
"""

import ast
import html
import json
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kg.files.manifest import Column

HIGHEST_PRICE = 1e12  # of one unit, in any currency; more is a placeholder
KEY_LIMIT = 1_000  # characters of an id, brand, category or query: Neo4j indexes at most 8 kB
_TAG = re.compile(r"<[^>]*(?:>|$)")
_WORDS = {"true": 1, "yes": 1, "y": 1, "t": 1, "false": 0, "no": 0, "n": 0, "f": 0}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_EARLIEST = -62_000_000_000  # about the year 5
_LATEST = 250_000_000_000  # about the year 9892


class Problems:
    """The first thing wrong with each row of a chunk."""

    def __init__(self, n: int) -> None:
        self.reason = np.full(n, None, dtype=object)

    def add(self, mask: np.ndarray, what: str, cells: pd.Series | np.ndarray | None = None) -> None:
        """Mark the rows of `mask`; `cells` are shown in the reason."""
        for k in np.flatnonzero(mask):
            if self.reason[k] is None:
                cell = None if cells is None else cells.iloc[k] if isinstance(cells, pd.Series) else cells[k]
                self.reason[k] = what if cells is None else f"{what}: {_show(cell)}"

    @property
    def good(self) -> np.ndarray:
        """Rows without a problem, bool [n]."""
        return np.array([reason is None for reason in self.reason], bool)


def read_text(
    frame: pd.DataFrame, column: Column | None, problems: Problems, what: str, *, required: bool = False,
    limit: int | None = None,
) -> pd.Series:  # fmt: skip
    """Text, stripped; null where missing."""
    values = _text(frame, column)
    if column is not None and column.map:
        mapped = values.map(column.map)
        unknown = (values.notna() & mapped.isna()).to_numpy(bool)
        if column.on_bad == "reject":
            known = ", ".join(column.map)
            problems.add(unknown, f"{what} is not in the manifest's map ({known})", values)
        values = mapped.astype("str")
    if required:
        problems.add(values.isna().to_numpy(bool), f"{what} is missing")
    if limit is not None:
        long = values.str.len().to_numpy(float, na_value=0) > limit
        problems.add(long, f"{what} is longer than {limit:,} characters", values)
    return values


def read_number(
    frame: pd.DataFrame, column: Column | None, problems: Problems, what: str, *, required: bool = False,
    minimum: float = -math.inf, maximum: float = math.inf,
) -> np.ndarray:  # fmt: skip
    """Finite numbers, times the column's scale; float64, NaN where missing."""
    if column is None:
        return np.full(len(frame), np.nan)
    cells = pick(frame, column)
    values, missing = _numbers(cells, column)
    wrong = ~missing & ~np.isfinite(values)
    with np.errstate(invalid="ignore", over="ignore"):
        values = values * column.scale
        low = ~missing & ~wrong & (values < minimum)
        high = ~missing & ~wrong & (values > maximum)
    if column.on_bad == "reject":
        endless = wrong & (np.isinf(values) | _spelled(cells, wrong, ("nan", "inf", "-inf", "infinity")))
        problems.add(endless, f"{what} is not a finite number", cells)
        problems.add(wrong & ~endless, f"{what} is not a number", cells)
        problems.add(low, f"{what} is less than {minimum:g}", cells)
        problems.add(high, f"{what} is more than {maximum:g}", cells)
    if required:
        problems.add(missing, f"{what} is missing")
    return np.where(missing | wrong | low | high, np.nan, values)


def read_time(
    frame: pd.DataFrame, column: Column | None, problems: Problems, what: str, *, required: bool = False,
    latest: float = _LATEST, earliest: float = _EARLIEST,
) -> np.ndarray:  # fmt: skip
    """Seconds since 1970, float64 (exact for whole seconds), NaN where missing. No zone means UTC."""
    if column is None:
        return np.full(len(frame), np.nan)
    cells = pick(frame, column)
    values, missing = _seconds(cells, column)
    wrong = ~missing & ~np.isfinite(values)
    with np.errstate(invalid="ignore"):
        late, early = ~wrong & (values > latest), ~wrong & (values < earliest)
    if column.on_bad == "reject":
        problems.add(wrong, f"{what} is not a time", cells)
        problems.add(late, f"{what} is in the future", cells)
        problems.add(
            early, f"{what} is before {pd.Timestamp(max(earliest, -6e10), unit='s'):%Y-%m-%d}", cells
        )
    if required:
        problems.add(missing, f"{what} is missing")
    return np.where(missing | wrong | late | early, np.nan, np.floor(values))


def read_bool(frame: pd.DataFrame, column: Column | None, problems: Problems, what: str) -> pd.Series:
    """True, False or null; a number means how many there are, so 0 is False."""
    values = _text(frame, column).str.lower()
    if column is not None and column.map:
        values = values.map(column.map).astype("str")
    words = values.map(_WORDS).astype("float64")
    numbers = pd.to_numeric(values.where(words.isna()), errors="coerce").astype("float64")
    amount = words.fillna(numbers).to_numpy(float)
    wrong = values.notna().to_numpy(bool) & ~(amount >= 0)
    if column is not None and column.on_bad == "reject":
        problems.add(wrong, f"{what} is neither true nor false", values)
    return pd.Series([None if math.isnan(a) else a > 0 for a in amount], dtype=object)


def read_list(cell: Any, column: Column) -> list[Any] | None:
    """A cell that holds a list, itself or printed as text; None where it does not.

    >>> read_list("[1, 2]", Column(column="history", parse="json"))
    [1, 2]
    """
    if isinstance(cell, np.ndarray):
        return list(cell.tolist())
    if isinstance(cell, str) and column.parse is not None:
        try:
            cell = json.loads(cell) if column.parse == "json" else ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return list(cell) if isinstance(cell, list | tuple) else None


def pick(frame: pd.DataFrame, column: Column) -> pd.Series:
    """The shop's cells; all null where this chunk of JSON has no such key."""
    if column.value is not None:
        return pd.Series([column.value] * len(frame), dtype=object, index=frame.index)
    if column.column in frame.columns:
        return frame[column.column]
    return pd.Series([None] * len(frame), dtype=object, index=frame.index)


def as_text(value: Any) -> str | None:
    """A cell of any type as text: 12.0 is "12", a list its texts in a row.

    >>> as_text(["An Amazon Brand.", ""])
    'An Amazon Brand.'
    """
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        return " ".join(f"{as_text(k)} {as_text(v) or ''}".strip() for k, v in value.items())
    if isinstance(value, list | tuple | np.ndarray):
        return " ".join(filter(None, map(as_text, value)))
    return str(value)


def plain(text: str) -> str:
    """Text without tags and entities.

    >>> plain("Coffee &amp; <b>Tea</b>")
    'Coffee & Tea'
    """
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _text(frame: pd.DataFrame, column: Column | None) -> pd.Series:
    if column is None:
        return pd.Series([None] * len(frame), dtype="str", index=frame.index)
    if column.columns:
        parts = [_text(frame, Column(column=name)).fillna("") for name in column.columns]
        values = parts[0]
        for part in parts[1:]:
            values = (values + " " + part).str.strip()
    else:
        values = _strings(pick(frame, column), column)
    if column.remove:
        values = values.str.replace(f"[{re.escape(column.remove)}]", "", regex=True)
    if column.html:
        values = values.map(plain, na_action="ignore").astype("str")
    values = values.str.strip()
    return values.where(values != "")


def _strings(cells: pd.Series, column: Column) -> pd.Series:
    if isinstance(cells.dtype, pd.ArrowDtype):
        kind = cells.dtype.pyarrow_dtype
        if not (pa.types.is_nested(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            return pd.Series(pc.cast(pa.array(cells), pa.large_string()).to_pandas(), dtype="str")
        cells = pd.Series(pa.array(cells).to_pylist(), dtype=object)
    if column.parse is not None:
        cells = pd.Series(_lists(cells, column), dtype=object)
    if cells.dtype == object:
        texts: list[Any] = [as_text(cell) for cell in cells]
        return pd.Series(texts, dtype="str", index=cells.index)
    return cells


def _lists(cells: pd.Series, column: Column) -> list[Any]:
    """The cells that hold a list as lists, the others as they are."""
    read = ((cell, read_list(cell, column)) for cell in cells)
    return [cell if found is None else found for cell, found in read]


def _numbers(cells: pd.Series, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """The cells as float64 (NaN where that is impossible) and which of them are missing."""
    if isinstance(cells.dtype, pd.ArrowDtype):
        kind, values = cells.dtype.pyarrow_dtype, pa.array(cells)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            missing = values.is_null().to_numpy(zero_copy_only=False)
            return pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), missing
        cells = pd.Series(values.to_pylist(), dtype=object)
    if cells.dtype == object:
        odd = [c is not None and (isinstance(c, bool) or not isinstance(c, int | float | str)) for c in cells]
        cells = cells.mask(np.array(odd, bool), "not a number")
        missing = np.array([c is None or (isinstance(c, str) and not c.strip()) for c in cells], bool)
    else:
        missing = (cells.isna() | (cells.str.strip() == "")).to_numpy(bool)
    if column.remove:
        cells = cells.astype("str").str.replace(f"[{re.escape(column.remove)}]", "", regex=True)
    if column.decimal == ",":
        texts = cells.astype("str").str.replace(".", "", regex=False)
        cells = texts.str.replace(",", ".", regex=False)
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan), missing


def _seconds(cells: pd.Series, column: Column) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(cells.dtype, pd.ArrowDtype):
        kind, values = cells.dtype.pyarrow_dtype, pa.array(cells)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            missing = values.is_null().to_numpy(zero_copy_only=False)
            since = pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.int64())
            return pc.cast(since, pa.float64(), safe=False).to_numpy(zero_copy_only=False) * 1e-6, missing
    numbers, missing = _numbers(cells, column)
    seconds = numbers * _SECONDS[column.unit]
    if column.format is not None:
        seconds = np.full(len(cells), np.nan)
    left = np.flatnonzero(~missing & np.isnan(seconds))
    if len(left):
        texts = cells.iloc[left].map(as_text).astype("str").str.strip()
        found = pd.to_datetime(texts, format=column.format or "ISO8601", utc=True, errors="coerce")
        parsed = found.dt.as_unit("us").astype("int64").to_numpy(np.float64) * 1e-6
        seconds[left] = np.where(found.isna(), np.nan, parsed)
    return seconds, missing


def _spelled(cells: pd.Series, mask: np.ndarray, words: tuple[str, ...]) -> np.ndarray:
    """Which of the masked cells say NaN or infinite, in text or as a number."""
    found = np.zeros(len(cells), bool)
    for k in np.flatnonzero(mask):
        found[k] = str(cells.iloc[k]).strip().lower() in words
    return found


def _show(cell: Any) -> str:
    text = repr(cell.item() if isinstance(cell, np.generic) else cell)
    return text if len(text) <= 60 else text[:57] + "..."
