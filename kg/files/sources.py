"""Finds a shop's files and reads them, whatever their format, as chunks of rows with their row numbers.

Row numbers are what an editor shows: the line for text (a CSV's header is line 1), the record, counted
from 1, for Parquet and for a JSON array or object. Memory is bounded by the chunk, except for a JSON
array or object, which is read whole: a large catalogue is better kept as JSON lines.
"""

import bz2
import gzip
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from kg.errors import IngestError, ManifestError
from kg.files.delimited import Bad, Dialect, clean, read_blocks, read_header
from kg.files.jsonfile import Numbered, read_document, read_lines
from kg.files.manifest import Format, Table, read_manifest, suggest
from kg.files.parquet import read_batches, read_names

CHUNK_ROWS = 50_000
_UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")  # how its files begin, as bytes that are not UTF-8
REST = "$rest"  # JSON may have thousands of keys that fit a pattern: they stay one dict a row in this column
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".txt": "csv",
}  # fmt: skip
_KG = Path(__file__).resolve().parents[1]
_EXAMPLES = (_KG.parent / "examples", _KG / "examples")  # in a checkout, in a wheel
_UNPACK = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKED = (*_UNPACK, ".zip")


class Chunk(NamedTuple):
    """Some rows of a file."""

    file: str  # relative to the data folder
    rows: np.ndarray  # row numbers, int64 [n]
    frame: pd.DataFrame  # n rows, the shop's columns: text as str, Parquet as Arrow types, JSON as objects
    bad: list[Bad]  # rows that could not even be read: (row number, reason)
    keys: frozenset[str] = frozenset()  # JSON: all keys of these records


class Wanted(NamedTuple):
    """A column that the manifest names, and which of its keys does."""

    key: str  # for example items[0].title
    column: str  # may be a pattern, attr_*, which need not match


def find_manifest(folder: Path, manifest: Path | None = None) -> Path:
    """The manifest to use for a folder: the given one, FOLDER/shop.toml, or an example of the project.

    An example fits where all of its files are in FOLDER.

    Raises:
        ManifestError: there is none.
    """
    if manifest is not None:
        return manifest
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder.")
    if (folder / "shop.toml").is_file():
        return folder / "shop.toml"
    for path in sorted(path for place in _EXAMPLES for path in place.rglob("shop.toml")):
        globs = read_manifest(path, path.parent).globs
        if all(any(found.is_file() for found in folder.glob(glob)) for glob in globs):
            return path
    raise ManifestError(
        f"{folder} has no shop.toml, and its files are those of no example: write one that maps its columns "
        "(the examples of the project show how), or name one with --manifest."
    )


def matching_files(folder: Path, patterns: Iterable[str], key: str) -> list[Path]:
    """The files of a table, sorted by name.

    Raises:
        ManifestError: a pattern that matches nothing.
    """
    found: set[Path] = set()
    for pattern in patterns:
        if Path(pattern).is_absolute():
            raise ManifestError(f"{key}.files: {pattern!r} must be relative to the data folder.")
        files = [path for path in folder.glob(pattern) if path.is_file()]
        if not files:
            here = sorted(path.name for path in folder.iterdir() if path.is_file())
            raise ManifestError(
                f"{key}.files: no file in {folder} matches {pattern!r}{suggest(pattern, here)}."
            )
        found.update(files)
    return sorted(found)


def read_table(folder: Path, table: Table, key: str, wanted: list[Wanted]) -> Iterator[Chunk]:
    """All rows of all files of a table, with the wanted columns only.

    Raises:
        ManifestError: a file lacks a wanted column (JSON: no record of any file has it).
        IngestError: a file is damaged as a whole.
    """
    seen: set[str] = set()
    loose = False
    for path in matching_files(folder, table.files, key):
        kind = table.format or _guess(path, key)
        name = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
        with damage_told(path):
            for chunk in _read(path, name, kind, table, wanted):
                loose = loose or (kind in ("jsonl", "json") and len(chunk.rows) > 0)
                seen.update(chunk.keys)
                yield chunk
    if loose:
        _select(sorted(seen), wanted, "any record")


def _read(path: Path, name: str, kind: Format, table: Table, wanted: list[Wanted]) -> Iterator[Chunk]:
    if kind == "parquet":
        columns = _select(read_names(path), wanted, name)
        for frame, rows, bad in read_batches(path, columns, CHUNK_ROWS):
            yield Chunk(name, rows, frame, bad)
    elif kind in ("csv", "tsv"):
        yield from _delimited(path, name, kind, table, wanted)
    elif kind == "jsonl":
        with unpacked(path) as file:
            yield from _records(name, read_lines(file), wanted)
    elif kind == "json":
        with unpacked(path) as file:
            yield from _records(name, read_document(file), wanted)
    else:
        with unpacked(path) as file:
            yield from _adjacency(name, TextIOWrapper(file, table.encoding, "surrogateescape"))


