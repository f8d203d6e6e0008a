"""`shopgraph graph fine-tune`: train the encoder on the shop's pairs, and adopt it only if it is better."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from kg.console import progress, say
from kg.driver import Graph
from kg.encoder import Encoder
from kg.errors import EncoderError
from kg.settings import Settings
from kg.significance import holm
from kg.tuning.adoption import JUDGED, TUNED, adopt, encoders, judged
from kg.tuning.config import TuneConfig
from kg.tuning.judge import Compared, Found, K, Task, compare, measure, task_of, texts_of
from kg.tuning.pairs import Kind, Pair, read_kinds
from kg.tuning.split import Parts, split

LEAST_TRAIN, LEAST_JUDGED = 100, 20  # pairs and anchors; a kind that has fewer takes no part
ABOUT = "fine-tune.json"
_ALPHA = 0.05
Pairs = Mapping[str, Sequence[Pair]]  # by kind
_DRAFT = ".draft-"
_DAY = 86_400  # seconds; no run takes as long


class Tuned(NamedTuple):
    """What a fine-tuning did; it is kept as fine-tune.json beside the weights that were adopted."""

    adopted: bool
    reason: str
    encoder: str  # what serves from now on: a folder, or a name
    compared_with: str  # what served before
    started_from: str
    pairs: dict[str, dict[str, int]]  # by kind: train, stop, judge
    left_out: list[str]  # kinds with too few pairs
    found: dict[str, Compared]  # by kind, and "mean": before and after
    training: dict[str, Any]  # see Trained
    served: dict[str, Any] | None  # the same of the training on all pairs, whose weights serve
    config: dict[str, Any]
    at: str  # ISO 8601, UTC
    seconds: float


class _Plan(NamedTuple):
    """What to train on and to judge by."""

    parts: dict[str, Parts]  # by kind
    everything: Pairs  # all of each kind
    tasks: dict[str, Task]
    left_out: list[str]  # kinds with too few pairs, with their counts


def fine_tune(graph: Graph, settings: Settings, config: TuneConfig, base: str | None = None) -> Tuned:
    """Train, compare with what serves now, and adopt what is better; else nothing changes.

    What is adopted is trained once more on all pairs, those that judged too, for as many epochs; the weights
    that were judged stay beside it, for the next training to be compared with and to start from.

    Args:
        base: encoder to start from; None: the one that serves.

    Raises:
        EncoderError: too few pairs, a missing package, or an encoder that cannot be loaded.
    """
    _check_packages()
    began = time.monotonic()
    plan = _plan(read_kinds(graph), config)
    serving = Encoder(settings.encoder)
    before = _measured("validate the encoder that serves", Encoder(judged(settings.encoder)), plan.tasks)
    start = settings.encoder if base is None else base
    home = encoders(settings.home)
    _tidy(home)
    with TemporaryDirectory(dir=home, prefix=_DRAFT) as draft:
        folder, twin = Path(draft) / "encoder", Path(draft) / JUDGED
        known = {kind: of.train for kind, of in plan.parts.items() if of.train}
        stop = {kind: of.stop for kind, of in plan.parts.items() if of.stop}
        training = _trained(judged(start), known, stop, config, twin)
        after = _measured("validate the fine-tuned encoder", Encoder(str(twin)), plan.tasks)
        found = compare(before, after, plan.tasks)
        better, reason = verdict(found)
        served = None
        if better:
            say("better: again on all pairs")
            everything = {kind: plan.everything[kind] for kind in known}
            served = _trained(start, everything, {}, config, folder, training["epochs"])
        name = f"{TUNED}{datetime.now(UTC):%Y%m%d-%H%M%S}"
        told = Tuned(
            adopted=better,
            reason=reason,
            encoder=str((home / name).resolve()) if better else settings.encoder,
            compared_with=serving.name,
            started_from=start,
            pairs={kind: _counts(parts) for kind, parts in plan.parts.items()},
            left_out=plan.left_out,
            found=found,
            training=training,
            served=served,
            config=config.model_dump(),
            at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            seconds=round(time.monotonic() - began, 1),
        )
        if better:
            (folder / ABOUT).write_text(json.dumps(as_json(told), indent=1, ensure_ascii=False), "utf-8")
            twin.rename(folder / JUDGED)
            folder.rename(home / name)
            adopt(settings.home, name)
    return told


def verdict(found: dict[str, Compared]) -> tuple[bool, str]:
    """Whether to adopt, and why: it finds more in the mean over kinds, and in none is clearly worse.

    What an encoder finds is ranked by much else, so the recall of the mean decides; in each kind the order
    may not be clearly worse either.
    """
    mean = found["mean"]
    figures = f"mean Recall@{K} {mean.recall.before:.4f} before, {mean.recall.after:.4f} after"
    if mean.recall.low <= 0:
        gain, low, high = mean.recall.after - mean.recall.before, mean.recall.low, mean.recall.high
        return False, f"not clearly better: {figures}, gain {gain:+.4f} ({low:+.4f} to {high:+.4f})"
    figures_of = {
        f"{kind}: {metric}@{K}": change
        for kind, of in found.items()
        for metric, change in (("NDCG", of.ndcg), ("Recall", of.recall))
        if kind != "mean"
    }
    if worse := holm({name: change.p_worse for name, change in figures_of.items()}, _ALPHA):
        change = figures_of[worse[0]]
        return False, f"clearly worse in {worse[0]} {change.before:.4f} before, {change.after:.4f} after"
    return True, f"better: {figures}, clearly worse in no kind"


def as_json(told: Tuned) -> dict[str, Any]:
    """For fine-tune.json and --json."""
    found = {
        name: kind._asdict()
        | {
            metric: {k: round(v, 5) for k, v in change._asdict().items()}
            for metric, change in (("ndcg", kind.ndcg), ("recall", kind.recall))
        }
        for name, kind in told.found.items()
    }
    return {**told._asdict(), "found": found}


def _plan(kinds: Sequence[Kind], config: TuneConfig) -> _Plan:
    parts = split(kinds)
    usable = [kind for kind in kinds if _enough(kind, parts[kind.name])]
    if all(kind.only_judges for kind in usable):
        raise EncoderError(_too_few(kinds, parts, "to learn from"))
    if not any(kind.of_shoppers for kind in usable):
        raise EncoderError(_too_few(kinds, parts, "to judge by (descriptions say nothing of shoppers)"))
    return _Plan(
        {kind.name: parts[kind.name] for kind in usable},
        {kind.name: kind.pairs for kind in usable},
        {
            kind.name: task_of(kind, parts[kind.name].judge, config.most_candidates, config.seed)
            for kind in usable
        },
        [_counted(kind, parts[kind.name]) for kind in kinds if kind not in usable],
    )


def _trained(
    start: str, pairs: Pairs, stop: Pairs, config: TuneConfig, folder: Path, epochs: float | None = None
) -> dict[str, Any]:
    """Train from `start` and leave the weights in `folder`."""
    from kg.tuning.train import train

    model = Encoder(start).model
    training = train(model, pairs, stop, config, folder.parent, epochs)
    model.save(str(folder), create_model_card=False)
    return training._asdict()


def _tidy(home: Path) -> None:
    """Remove what killed runs left."""
    home.mkdir(parents=True, exist_ok=True)
    for draft in home.glob(f"{_DRAFT}*"):
        if time.time() - draft.stat().st_mtime > _DAY:
            shutil.rmtree(draft, ignore_errors=True)


def _measured(label: str, encoder: Encoder, tasks: dict[str, Task]) -> dict[str, Found]:
    texts = {text for task in tasks.values() for text in texts_of(task)}
    with progress(label, len(texts)) as advance:
        return measure(lambda some: encoder.encode(some, advance), tasks)


def _enough(kind: Kind, parts: Parts) -> bool:
    judged = len({pair.anchor for pair in parts.judge})
    trains = kind.only_judges or (len(parts.train) >= LEAST_TRAIN and bool(parts.stop))
    return trains and judged >= LEAST_JUDGED


def _counts(parts: Parts) -> dict[str, int]:
    return {name: len(some) for name, some in parts._asdict().items()}


def _counted(kind: Kind, parts: Parts) -> str:
    judged = len({pair.anchor for pair in parts.judge})
    return (
        f"{kind.name}: {len(kind.pairs):,} pairs, {len(parts.train):,} to train, {judged:,} anchors to judge"
    )


def _too_few(kinds: Sequence[Kind], parts: dict[str, Parts], what: str) -> str:
    counted = "; ".join(_counted(kind, parts[kind.name]) for kind in kinds)
    return (
        f"the graph has too few pairs {what}: {counted}. "
        f"A kind needs {LEAST_TRAIN} pairs to train and {LEAST_JUDGED} anchors to judge. "
        "Needs and searches come from POST /v1/events with a query, pairs bought together from "
        "shopgraph graph build, descriptions from [items] and judged queries from [[queries]] in shop.toml."
    )


def _check_packages() -> None:
    for name in ("accelerate", "datasets", "peft"):
        try:
            import_module(name)
        except ImportError as error:
            raise EncoderError(f"{error}. Fine-tuning needs: pip install 'shopgraph[fine-tune]'") from error
