"""Loads a shop into the graph: stage, check, then write the staged tables batch by batch.

A run notes how far it came in the transaction of each batch, so a killed run goes on there; and since a
batch looks at what is there before it writes, one applied twice would change nothing.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import neo4j
import pyarrow as pa

from kg.console import progress, say
from kg.driver import Graph
from kg.files.manifest import read_manifest
from kg.files.sources import find_manifest
from kg.files.staging import Staged, TableCount, fingerprint_of, remove_others, stage
from kg.live.events import attach_all
from kg.loading import Change, Step, steps
from kg.queries import load
from kg.schema import make_keys

ANALYZERS = {
    "ar": "arabic", "bg": "bulgarian", "bn": "bengali", "cs": "czech", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "es": "spanish", "fa": "persian", "fi": "finnish", "fr": "french",
    "hi": "hindi", "hu": "hungarian", "id": "indonesian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "th": "thai",
    "tr": "turkish", "uk": "ukrainian", "zh": "cjk", "ja": "cjk", "ko": "cjk",
}  # fmt: skip
_FOLDER = "folder.txt"  # in a staging that was loaded
_LOADED = "loaded"  # in a staging that was loaded to the end
OTHER_ANALYZER = "standard-no-stop-words"  # for languages that Lucene has no analyzer of


Rows = Callable[[str, int, int], Iterator[pa.RecordBatch]]  # table, first row, rows of a batch
Check = Callable[[neo4j.ManagedTransaction], None]


@dataclass
class Report:
    """What an ingest read and did."""

    shop: str
    fingerprint: str
    rejects: Path | None  # CSV of the bad rows; None when nothing was read
    counts: dict[str, TableCount]  # what was read, by table
    changes: dict[str, Change]  # what was written, by table
    staging_seconds: float = 0.0
    step_seconds: dict[str, float] = field(default_factory=dict)  # of loading, by table
    already_loaded: bool = False  # the same data was loaded last: nothing was done
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        tables = {name: asdict(count) for name, count in self.counts.items()}
        for name, change in self.changes.items():
            seconds = round(self.step_seconds[name], 3)
            tables[name] = tables.get(name, {}) | change._asdict() | {"seconds": seconds}
        return {
            "shop": self.shop, "fingerprint": self.fingerprint, "rejects": self.rejects, "tables": tables,
            "staging_seconds": round(self.staging_seconds, 3),
            "loading_seconds": round(sum(self.step_seconds.values()), 3),
            "already_loaded": self.already_loaded, "dry_run": self.dry_run,
        }  # fmt: skip


def check_only(
    folder: Path,
    home: Path,
    manifest: Path | None = None,
    max_rejects: float = 0.05,
    rejects: Path | None = None,
) -> Report:
    """Read and check a folder without a database. Items that only the graph knows count as unknown."""
    staged = stage(folder, _manifest(folder, manifest), home)
    _keep_rejects(staged, rejects)
    staged.check_rejects(max_rejects)
    report = _report(staged, rejects)
    report.dry_run = True
    return report


def ingest(
    graph: Graph,
    folder: Path,
    home: Path,
    manifest: Path | None = None,
    max_rejects: float = 0.05,
    rejects: Path | None = None,
    force: bool = False,
) -> Report:
    """Load the data in `folder`. The same data twice changes nothing; `force` looks at every row again.

    Raises:
        ManifestError: the manifest is wrong or does not fit the files.
        IngestError: a file is damaged, or too many rows are bad; then nothing was written.
    """
    path = _manifest(folder, manifest)
    shop = read_manifest(path, folder)
    last = next(iter(graph.read(load("ingest").last_run, source=shop.name)), None)
    if last and last["ended"] and not force and last["fingerprint"] == fingerprint_of(folder, shop):
        return Report(shop.name, last["fingerprint"], None, {}, {}, already_loaded=True)
    staged = stage(folder, path, home, lambda: item_ids(graph))
    _keep_rejects(staged, rejects)
    staged.check_rejects(max_rejects)
    note_folder(staged, folder)
    prepare(graph, staged.language)
    report = _report(staged, rejects)
    load_staged(graph, staged, last if not force else None, report)
    if not any(row["name"] == staged.name for row in graph.read(load("refresh").sources)):
        remove_others(staged)  # a refresh needs them, to know what the source once had
    return report


def prepare(graph: Graph, language: str) -> None:
    """Make the keys and indexes; the full-text index again when the language has another analyzer."""
    make_keys(graph)
    queries = load("ingest")
    analyzer = ANALYZERS.get(language.lower().split("-")[0], OTHER_ANALYZER)
    found = [row["analyzer"] for row in graph.read(queries.item_text_analyzer)]
    if found and found != [analyzer]:
        graph.write(queries.drop_item_text_index)
    graph.write(queries.item_text_index, options={"indexConfig": {"fulltext.analyzer": analyzer}})
    graph.write(queries.await_indexes)


def note_folder(staged: Staged, folder: Path) -> None:
    """Say beside a staging that is about to be loaded which folder it is of."""
    (staged.folder / _FOLDER).write_text(str(folder.resolve()), encoding="utf-8")


def noted_folder(staged: Staged) -> str | None:
    """The folder that a staging was loaded from; None where it was only checked or trained on."""
    path = staged.folder / _FOLDER
    return path.read_text(encoding="utf-8") if path.is_file() else None


def is_loaded(staged: Staged) -> bool:
    """Whether this very staging was loaded, and not an earlier one of the same files.

    Other rows of them are good once the graph has items that they name.
    """
    return not staged.needs_graph or (staged.folder / _LOADED).is_file()


def _manifest(folder: Path, manifest: Path | None) -> Path:
    path = find_manifest(folder, manifest)
    if manifest is None and path.parent != folder:
        say(f"{folder} has no shop.toml; using the project's example {path}.")
    return path


def item_ids(graph: Graph) -> Iterator[str]:
    """Of all items in the graph."""
    return (row["itemId"] for row in graph.stream(load("ingest").item_ids))


def _keep_rejects(staged: Staged, path: Path | None) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(staged.rejects.read_bytes())


def _report(staged: Staged, rejects: Path | None) -> Report:
    where = rejects or staged.rejects
    return Report(staged.name, staged.fingerprint, where, staged.counts, {}, staged.seconds)


def load_staged(
    graph: Graph,
    staged: Staged,
    last: dict[str, Any] | None,
    report: Report,
    *,
    base: str = "",
    rows: Rows | None = None,
    check: Check | None = None,
) -> None:
    """Write all steps and report them, going on where an unfinished run of the same rows stopped.

    Args:
        last: the newest ingest run of the shop; None to begin anew.
        base: fingerprint of the data that `rows` is told apart from; "" where they are all of the staging.
        rows: the rows of a table from one on, so many at a time; by default those of the staging.
        check: called in each transaction; what it raises undoes that one.
    """
    queries = load("ingest")
    mark: dict[str, Any] = {}
    if last and not last["ended"] and last["fingerprint"] == staged.fingerprint and not staged.needs_graph:
        mark = json.loads(last["watermark"])
    if last and mark and mark.get("base", "") == base:
        run_id = last["runId"]
        say(f"going on with run {run_id}, which stopped at {mark}.")
    else:
        mark = {"base": base} if base else {}
        run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-ingest-{token_hex(2)}"
        graph.write(
            queries.start_run, runId=run_id, source=staged.name, fingerprint=staged.fingerprint,
            language=staged.language, watermark=json.dumps(mark),
        )  # fmt: skip
    for step in steps(staged.splits):
        started = time.monotonic()
        report.changes[step.name] = _load_step(
            graph, step, run_id, mark, rows or partial(_staged_rows, staged), check
        )
        report.step_seconds[step.name] = time.monotonic() - started
    attach_all(graph)
    counts = json.dumps({name: change._asdict() for name, change in report.changes.items()})
    graph.write(load("build").end_run, runId=run_id, counts=counts)
    (staged.folder / _LOADED).touch()


def _staged_rows(staged: Staged, table: str, start: int, rows: int) -> Iterator[pa.RecordBatch]:
    return staged.batches(f"SELECT * FROM {table} WHERE rowid >= {start}", rows)


def _load_step(
    graph: Graph, step: Step, run_id: str, done: dict[str, Any], rows: Rows, check: Check | None
) -> Change:
    queries = load("ingest")
    total = Change()
    with progress(f"loading {step.name}", None) as advance:
        for batch in rows(step.table, done.get(step.table, 0), step.rows):
            mark = {**done, step.table: done.get(step.table, 0) + len(batch)}

            def work(tx: neo4j.ManagedTransaction, batch: Any = batch, mark: Any = mark) -> Change:
                if check is not None:
                    check(tx)
                tx.run(queries.take_turn.text, {"runId": run_id}).consume()
                change = step.load(tx, batch)
                tx.run(queries.mark_run.text, {"runId": run_id, "watermark": json.dumps(mark)}).consume()
                return change

            total = total.plus(graph.transact(f"ingest of {step.name}", work))
            done.update(mark)
            advance(len(batch))
    return total
