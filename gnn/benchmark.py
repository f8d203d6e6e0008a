"""All models on one split of one shop, in one run: what a sceptic would ask for."""

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gnn.baselines import RIVALS
from gnn.checkpoint import Checkpoint
from gnn.config import TrainConfig
from gnn.evaluate import Judgement, Scorer, Table, evaluate, judgement
from gnn.graphs import history
from gnn.split import Split
from gnn.train import Fitted, fit
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

MODELS = ("gnn", *RIVALS)


class Run(NamedTuple):
    """One model with one seed."""

    metrics: Table
    fit_seconds: float
    peak_mb: float  # most memory the process had held by then


Result = dict[str, dict[str, dict[str, float] | float]]


def benchmark(
    data: ShopData, parts: Split, config: TrainConfig, models: Sequence[str], seeds: int, ks: Sequence[int]
) -> Result:
    """Fit each model on train and valid, judge it on test.

    The GNN's number of epochs is chosen on valid by a model that knows train alone; the one that is judged is
    then trained afresh on train and valid for as many. Both count as its fit time.

    Returns:
        model -> {metric@k: {mean, std}, fit_seconds, peak_mb}; metrics are fractions.

    Raises:
        ModelError: a model is not known, or the split was made without its test part.
    """
    unknown = set(models) - set(MODELS)
    if unknown:
        raise ModelError(f"No model {', '.join(sorted(unknown))}; there are: {', '.join(MODELS)}.")
    test = test_judgement(data, parts)
    runs: dict[str, list[Run]] = {}
    for name in models:
        for seed in range(config.seed, config.seed + (seeds if name == "gnn" else 1)):
            say(f"{name}, seed {seed}" if name == "gnn" else name)
            seeded = config.model_copy(update={"seed": seed})
            runs.setdefault(name, []).append(_run(_fitter(name, data, parts, seeded), test, ks))
    return {name: _summary(of_model) for name, of_model in runs.items()}


def fit_for_test(data: ShopData, parts: Split, config: TrainConfig, folder: Path | None = None) -> Fitted:
    """Choose the epochs on valid, then train on train and valid for as many; `folder` keeps checkpoints."""
    choosing, judged = (Checkpoint(folder, name) if folder else None for name in ("choosing", "judged"))
    valid = valid_judgement(data, parts).some_users(config.valid_users)
    chosen = fit(data, parts.train, config, judged=valid, checkpoint=choosing)
    say(f"best epoch {chosen.epochs}; again on train and validation together")
    return fit(data, parts.fitting, config, epochs=chosen.epochs, checkpoint=judged)


def valid_judgement(data: ShopData, parts: Split) -> Judgement:
    n_users, n_items = len(data.users), len(data.items)
    return judgement(history(parts.train, n_users, n_items), history(parts.valid, n_users, n_items))


def test_judgement(data: ShopData, parts: Split) -> Judgement:
    """Raises ModelError where the split was made without its test part."""
    if parts.test is None:
        raise ModelError(f"Split {parts.name!r} was made without its test part: ask with with_test=True.")
    n_users, n_items = len(data.users), len(data.items)
    return judgement(history(parts.fitting, n_users, n_items), history(parts.test, n_users, n_items))


def rival(name: str, data: ShopData, parts: Split) -> Scorer:
    """A rival fitted on train and valid."""
    known = history(parts.fitting, len(data.users), len(data.items))
    known.data[:] = 1
    return RIVALS[name](known)


def _fitter(name: str, data: ShopData, parts: Split, config: TrainConfig) -> Callable[[], Scorer]:
    if name == "gnn":
        return lambda: fit_for_test(data, parts, config).scorer
    return lambda: rival(name, data, parts)


def _run(fitter: Callable[[], Scorer], test: Judgement, ks: Sequence[int]) -> Run:
    started = time.monotonic()
    scorer = fitter()
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Run(evaluate(scorer, test, ks), seconds, peak)


def _summary(runs: Sequence[Run]) -> dict[str, dict[str, float] | float]:
    summary: dict[str, dict[str, float] | float] = {}
    for metric in runs[0].metrics:
        values = np.array([run.metrics[metric] for run in runs])
        summary[metric] = {"mean": float(values.mean()), "std": float(values.std())}
    summary["fit_seconds"] = float(np.mean([run.fit_seconds for run in runs]))
    summary["peak_mb"] = float(np.max([run.peak_mb for run in runs]))
    return summary
