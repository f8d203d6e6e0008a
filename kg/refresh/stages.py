"""The stages of a refresh, in their order. Each can be done again: what is done already changes nothing.

Pruning comes before counting, so that what is gone is not counted. There is no stage for trends: the API
computes them from the times of the events, of which each counts less the older it is (docs/refresh.md).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from kg import counts as counted
from kg.build import DEFAULTS
from kg.check import STALE
from kg.check import check as violations_of
from kg.console import say
from kg.encoder import short_name
from kg.errors import RefreshError
from kg.files.staging import Staged, remove_others
from kg.ingest import Report
from kg.models import live_version, promote
from kg.queries import load
from kg.refresh import drift, retrain
from kg.refresh.job import Done, Job
from kg.refresh.prune import prune as prune_source
from kg.refresh.source import earlier, guard, load_changes, loaded, staged_now
from kg.text import compose, text_hash
from kg.words import classify

_Q = load("refresh")
_NO_SOURCE: Final = {"skipped": "no source: what came by the API and streams is in the graph"}


class Stage(NamedTuple):
    """One step of a refresh."""

    name: str
    work: Callable[[Job], Done]


def ingest(job: Job) -> Done:
    """New and changed rows of the sources."""
    if not job.sources:
        return Done(_NO_SOURCE)
    counts: dict[str, Any] = {}
    fingerprints, changed = [], False
    for source in job.sources:
        staged = staged_now(job, source)
        staged.check_rejects(job.options.max_rejects)
        guard(source, staged, earlier(job, source, staged), allow=job.options.allow_shrink)
        report = load_changes(job, source, staged, full=job.options.full)
        changes = _changes(report)
        changed = changed or bool(changes)
        counts[source.name] = {"read": sum(c.read for c in staged.counts.values()), **changes}
        counts[source.name] |= _rejected(staged)
        fingerprints.append(staged.fingerprint)
    return Done(counts, " ".join(fingerprints), changed)


def prune(job: Job) -> Done:
    """What the sources once had and no longer have, as they were loaded; only after all of them were."""
    if not job.sources:
        return Done(_NO_SOURCE)
    counts: dict[str, Any] = {}
    mark = job.done["ingest"].watermark or ""
    now = [loaded(job, source, part) for source, part in zip(job.sources, mark.split(), strict=True)]
    for n, (source, staged) in enumerate(zip(job.sources, now, strict=True)):
        gone: Counter[str] = Counter()
        for old in earlier(job, source, staged):
            gone += prune_source(job.graph, staged, old, [*now[:n], *now[n + 1 :]], job.lease.check)
        job.lease.check()
        sizes = {kind: staged.counts[kind].kept for kind in ("items", "interactions")}
        job.graph.write(_Q.loaded, name=source.name, **sizes)
        remove_others(staged)
        counts[source.name] = dict(gone)
    return Done(counts, mark, any(counts.values()))


def encode(job: Job) -> Done:
    """Vectors of new and changed texts."""
    waiting = 0
    models = set()
    for row in job.graph.stream(load("encode").items):
        text = compose(row)
        models.add(row["textModel"])
        waiting += row["textHash"] != (text_hash(text) if text else None)
    mine = short_name(job.settings.encoder)
    other = any(m is not None and m.partition("@")[0] != mine for m in models)
    if not waiting and not other:
        return Done({"encoded": 0})
    done = job.command("graph", "encode")
    return Done({name: done[name] for name in ("encoded", "texts", "without_text")}, done["encoder"], True)


def count(job: Job) -> Done:
    """Edges that follow from texts and events, where those have changed."""
    if not job.options.full and counted.settled(job.graph, job.settings.home, DEFAULTS):
        return Done({})
    mode = "--all" if job.options.full else "--changed"
    done = job.command("graph", "build", mode)
    return Done(
        done, str(counted.now(job.graph).turns), any(c["written"] + c["deleted"] for c in done.values())
    )


def mine(job: Job) -> Done:
    """What words mean: needs, where some were mined before, and classifiers, where the shop has moved."""
    if not job.unsettled:
        return Done({})
    shown: dict[str, Any] = {}
    if job.graph.read(_Q.mined)[0]["needs"]:
        done = job.command("graph", "intents")
        shown = {name: done[name] for name in ("needs", "written", "deleted")}
    if job.options.full or classify.stale(job.graph):
        learned = job.command("graph", "classify")
        shown["classifiers"] = {kind: of["taken"] for kind, of in learned.items()}
    return Done(shown, changed=bool(shown.get("written", 0) + shown.get("deleted", 0)))


def train(job: Job) -> Done:
    """A new model, where the graph has moved enough since the live one was trained."""
    why = retrain.reason(job.graph, job.options)
    if why.skip:
        return Done({"trained": False, "reason": why.text, **why.figures})
    start = ("--from", why.live) if why.warm and why.live and _is_here(job, why.live) else ()
    about = job.command("gnn", "train", *start)
    return Done(
        {"trained": True, "reason": why.text, **why.figures, "version": about["version"]}, about["version"]
    )


def evaluate(job: Job) -> Done:
    """Candidate against live model, on what neither has seen: the models alone, then as both would answer."""
    version = job.done["train"].watermark
    if version is None or version == live_version(job.graph):
        return Done({"judged": False})
    if (live := live_version(job.graph)) and not _is_here(job, live):
        end = f"To let {version} answer unjudged: shopgraph gnn write-back {version}"
        return Done({"judged": False, "publish": False, "reason": f"{_elsewhere(job, live)}. {end}"})
    gate = job.command("gnn", "gate", version)
    shown = {name: gate[name] for name in ("publish", "reason", "live", "users", "overall")}
    if gate["publish"] and gate["live"] is not None:
        answers = job.command("api", "gate", version)
        shown["answers"] = {name: answers[name] for name in ("reason", "users", "ndcg", "p_value")}
        if not answers["publish"]:
            shown |= {"publish": False, "reason": answers["reason"]}
    return Done({"judged": True, **shown}, version if shown["publish"] else None)


def publish(job: Job) -> Done:
    """Vectors into the idle slot, then the alias: the transaction that moves it holds the lease."""
    version = job.done["evaluate"].watermark
    if version is None or version == live_version(job.graph):
        return Done({"published": None})
    if compared := job.graph.read(load("models").compared):  # it began after the training
        end = f"shopgraph experiment stop {compared[0]['name']} && shopgraph gnn write-back {version}"
        return Done({"published": None, "reason": f"two models are compared; afterwards: {end}"})
    written = job.command("gnn", "write-back", version, "--hold")
    promote(job.graph, version, check=job.lease.check)
    agreement = drift.measure(job.graph)
    shown = {"published": version, "slot": written["slot"], "replaced": written["replaced"]}
    return Done(shown | {"agreement": agreement and round(agreement.now, 4)}, version, True)


def embed(job: Job) -> Done:
    """Vectors of the live model for items that it has none of."""
    live = live_version(job.graph)
    if live is None or not retrain.strangers(job.graph):
        return Done({"items": 0})
    if not _is_here(job, live):
        return Done({"items": 0, "reason": _elsewhere(job, live)})
    done = job.command("gnn", "embed-new")
    return Done(
        {name: done[name] for name in ("items", "edges", "without")}, done["version"], bool(done["items"])
    )


def learn(job: Job) -> Done:
    """What the terms of the ranking count beside the live model, once for each model that has a twin here."""
    version = live_version(job.graph)
    if not job.options.retrain or version is None or version == retrain.ranked(job.graph):
        return Done({"learned": False})
    if compared := job.graph.read(load("models").compared):
        return Done({"learned": False, "reason": f"the experiment {compared[0]['name']} compares two models"})
    if not _is_here(job, version):
        return Done({"learned": False, "reason": _elsewhere(job, version)})
    try:
        done = job.command("api", "learn")
    except RefreshError as error:  # answers are ranked as before, and the next refresh tries again
        job.lease.check()
        return Done({"learned": False, "reason": str(error)})
    shown = {name: done[name] for name in ("adopted", "reason", "weights")}
    return Done({"learned": True, **shown}, version, bool(done["adopted"]))


def check(job: Job) -> Done:
    """The graph's invariants, where anything changed."""
    if not job.unsettled:
        return Done({"checked": False})
    broken = violations_of(job.graph)
    if any(v.invariant == STALE for v in broken):  # written since `encode`, by whoever cannot encode
        job.command("graph", "encode")
        broken = violations_of(job.graph)
    if broken:
        told = "; ".join(f"{v.invariant} ({v.total:,}, for example {v.examples[0]})" for v in broken)
        raise RefreshError(f"The graph is not sound: {told}. See: shopgraph graph check")
    return Done({"checked": True})


STAGES: Final = tuple(
    Stage(work.__name__, work)
    for work in (ingest, prune, encode, count, mine, train, evaluate, publish, embed, learn, check)
)


def _rejected(staged: Staged) -> dict[str, Any]:
    """What could not be loaded, and where each such row stands with its reason; said aloud, too."""
    told = staged.rejected()
    for kind, (rejected, reasons) in told.items():
        say(f"{staged.name}: {rejected:,} rows of {kind} were rejected: {reasons}")
    if not told:
        return {}
    say(f"all of them: {staged.rejects}")
    return {"rejected": {kind: rejected for kind, (rejected, _) in told.items()}, "rejects": staged.rejects}


def _changes(report: Report) -> dict[str, int]:
    return {
        f"{table} {what}": n
        for table, change in report.changes.items()
        for what, n in change._asdict().items()
        if n
    }


def _is_here(job: Job, version: str) -> bool:
    return (job.settings.home / "models" / version / "model.json").is_file()


def _elsewhere(job: Job, version: str) -> str:
    return f"model {version} was trained elsewhere: its files are not in {job.settings.home / 'models'}"
