"""`gnn train`: choose the epochs, judge beside the rivals, train again on everything, save."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from gnn.checkpoint import Checkpoint
from gnn.config import TrainConfig
from gnn.distributed import from_first
from gnn.evaluation.baselines import EASE_ITEMS, QUICK
from gnn.evaluation.evaluate import Table, evaluate
from gnn.evaluation.judgements import pairs, test_judgement, valid_judgement
from gnn.split import SINCE, Split, split
from gnn.store import About, SavedModel, load, run_folder, save, serving
from gnn.train import Fitted, fit
from gnn.train import refit as fit_again
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError
from kg.tuning.adoption import TUNED

# EASE inverts a matrix of n_items², which beyond this takes longer than the training.
_EASE_ITEMS = 20_000


def train_and_save(
    data: ShopData,
    home: Path,
    config: TrainConfig,
    split_name: str | None = None,
    *,
    refit: bool = True,
    force: bool = False,
    ks: Sequence[int] = (10, 20),
    start: SavedModel | None = None,
) -> About:
    """The whole of `gnn train`; a run with the same data and options is taken up where it stopped.

    With `start` training begins with that model's parameters, and is judged on what came after all that it
    was trained on; where nobody could judge by that, training begins anew. A finished run is not repeated,
    unless `force`. Of several processes (gnn.distributed) the first one judges and writes; all of them must
    see its files.

    Raises:
        ModelError: the split does not exist or leaves nothing to learn from.
    """
    if start is not None and not start.about.reads(data.encoder):
        raise ModelError(
            f"Model {start.about.version} knows texts of the encoder {start.about.encoder}, the items have "
            f"those of {data.encoder}: train without --from."
        )
    if data.encoder and data.encoder.startswith(TUNED):
        say(f"{data.encoder} was fine-tuned on what is held out here too, so the figures are flattered")
    parts, start = _parts(data, split_name, start)
    valid_judgement(data, parts), test_judgement(data, parts)  # before hours of training, not after
    plan = {"config": config.model_dump(), "split": parts.name, "refit": refit}
    if start is not None:
        plan["from"] = start.about.version
    run = from_first(lambda: run_folder(home, data, plan, force=force))
    if run.finished:
        say(f"model {run.path.name} was trained on this very data; --force trains again")
        return load(home, run.path.name).about
    say(f"{'going on with' if run.resumed else 'model'} {run.path.name}: split {parts.name}, {_sizes(parts)}")
    _, judged = fit_twice(data, parts, config, run.path, start)
    metrics = from_first(lambda: _metrics(data, parts, judged, ks))
    served = judged
    if refit:
        say(f"serving: again on all {len(data.interactions):,} interactions for {judged.epochs} epochs")
        checkpoint = Checkpoint(run.path, "serving")
        served = fit_again(
            data,
            data.interactions,
            config,
            judged,
            order=parts.order,
            checkpoint=checkpoint,
            start=start,
        )

    def finish() -> About:
        about = _about(run.path.name, data, parts, config, served, metrics, refit)
        twin = SavedModel(about, judged.tensors, judged.linear) if refit else None
        save(run.path, SavedModel(about, served.tensors, served.linear), twin)
        for stage in ("choosing", "judged", "serving"):
            Checkpoint(run.path, stage).remove()
        return about

    return from_first(finish)


def fit_twice(
    data: ShopData,
    parts: Split,
    config: TrainConfig,
    folder: Path | None = None,
    start: SavedModel | None = None,
) -> tuple[Fitted, Fitted]:
    """A model on train, which chooses the epochs on valid, and one on both for as many, which meets the test.

    Args:
        folder: keeps checkpoints.
        start: the model whose parameters are the first ones.
    """
    choosing, judged = (Checkpoint(folder, name) if folder else None for name in ("choosing", "judged"))
    valid, order = valid_judgement(data, parts).some_users(config.valid_users), parts.order
    chosen = fit(data, parts.train, config, judged=valid, order=order, checkpoint=choosing, start=start)
    if not config.fit_valid:
        return chosen, chosen
    say(f"best epoch {chosen.epochs}, {chosen.blend}; again on train and validation together")
    again = fit_again(data, parts.fitting, config, chosen, order=order, checkpoint=judged, start=start)
    return chosen, again


def _metrics(data: ShopData, parts: Split, judged: Fitted, ks: Sequence[int]) -> dict[str, Table]:
    """The model's and its rivals' on the test part."""
    tables = {"gnn": evaluate(judged.scorer, test_judgement(data, parts), ks)}
    for name in QUICK:
        if name == "ease" and len(data.items) > _EASE_ITEMS:
            say(f"EASE is left out: {len(data.items):,} items; `gnn benchmark` runs it up to {EASE_ITEMS:,}")
            continue
        say(f"rival {name}")
        tables[name] = evaluate(QUICK[name](pairs(data, parts.fitting)), test_judgement(data, parts), ks)
    return tables


def _about(
    version: str,
    data: ShopData,
    parts: Split,
    config: TrainConfig,
    served: Fitted,
    metrics: dict[str, Table],
    refit: bool,
) -> About:
    return About(
        version=version,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        split=parts.name,
        epochs=served.epochs,
        refitted=refit,
        config=config.model_dump(),
        metrics=metrics,
        curve=[[*line[:3], list(line.blend), line.seconds] for line in served.curve],
        relation_weights={name: list(pair) for name, pair in served.relation_weights.items()},
        serving=serving(config, served.blend),
        item_ids=[str(item_id) for item_id in data.items["item_id"]],
        until=_newest(data, data.interactions if refit else parts.fitting),
        judged_until=_newest(data, parts.fitting),
        interactions=len(data.interactions),
        encoder=data.encoder,
    )


def _parts(
    data: ShopData, split_name: str | None, start: SavedModel | None
) -> tuple[Split, SavedModel | None]:
    """The parts, and the model to start from: none where nobody could judge what was trained on from it."""
    if split_name or start is None:
        return split(data, split_name, with_test=True), start
    if start.about.until is None:
        raise ModelError(
            f"Model {start.about.version} does not say what it was trained on, so nothing is known "
            "that it has not seen: train without --from."
        )
    try:
        parts = split(data, f"{SINCE}{start.about.until}", with_test=True)
        valid_judgement(data, parts), test_judgement(data, parts)
    except ModelError as error:
        say(f"{error} So training begins anew, without the parameters of {start.about.version}.")
        return split(data, with_test=True), None
    return parts, start


def _newest(data: ShopData, rows: pd.DataFrame) -> int | None:
    """The time of the newest row, or now where one is dated ahead: what comes from now on is later, whatever
    a clock that was wrong has told."""
    return min(int(rows["order"].max()), int(time.time())) if data.has_time else None


def _sizes(parts: Split) -> str:
    if parts.test is None:
        raise ModelError(f"Split {parts.name!r} was made without its test part.")
    return f"{len(parts.train):,} train, {len(parts.valid):,} validation, {len(parts.test):,} test"
