"""CSV and TSV, line by line, so that one broken line costs one line.

The csv module alone would let a quote that is never closed swallow the rest of the file.
"""

import csv
from collections.abc import Iterator
from typing import IO, Literal, NamedTuple

CELL_LIMIT = 1_000_000  # characters
BLOCK = 8_000_000  # characters read at a time
RECORD_LINES = 1_000  # a quoted cell may hold so many line breaks

Bad = tuple[int, str]  # row number, reason


class Dialect(NamedTuple):
    """How the lines are written."""

    delimiter: str = ","
    quoting: bool = True


class Block(NamedTuple):
    """Some records of the file: cells, the line on which each starts, and the lines that are no records."""

    cells: list[list[str]]
    rows: list[int]
    bad: list[Bad]


def read_header(file: IO[str], dialect: Dialect) -> list[str]:
    """The names in the first line; empty for an empty file."""
    return _parse([file.readline()], dialect)[0] if file else []


def read_blocks(file: IO[str], width: int, first_row: int, dialect: Dialect) -> Iterator[Block]:
    """All records of the rest of `file`, which must decode with surrogateescape and newline "\\n"."""
    csv.field_size_limit(2**31 - 1)
    pending: list[str] = []
    row = first_row
    while lines := file.readlines(BLOCK):
        lines, row = pending + lines, row - len(pending)
        block, pending = _split(lines, row, width, dialect, last=False)
        row += len(lines)
        yield block
    if pending:
        yield _split(pending, row - len(pending), width, dialect, last=True)[0]


def _split(lines: list[str], row: int, width: int, dialect: Dialect, last: bool) -> tuple[Block, list[str]]:
    """The block of `lines` (the first has number `row`) and the lines to be read with the next block."""
    bad: list[Bad] = []
    records: list[tuple[int, str]] = []
    odd = [n for n, line in enumerate(lines) if line.count('"') % 2] if dialect.quoting else []
    done = 0
    for k, start in enumerate(odd):
        if start < done:
            continue
        records += ((row + n, lines[n]) for n in range(done, start))
        end = odd[k + 1] if k + 1 < len(odd) else None
        if end is None and not last and len(lines) - start < RECORD_LINES:
            return _block(records, bad, width, dialect), lines[start:]
        done = start + 1
        if end is not None and end - start < RECORD_LINES:
            whole = "".join(lines[start : end + 1])
            if len(_parse([whole], dialect)[0]) == width:
                records.append((row + start, whole))
                done = end + 1
                continue
        bad.append((row + start, "a quote that is never closed"))
    records += ((row + n, lines[n]) for n in range(done, len(lines)))
    return _block(records, bad, width, dialect), []


def _block(records: list[tuple[int, str]], bad: list[Bad], width: int, dialect: Dialect) -> Block:
    records = [(row, text) for row, text in records if text.strip("\r\n")]
    texts = [text for _, text in records]
    if not clean("".join(texts)) or max(map(len, texts), default=0) > CELL_LIMIT:
        kept = []
        for row, text in records:
            reason = _unclean(text, dialect)
            if reason:
                bad.append((row, reason))
            else:
                kept.append((row, text))
        records, texts = kept, [text for _, text in kept]
    cells = _parse(texts, dialect)
    good = [len(c) == width for c in cells]
    if not all(good):
        for (row, _), c in zip(records, cells, strict=True):
            if len(c) != width:
                bad.append((row, f"ragged line: {len(c)} cells where the header has {width}"))
        cells = [c for c, ok in zip(cells, good, strict=True) if ok]
        records = [r for r, ok in zip(records, good, strict=True) if ok]
    return Block(cells, [row for row, _ in records], bad)


def _parse(texts: list[str], dialect: Dialect) -> list[list[str]]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE
    lines = (text.replace("\r\n", "\n").replace("\r", " ") if "\r" in text else text for text in texts)
    return list(csv.reader(lines, delimiter=dialect.delimiter, quoting=quoting))


def clean(text: str) -> bool:
    """Whether the text is free of NUL and of bytes that could not be decoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _unclean(text: str, dialect: Dialect) -> str | None:
    """Why a record cannot be used, if it cannot."""
    if "\0" in text:
        return "a NUL byte"
    if not clean(text):
        return "broken encoding"
    if len(text) > CELL_LIMIT:
        longest = max(map(len, _parse([text], dialect)[0]))
        if longest > CELL_LIMIT:
            return f"a cell of {longest:,} characters (limit {CELL_LIMIT:,})"
    return None
