"""Stages a shop: checks all its rows and keeps the good ones in normalised tables on disk.

A staging is keyed by a hash of the manifest and of every file it names, so that the same data is never
checked twice and a stopped load goes on where it was. Training reads it too, without a database.
"""

import csv
import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from kg.console import progress
from kg.errors import IngestError, ManifestError
from kg.files.joins import add_joined, load_joins, wanted_columns
from kg.files.manifest import Items, Manifest, Referring, Table, read_manifest
from kg.files.rows import check
from kg.files.sources import matching_files, read_table
from kg.files.stagedb import MEMORY, StageDb, batches

KINDS = ("items", "interactions", "relations", "queries", "intents")
_FORMAT = b"staging 3"  # change when the staged tables change, so that older ones are not reused


@dataclass
class TableCount:
    """What became of the rows of one kind of table."""

    read: int = 0  # rows in the files (elements, for exploded lists)
    rejected: int = 0  # bad rows; rejects.csv says why
    duplicates: int = 0  # the same thing said again
    dropped: int = 0  # self loops, and unknown items where the manifest says drop
    kept: int = 0


@dataclass
class Staged:
    """A finished staging."""

    folder: Path  # stage.duckdb, rejects.csv, staged.json
    name: str  # the shop's
    language: str
    fingerprint: str
    counts: dict[str, TableCount]  # by kind of table
    splits: list[str]  # split_<name>, columns of interactions
    needs_graph: bool  # whether items were looked up in the graph, so that the result depends on it
    edges: int = 0  # rows of the table edges: one a user, item and type
    users: int = 0
    seconds: float = 0.0  # that checking took; 0 when it was staged already

    @property
    def rejects(self) -> Path:
        """CSV of the rejected rows: table, file, row, reason."""
        return self.folder / "rejects.csv"

    def connect(self) -> duckdb.DuckDBPyConnection:
        """The staged tables, read-only."""
        config: dict[str, Any] = {"memory_limit": MEMORY, "threads": 2}
        return duckdb.connect(str(self.folder / "stage.duckdb"), read_only=True, config=config)

    def batches(self, sql: str, rows: int = 20_000) -> Iterator[pa.RecordBatch]:
        """The result of a query over the staged tables, `rows` rows at a time."""
        with self.connect() as con:
            yield from batches(con, sql, rows)

    def table(self, name: str) -> pd.DataFrame:
        """items, interactions, relations, queries, intents (kg/columns.py), users or edges, in memory.

        Interactions are events without duplicates, with a column for each of `splits`.
        """
        with self.connect() as con:
            rows = con.table(name).to_arrow_table()
        frame: pd.DataFrame = rows.to_pandas()
        for column in rows.schema:
            if pa.types.is_list(column.type):
                frame[column.name] = pd.Series(rows[column.name].to_pylist(), dtype=object)
        return frame

    def holds_the_same_as(self, other: "Staged") -> bool:
        """Of two stagings of the same files: whether the same rows were good.

        It hangs on the graph where files name items that they do not have.
        """
        same = (self.counts, self.edges, self.users) == (other.counts, other.edges, other.users)
        return same and self.rejects.read_bytes() == other.rejects.read_bytes()

    def rejected(self) -> dict[str, tuple[int, str]]:
        """How many rows of each kind of table were rejected, if any, and the most common reasons in words."""
        told = {}
        for kind, count in self.counts.items():
            if count.rejected:
                reasons = _reasons(self.rejects, kind)
                common = Counter(reason.split(":")[0] for reason in reasons).most_common(3)
                sample = {reason.split(":")[0]: reason for reason in reversed(reasons)}
                words = ", ".join(f"{sample[reason]} ({n:,} such)" for reason, n in common)
                told[kind] = count.rejected, words
        return told

    def check_rejects(self, limit: float) -> None:
        """Refuse a staging of which too much was rejected.

        Raises:
            IngestError: a table has a larger part of bad rows than `limit`.
        """
        for kind, (rejected, reasons) in self.rejected().items():
            read = self.counts[kind].read
            if rejected / read > limit:
                raise IngestError(
                    f"{rejected:,} of {read:,} rows of {kind} were rejected, more than the {100 * limit:g}% "
                    "that are let through (--max-rejects, where it is an option); nothing was "
                    f"written to the graph. Most common: {reasons}. All of them: {self.rejects}. "
                    "docs/manifest.md tells how to describe columns."
                )


