"""Where a shop's files are, what was loaded from them before, and what they may not lose unasked."""

from collections.abc import Sequence
from pathlib import Path

from kg.driver import Graph
from kg.errors import RefreshError, ShrinkError
from kg.files.manifest import read_manifest
from kg.files.sources import find_manifest
from kg.files.staging import Staged, fingerprint_of, finished, stage
from kg.ingest import Report, is_loaded, item_ids, load_staged, note_folder, noted_folder, prepare
from kg.queries import load
from kg.refresh.delta import changed, rows_of
from kg.refresh.job import Job, Source

_Q = load("refresh")
_LEAST = 0.8  # part of what was there that must be there again


def remember(graph: Graph, folder: Path, manifest: Path | None) -> None:
    """Refresh from this folder from now on.

    Raises:
        ManifestError: there is no manifest for it.
    """
    path = find_manifest(folder.resolve(), manifest)
    name = read_manifest(path, folder).name
    graph.write(_Q.remember, name=name, folder=str(folder.resolve()), manifest=str(path.resolve()))


def remembered(graph: Graph) -> list[Source]:
    """The folders that are refreshed from.

    Raises:
        RefreshError: one is gone.
    """
    found = []
    for row in graph.read(_Q.sources):
        folder = Path(row.pop("folder"))
        manifest = Path(row.pop("manifest")) if row["manifest"] else None
        if not folder.is_dir():
            raise RefreshError(
                f"The folder {folder} of {row['name']} is gone; nothing was pruned. If it has moved: "
                "shopgraph refresh --source NEW_FOLDER"
            )
        found.append(Source(folder=folder, manifest=manifest, **row))
    return found


def fingerprint(source: Source) -> str:
    """Of all its files as they are now."""
    return fingerprint_of(source.folder, read_manifest(_manifest(source), source.folder))


def staged_now(job: Job, source: Source) -> Staged:
    """All rows of a source, checked; found on disk where these very files were checked before."""
    staged = stage(source.folder, _manifest(source), job.settings.home, lambda: item_ids(job.graph))
    note_folder(staged, source.folder)
    return staged


def earlier(job: Job, source: Source, new: Staged) -> list[Staged]:
    """The source's other stagings: all that it had since the last prune.

    What was loaded under the shop's name from another folder is none of it: it never was in the source.
    """
    return [
        staged
        for staged in finished(job.settings.home, new.name)
        if staged.fingerprint != new.fingerprint and noted_folder(staged) in source.folders
    ]


def loaded(job: Job, source: Source, fingerprint: str) -> Staged:
    """The staging that this run has loaded, though the files may be others by now.

    Args:
        fingerprint: its first characters, at least.

    Raises:
        RefreshError: it is not on disk.
    """
    for staged in finished(job.settings.home, source.name):
        if staged.fingerprint.startswith(fingerprint):
            return staged
    raise RefreshError(
        f"What was loaded of {source.name} is no longer under {job.settings.home / 'staging'}: nothing was "
        "pruned. Run the refresh again with --full."
    )


def guard(source: Source, new: Staged, before: Sequence[Staged], *, allow: bool) -> None:
    """Refuse a source that lost much of what it had, before anything is written.

    Args:
        before: its stagings since the last prune; where none was noted yet they tell what it had.

    Raises:
        ShrinkError: more than a fifth of the rows of a kind of table are gone.
    """
    had = {kind: max((old.counts[kind].kept for old in before), default=0) for kind in new.counts}
    noted = {"items": source.items, "interactions": source.interactions}
    had |= {kind: count for kind, count in noted.items() if count is not None}
    for kind, number in had.items():
        now = new.counts[kind].kept
        if number and now < _LEAST * number and not allow:
            raise ShrinkError(
                f"{source.name} has {now:,} {kind}, it had {number:,}: {1 - now / number:.0%} are gone. "
                f"Nothing of it was written or pruned. Is {source.folder} complete? If this is right: "
                "shopgraph refresh --allow-shrink"
            )


def load_changes(job: Job, source: Source, new: Staged, *, full: bool) -> Report:
    """Load the rows that the last whole load had not; all rows where that is not known, or with `full`."""
    graph = job.graph
    last = next(iter(graph.read(load("ingest").last_run, source=new.name)), None)
    report = Report(new.name, new.fingerprint, new.rejects, new.counts, {}, new.seconds)
    known = last and last["ended"] and last["fingerprint"] == new.fingerprint
    if known and is_loaded(new) and not full:
        report.already_loaded = True
        return report
    prepare(graph, new.language)
    base = None if full else _base(job, source, new)
    path = changed(new, base) if base else None
    if base is None or path is None:
        load_staged(graph, new, last, report, check=job.lease.check)
    else:
        load_staged(
            graph, new, last, report,
            base=base.fingerprint, rows=lambda *what: rows_of(path, *what), check=job.lease.check,
        )  # fmt: skip
    return report


def _base(job: Job, source: Source, new: Staged) -> Staged | None:
    """The staging that is in the graph as a whole, if it is on disk and no other came half-way since."""
    runs = job.graph.read(_Q.ingests, source=new.name)
    if runs and not runs[0]["ended"] and runs[0]["fingerprint"] == new.fingerprint:
        runs = [run for run in runs if run["fingerprint"] != new.fingerprint or run["ended"]]
    if not runs or not runs[0]["ended"]:
        return None
    before = (s for s in earlier(job, source, new) if s.fingerprint == runs[0]["fingerprint"])
    return next(filter(is_loaded, before), None)


def _manifest(source: Source) -> Path:
    return find_manifest(source.folder, source.manifest)
