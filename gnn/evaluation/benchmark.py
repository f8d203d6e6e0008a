"""All models on one split of one shop, in one run: what a sceptic would ask for."""

import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gnn.evaluation.job import Job, Outcome, run_apart
from gnn.evaluation.judgements import REPEATS, test_judgements
from gnn.evaluation.plan import Planned
from gnn.evaluation.rivals import FREQUENCY, SEEDED
from gnn.evaluation.runs import Runs
from gnn.split import Split
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

Runner = Callable[[Job], Outcome]


class Results(NamedTuple):
    """What was run."""

    outcomes: dict[str, list[Outcome]]  # label -> one outcome a seed
    left_out: dict[str, str]  # label -> why


def benchmark(
    data: ShopData,
    parts: Split,
    rows: Sequence[Planned],
    seeds: int,
    ks: Sequence[int],
    folder: Path | None = None,
    runner: Runner = run_apart,
) -> Results:
    """Fit each model on train and valid, and let it rank for the test part.

    What is to be chosen (epochs) is chosen on valid by a model that knows train alone; the one that is judged
    is then fitted afresh on train and valid. Both count as its fit time. A model that fails is named and left
    out.

    Args:
        rows: the models; those that draw at random are run with `seeds` seeds, the others once.
        folder: where each finished run is kept at once, and taken from when it is there already.
        runner: run_apart, a process for each; gnn.evaluation.job.run stays in this one.

    Raises:
        ModelError: the split was made without its test part, or every model failed.
    """
    rows = list(rows)
    if REPEATS in test_judgements(data, parts):
        rows.append(Planned(FREQUENCY, FREQUENCY, {}))
    runs = Runs(folder / "runs", data, parts) if folder else None
    outcomes: dict[str, list[Outcome]] = {}
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as made:
        shop = Path(made) / "shop.pkl"
        shop.write_bytes(pickle.dumps((data, parts)))
        for row in rows:
            try:
                outcomes[row.label] = [
                    _run(row, seed, max(ks), shop, runs, runner)
                    for seed in (_seeds(row, seeds) if row.model in SEEDED else [0])
                ]
            except ModelError as error:
                left_out[row.label] = str(error)
                say(f"{row.label} is left out: {error}")
    if not set(outcomes) - {FREQUENCY}:
        raise ModelError(f"No model is left: {'; '.join(f'{k}: {v}' for k, v in left_out.items())}")
    return Results(outcomes, left_out)


def _seeds(row: Planned, n: int) -> range:
    first = int(row.params.get("seed", 0))
    return range(first, first + n)


def _run(row: Planned, seed: int, k: int, shop: Path, runs: Runs | None, runner: Runner) -> Outcome:
    name = f"{row.label}, seed {seed}" if row.model in SEEDED else row.label
    path = runs.path(row, seed, k) if runs else None
    if runs and path and (finished := runs.load(path)):
        say(f"{name}: finished before")
        return finished
    say(name)
    checkpoints = path.with_suffix("") if path and row.model == "gnn" else None
    if checkpoints:
        checkpoints.mkdir(exist_ok=True)
    outcome = runner(Job(row.model, seed, row.params, k, shop, checkpoints))
    if path:
        outcome.save(path)
    if checkpoints:
        for file in checkpoints.iterdir():
            file.unlink()
        checkpoints.rmdir()
    return outcome