def stage(
    folder: Path,
    manifest_path: Path,
    home: Path,
    known_items: Callable[[], Iterable[str]] | None = None,
    now: float | None = None,
) -> Staged:
    """Check and stage the data in `folder`, or find it staged already under home/staging.

    `known_items` gives the ids in the graph; it is asked only when a row names an item that is not in the
    folder. Without it such rows are rejected.

    Raises:
        ManifestError: the manifest does not fit the files.
        IngestError: a file is damaged.
    """
    started = time.monotonic()
    if not folder.is_dir():
        raise IngestError(f"{folder} is not a folder.")
    manifest = read_manifest(manifest_path, folder)
    fingerprint = fingerprint_of(folder, manifest)
    final = home / "staging" / f"{manifest.name}-{fingerprint[:12]}"
    found = _load(final)
    if found is not None:
        found.seconds = 0.0
    if found is not None and not found.needs_graph:
        return found
    work = final.with_name(f".{final.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        staged = _build(folder, manifest, fingerprint, work, known_items, now or time.time())
        if found is not None and found.holds_the_same_as(staged):
            return found  # with what stands beside it
        staged.seconds = time.monotonic() - started
        _save(staged, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return staged


def fingerprint_of(folder: Path, manifest: Manifest) -> str:
    """A hash of the manifest and of the names and contents of all files that it names."""
    digest = hashlib.sha256(_FORMAT + manifest.model_dump_json().encode())
    for kind in KINDS:
        for number, table in enumerate(getattr(manifest, kind)):
            key = f"{kind}[{number}]"
            files = matching_files(folder, table.files, key)
            for join in table.join:
                files += matching_files(folder, join.files, f"{key}.join")
            for path in files:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def finished(home: Path, name: str) -> list[Staged]:
    """The finished stagings of a shop that are on disk."""
    found = [_load(path) for path in sorted((home / "staging").glob(f"{name}-*"))]
    return [staged for staged in found if staged is not None and staged.name == name]


def remove_others(staged: Staged) -> None:
    """Delete the shop's other stagings, also unfinished ones of processes that are gone."""
    for path in staged.folder.parent.iterdir():
        name = path.name.removeprefix(".").rpartition("-")[0]
        if name == staged.name and path != staged.folder and not _alive(path):
            shutil.rmtree(path, ignore_errors=True)


def _build(
    folder: Path,
    manifest: Manifest,
    fingerprint: str,
    work: Path,
    known_items: Callable[[], Iterable[str]] | None,
    now: float,
) -> Staged:
    db = StageDb(work / "stage.duckdb", manifest.split_names)
    counts = {kind: TableCount() for kind in KINDS}
    for kind in KINDS:
        for number, table in enumerate(getattr(manifest, kind)):
            _read_rows(db, folder, kind, number, table, counts[kind], now)
    counts["items"].duplicates = db.finish_items(any(t.duplicates == "first" for t in manifest.items))
    needs_graph = db.find_unknown(known_items)
    for kind in KINDS[1:]:
        counts[kind].dropped = db.drop_unknown(kind)
    counts["interactions"].duplicates = db.finish_interactions()
    counts["relations"].duplicates, loops = db.finish_relations()
    counts["relations"].dropped += loops
    counts["queries"].duplicates = db.finish_queries()
    counts["intents"].duplicates = db.finish_intents()
    rows, rejected = db.count(), db.rejected()
    for kind, count in counts.items():
        count.kept, count.rejected = rows[kind], rejected.get(kind, 0)
    db.write_rejects(work / "rejects.csv")
    db.close()
    return Staged(
        work, manifest.name, manifest.language, fingerprint, counts, manifest.split_names, needs_graph,
        rows["edges"], rows["users"],
    )  # fmt: skip


def _read_rows(
    db: StageDb, folder: Path, kind: str, number: int, table: Table, count: TableCount, now: float
) -> None:
    key = f"{kind}[{number}]"
    unknown = table.unknown_items if isinstance(table, Referring) else "reject"
    joined = load_joins(folder, table, key)
    for join in joined:
        for file, bad in join.bad:
            db.reject(kind, file, [bad])
            count.read += 1
    wanted = wanted_columns(table, key, joined)
    if not isinstance(table, Items) and not wanted:
        raise ManifestError(f"{key} reads no column of its own files.")
    with progress(f"reading {key}", None) as advance:
        for chunk in read_table(folder, table, key, wanted):
            checked = check(add_joined(chunk, joined), table, now)
            count.read += checked.read
            db.reject(kind, chunk.file, checked.bad)
            db.hold(kind, checked.held)
            db.add(kind, number, chunk.file, unknown, checked.frame)
            advance(checked.read)


def _save(staged: Staged, final: Path) -> None:
    """Move a finished staging to its place, in one step."""
    fields = {k: v for k, v in asdict(staged).items() if k != "folder"}
    (staged.folder / "staged.json").write_text(json.dumps(fields, indent=2), encoding="utf-8")
    shutil.rmtree(staged.folder / "spill", ignore_errors=True)
    shutil.rmtree(final, ignore_errors=True)
    staged.folder.rename(final)
    staged.folder = final


def _load(folder: Path) -> Staged | None:
    path = folder / "staged.json"
    if not path.is_file():
        return None
    fields = json.loads(path.read_text(encoding="utf-8"))
    counts = {kind: TableCount(**count) for kind, count in fields.pop("counts").items()}
    return Staged(folder=folder, counts=counts, **fields)


def _reasons(rejects: Path, kind: str) -> list[str]:
    with rejects.open(newline="", encoding="utf-8") as file:
        return [row["reason"] for row in csv.DictReader(file) if row["table"] == kind]


def _alive(path: Path) -> bool:
    """Whether a staging under work belongs to a process that still runs."""
    pid = path.name.rpartition(".")[2]
    if not path.name.startswith(".") or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except OSError:
        return False
    return True
