"""One refresh from its first stage to its last, or on from where an earlier one was stopped."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

from kg.console import say
from kg.driver import Graph
from kg.errors import GraphError, RefreshError, StoppedError
from kg.queries import load
from kg.refresh.job import Done, Job, Options
from kg.refresh.lease import Lease
from kg.refresh.source import fingerprint, remember, remembered
from kg.refresh.stages import STAGES, Stage
from kg.refresh.stopping import Stop
from kg.schema import make_keys
from kg.settings import Settings

_Q = load("refresh")
# What a run that is taken up looks at again: the API and streams go on writing, and what is settled is soon
# found to be.
_LIVE = ("encode", "count", "mine")


class Outcome(NamedTuple):
    """What a refresh did."""

    run_id: str
    resumed: bool
    changed: bool
    seconds: float
    stages: dict[str, dict[str, Any]]  # name -> seconds, counts; those of this process


def refresh(
    graph: Graph,
    settings: Settings,
    options: Options,
    folders: Sequence[Path] = (),
    manifest: Path | None = None,
    stop: Stop | None = None,
) -> Outcome:
    """Run the stages; a run that was stopped is taken up at its stage, unless its sources have changed.

    Args:
        folders: to refresh from, from now on.
        manifest: of all of these; by default that of each.
        stop: what may tell it to stop.

    Raises:
        BusyError: another refresh is running; nothing was done.
        ShrinkError: a source lost too much.
        StoppedError: a signal came; the next refresh goes on with it.
        ShopgraphError: a stage failed; the next refresh goes on with it.
    """
    make_keys(graph)
    began = time.monotonic()
    new_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-refresh-{token_hex(2)}"
    with Lease(graph, new_id, options.lease_seconds, stop) as lease:
        for folder in folders:
            remember(graph, folder, manifest)
        sources = remembered(graph)
        if not sources and not graph.read(_Q.any_item)[0]["there"]:
            raise RefreshError(
                "No source is known, and the graph holds no items that came by the API or streams. Name a "
                "shop's folder once: shopgraph refresh --source FOLDER"
            )
        mark = " ".join(fingerprint(source) for source in sources)
        run_id, resumed, full = _taken_up(graph, new_id, mark, full=options.full)
        options = options.model_copy(update={"full": full})
        mode = "full" if full else "incremental"
        pending = bool(graph.read(_Q.pending)[0]["pending"])
        job = Job(graph, settings, options, run_id, lease, sources, resumed, pending)
        if resumed:
            done = _done(graph, run_id)
            job.done = {name: of for name, of in done.items() if name not in _LIVE}
        graph.write(
            _Q.start_job, runId=run_id, mode=mode, until=options.until, fingerprint=mark, holder=lease.holder
        )
        try:
            report = _run(job)
        except BaseException as error:
            if not lease.lost:
                _note(graph, run_id, error)
            raise
        graph.write(_Q.end_job, runId=run_id, status="done", error=None)
    return Outcome(run_id, resumed, job.changed, round(time.monotonic() - began, 3), report)


def _run(job: Job) -> dict[str, dict[str, Any]]:
    report: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        if stage.name in job.done:
            say(f"{stage.name}: done before")
        else:
            seconds = _one(job, stage)
            report[stage.name] = {"seconds": seconds, **job.done[stage.name].counts}
        if stage.name == job.options.until:
            break
    return report


def _one(job: Job, stage: Stage) -> float:
    job.lease.check()
    job.graph.write(_Q.start_stage, job=job.run_id, stage=stage.name)
    began = time.monotonic()
    done = stage.work(job)
    seconds = round(time.monotonic() - began, 3)
    counts = json.dumps(done.counts | {"changed": done.changed}, default=str)

    def end(tx: Any) -> None:
        job.lease.check(tx)
        params = {"job": job.run_id, "stage": stage.name, "watermark": done.watermark}
        tx.run(_Q.end_stage.text, {**params, "counts": counts, "seconds": seconds}).consume()

    job.graph.transact(f"end of {stage.name}", end)
    job.done[stage.name] = done
    say(f"{stage.name}: {seconds:.1f} s {json.dumps(done.counts, default=str)}")
    return seconds


def _taken_up(graph: Graph, new_id: str, mark: str, *, full: bool) -> tuple[str, bool, bool]:
    """The run to go on with, whether it is an earlier one, and whether it is full: what was begun so is
    finished so, also where the files are others by now."""
    for row in graph.read(_Q.unfinished):
        begun = row["mode"] == "full"
        if row["fingerprint"] == mark and begun >= full:
            say(f"going on with {row['runId']}, which was stopped{' (--full)' if begun else ''}")
            return row["runId"], True, begun
        if begun and not full:
            say(f"{row['runId']} was stopped and its files have changed: all is looked at anew (--full)")
        graph.write(_Q.end_job, runId=row["runId"], status="superseded", error=None)
        full = full or begun
    return new_id, False, full


def _done(graph: Graph, run_id: str) -> dict[str, Done]:
    """What the stages did that an earlier process finished."""
    found = {}
    for row in graph.read(_Q.stages_of, job=run_id):
        if row["finished_at"] is not None:
            counts = json.loads(row["counts"])
            found[row["stage"]] = Done(counts, row["watermark"], bool(counts.pop("changed")))
    return found


def _note(graph: Graph, run_id: str, error: BaseException) -> None:
    """Say in the graph why a run stopped, where the graph still answers."""
    told = isinstance(error, StoppedError | KeyboardInterrupt)
    why = "told to stop" if told else str(error) or type(error).__name__
    try:
        graph.write(_Q.end_job, runId=run_id, status="stopped", error=why)
    except GraphError as other:  # what stopped the run is what is to be told
        say(f"the reason could not be noted in the graph: {other}")
