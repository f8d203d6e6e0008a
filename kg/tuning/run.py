"""`shopgraph graph fine-tune`: train the encoder on the shop's pairs, and adopt it only if it is better."""

import json
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
from kg.tuning.adoption import adopt, encoders
from kg.tuning.config import TuneConfig
from kg.tuning.judge import Compared, Found, Task, compare, measure, task_of
from kg.tuning.pairs import Kind, Pair, read_kinds
from kg.tuning.split import Parts, split

LEAST_TRAIN, LEAST_JUDGED = 100, 20  # pairs and anchors; a kind that has fewer takes no part
ABOUT = "fine-tune.json"
Pairs = Mapping[str, Sequence[Pair]]  # by kind


class Tuned(NamedTuple):
    """What a fine-tuning did; it is kept as fine-tune.json beside the weights that were adopted."""

    adopted: bool
    reason: str
    encoder: str  # what serves from now on: a folder, or a name
    compared_with: str  # what served before
    started_from: str
    pairs: dict[str, dict[str, int]]  # by kind: there, train, stop, judge
    left_out: list[str]  # kinds with too few pairs
    found: dict[str, Compared]  # by kind, and "mean": before and after
    training: dict[str, Any]  # see Trained
    served: dict[str, Any] | None  # the same of the training on all pairs, whose weights serve
    config: dict[str, Any]
    at: str  # ISO 8601, UTC
    seconds: float


def fine_tune(graph: Graph, settings: Settings, config: TuneConfig, base: str | None = None) -> Tuned:
    """Train, compare with what serves now, and adopt what is better; else nothing changes.

    What is adopted is trained afresh on all pairs, those that judged too, for as many epochs.

    Args:
        base: encoder to start from; None: the one that serves.

    Raises:
        EncoderError: too few pairs, a missing package, or an encoder that cannot be loaded.
    """
    _check_packages()
    began = time.monotonic()
    kinds = read_kinds(graph)
    parts = split(kinds)
    usable = [kind for kind in kinds if _enough(parts[kind.name])]
    if not usable:
        raise EncoderError(_too_few(kinds, parts))
    tasks = {k.name: task_of(k, parts[k.name].judge, config.most_candidates, config.seed) for k in usable}
    serving = Encoder(settings.encoder)
    before = _measured("validate the encoder that serves", serving, tasks)
    start = settings.encoder if base is None else base
    home = encoders(settings.home)
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home, prefix=".draft-") as draft:
        folder = Path(draft) / "encoder"
        known = {kind.name: parts[kind.name].train for kind in usable}
        stop = {kind.name: parts[kind.name].stop for kind in usable}
        training = _trained(start, known, stop, config, folder)
        after = _measured("validate the fine-tuned encoder", Encoder(str(folder)), tasks)
        found = compare(before, after, tasks)
        better, reason = verdict(found)
        served = None
        if better:
            say("better: again on all pairs")
            everything = {kind.name: kind.pairs for kind in usable}
            served = _trained(start, everything, {}, config, folder, training["epochs"])
        name = f"tuned-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        told = Tuned(
            better,
            reason,
            str((home / name).resolve()) if better else settings.encoder,
            serving.name,
            start,
            {kind.name: _counts(kind, parts[kind.name]) for kind in usable},
            [_counted(kind, parts[kind.name]) for kind in kinds if kind not in usable],
            found,
            training,
            served,
            config.model_dump(),
            f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            round(time.monotonic() - began, 1),
        )
        if better:
            (folder / ABOUT).write_text(json.dumps(as_json(told), indent=1, ensure_ascii=False), "utf-8")
            folder.rename(home / name)
            adopt(settings.home, name)
    return told


def verdict(found: dict[str, Compared]) -> tuple[bool, str]:
    """Whether to adopt, and why: better in the mean over kinds, and clearly worse in none."""
    mean = found["mean"]
    figures = f"mean NDCG@10 {mean.ndcg_before:.4f} before, {mean.ndcg_after:.4f} after"
    if mean.low <= 0:
        gain = mean.ndcg_after - mean.ndcg_before
        return False, f"not clearly better: {figures}, gain {gain:+.4f} ({mean.low:+.4f} to {mean.high:+.4f})"
    worse = [name for name, kind in found.items() if kind.high < 0]
    if worse:
        kind = found[worse[0]]
        return False, (
            f"clearly worse in {worse[0]}: NDCG@10 {kind.ndcg_before:.4f} before, {kind.ndcg_after:.4f} after"
        )
    return True, f"better: {figures}, clearly worse in no kind"


def as_json(told: Tuned) -> dict[str, Any]:
    """For fine-tune.json and --json."""
    found = {name: {k: round(v, 5) for k, v in kind._asdict().items()} for name, kind in told.found.items()}
    return {**told._asdict(), "found": found}


def _trained(
    start: str, pairs: Pairs, stop: Pairs, config: TuneConfig, folder: Path, epochs: float | None = None
) -> dict[str, Any]:
    """Train from `start` and leave the weights in `folder`."""
    from kg.tuning.train import train

    model = Encoder(start).model
    training = train(model, pairs, stop, config, folder.parent, epochs)
    model.save(str(folder), create_model_card=False)
    return training._asdict()


def _measured(label: str, encoder: Encoder, tasks: dict[str, Task]) -> dict[str, Found]:
    texts = {text for task in tasks.values() for text in (*task.anchors, *task.candidates)}
    with progress(label, len(texts)) as advance:
        return measure(lambda some: encoder.encode(some, advance), tasks)


def _enough(parts: Parts) -> bool:
    judged = len({pair.anchor for pair in parts.judge})
    return len(parts.train) >= LEAST_TRAIN and judged >= LEAST_JUDGED and bool(parts.stop)


def _counts(kind: Kind, parts: Parts) -> dict[str, int]:
    there = {"there": len(kind.pairs)}
    return there | {name: len(some) for name, some in parts._asdict().items()}


def _counted(kind: Kind, parts: Parts) -> str:
    judged = len({pair.anchor for pair in parts.judge})
    return (
        f"{kind.name}: {len(kind.pairs):,} pairs, {len(parts.train):,} to train, {judged:,} anchors to judge"
    )


def _too_few(kinds: Sequence[Kind], parts: dict[str, Parts]) -> str:
    counted = "; ".join(_counted(kind, parts[kind.name]) for kind in kinds)
    return (
        f"the graph has too few pairs to learn from: {counted}. "
        f"A kind needs {LEAST_TRAIN} pairs to train and {LEAST_JUDGED} anchors to judge. "
        "Searches come from POST /v1/events with a query, pairs bought together from shopgraph graph build, "
        "descriptions from [items] description in shop.toml."
    )


def _check_packages() -> None:
    for name in ("accelerate", "datasets", "peft"):
        try:
            import_module(name)
        except ImportError as error:
            raise EncoderError(f"{error}. Fine-tuning needs: pip install 'shopgraph[fine-tune]'") from error