def _delimited(path: Path, name: str, kind: str, table: Table, wanted: list[Wanted]) -> Iterator[Chunk]:
    dialect = Dialect(table.delimiter or ("\t" if kind == "tsv" else ","), table.quoting)
    encoding = "utf-8-sig" if table.encoding.lower() in ("utf-8", "utf8") else table.encoding
    with unpacked(path) as binary:
        file = TextIOWrapper(binary, encoding, "surrogateescape", newline="\n")
        header = table.header or [column.strip() for column in read_header(file, dialect)]
        columns = _select(header, wanted, name)
        places = [header.index(column) for column in columns]
        for block in read_blocks(file, len(header), 1 if table.header else 2, dialect):
            data = {c: [cells[k] for cells in block.cells] for c, k in zip(columns, places, strict=True)}
            frame = pd.DataFrame(data, dtype="str", index=range(len(block.rows)))
            yield Chunk(name, np.array(block.rows, np.int64), frame, block.bad)


def _records(name: str, numbered: Iterator[Numbered], wanted: list[Wanted]) -> Iterator[Chunk]:
    columns = list(dict.fromkeys(column for _, column in wanted if "*" not in column))
    patterns = [column for _, column in wanted if "*" in column]
    while batch := list(islice(numbered, CHUNK_ROWS // 10)):
        good = [(number, record) for number, record in batch if isinstance(record, dict)]
        bad = [(number, reason) for number, reason in batch if isinstance(reason, str)]
        known = {key for _, record in good for key in record}
        data = {c: _objects(record.get(c) for _, record in good) for c in columns if c in known}
        if patterns:
            fits = {key for key in known if any(fnmatchcase(key, pattern) for pattern in patterns)}
            data[REST] = _objects({k: v for k, v in record.items() if k in fits} for _, record in good)
        frame = pd.DataFrame(data, index=range(len(good)))
        rows = np.array([number for number, _ in good], np.int64)
        yield Chunk(name, rows, frame, bad, frozenset(known))


def _objects(values: Iterable[Any]) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def _adjacency(name: str, file: IO[str]) -> Iterator[Chunk]:
    """A user and then their items on a line -> rows of `user` and `item`."""
    numbered = enumerate(file, start=1)
    while lines := list(islice(numbered, 2_000)):
        good = [(n, line.split()) for n, line in lines if clean(line)]
        bad = [(n, "broken encoding") for n, line in lines if not clean(line)]
        pairs = [(n, words[0], item) for n, words in good for item in words[1:]]
        frame = pd.DataFrame(
            {"user": [p[1] for p in pairs], "item": [p[2] for p in pairs]},
            dtype="str",
            index=range(len(pairs)),
        )
        yield Chunk(name, np.array([p[0] for p in pairs], np.int64), frame, bad)


def _expand(known: Iterable[str], wanted: list[Wanted]) -> Iterator[str]:
    for _, column in wanted:
        if "*" in column:
            yield from (name for name in known if fnmatchcase(name, column))
        else:
            yield column


def _select(known: list[str], wanted: list[Wanted], file: str) -> list[str]:
    """The wanted columns that a file has, in its order.

    Raises:
        ManifestError: one is missing.
    """
    if not any(name.strip() for name in known):
        raise ManifestError(f"{file} is empty: it has no columns.")
    if known[0].startswith(_UTF_16):
        raise ManifestError(f"{file} is written in UTF-16. Save it as UTF-8.")
    for key, column in wanted:
        if "*" not in column and column not in known:
            near = suggest(column, known)
            there = ", ".join(known[:40])
            raise ManifestError(
                f"{key} names the column {column!r}, which is not in {file}{near}; there are: {there}."
            )
    names = set(_expand(known, wanted))
    return [name for name in dict.fromkeys(known) if name in names]


def _guess(path: Path, key: str) -> Format:
    suffixes = [s for s in path.suffixes if s not in PACKED]
    kind = _SUFFIXES.get(suffixes[-1].lower()) if suffixes else None
    if kind is None:
        raise ManifestError(f"{key}: the format of {path.name} is not clear from its name; set 'format'.")
    return kind


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.namelist() if not m.endswith("/")]
            if len(members) != 1:
                raise IngestError(f"{path} must hold one file, but holds {len(members)}: {members[:5]}.")
            with archive.open(members[0]) as file:
                yield file
        return
    unpack: Any = _UNPACK.get(path.suffix)
    with path.open("rb") if unpack is None else unpack(path) as file:
        yield file


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """What goes wrong with reading a file, as an IngestError that names it."""
    try:
        yield
    except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise IngestError(f"{path} is damaged or cannot be read: {error}.") from error
    except json.JSONDecodeError as error:
        raise IngestError(f"{path} is not JSON: {error}.") from error
