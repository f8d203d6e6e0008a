"""`gnn tune`: each model's parameters, chosen on validation by Optuna's TPE, with one budget for all."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import optuna

from gnn.config import TrainConfig
from gnn.evaluation.evaluate import evaluate
from gnn.evaluation.judgements import valid_judgement
from gnn.evaluation.params import Search, checked, search_space
from gnn.evaluation.rivals import VALID_USERS, parameters, try_model
from gnn.evaluation.rivals_learned import STOP_ON
from gnn.evaluation.runs import digests
from gnn.histories import Order
from gnn.split import Split
from gnn.store import fingerprint
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

# The gnn's ranges; the rivals' stand beside their parameters in gnn.evaluation.params.
GNN_SPACE: Final[dict[str, Search]] = {
    "dim": Search(64, 384, log=True),
    "temperature": Search(0.05, 0.3, log=True),
    "id_dropout": Search(0.0, 0.5),
    "start_scale": Search(0.03, 0.3, log=True),
    "learning_rate": Search(5e-4, 5e-3, log=True),
    "batch_users": Search(256, 2048, log=True),
    "shown_share": Search(0.3, 0.8),
    "next_items": Search(1, 8, log=True),
    "fade": Search(0.0, 0.5),
    "linear_penalty": Search(10.0, 1000.0, log=True),
    "linear_k": Search(20, 200, log=True),
    "relation_weight": Search(0.3, 3.0, log=True),
    "text_k": Search(5, 40, log=True),
    "bought_k": Search(10, 100, log=True),
}
# What a training on the next items does not read, and what one on any items does not.
_OF_ANY, _OF_NEXT = {"shown_share"}, {"next_items", "fade"}


def space(model: str, *, order: Order) -> dict[str, Search]:
    """Which parameters of a model are searched, and where.

    Args:
        order: of what is asked for after what is known (Split.order).
    """
    kind = parameters(model)
    if kind is not TrainConfig:
        return search_space(kind)
    unread = _OF_ANY if order == Order.STRICT else _OF_NEXT
    return {name: within for name, within in GNN_SPACE.items() if name not in unread}


def tune(
    data: ShopData,
    parts: Split,
    models: Sequence[str],
    trials: int,
    minutes: float,
    path: Path,
    *,
    seed: int = 0,
    fixed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Search the parameters of each model; the first trial is its defaults.

    Every trial is fitted on the training part and judged on the validation part; the test part is not needed
    and may be hidden. After each model `path` is written. Trials are kept in a database beside it, and a
    search with the same data, split and seed goes on from there.

    Args:
        trials: of each model, those of an earlier call counted.
        minutes: for each model, those of an earlier call counted; the trial that runs is finished.
        fixed: parameters of the gnn that are given.

    Raises:
        ModelError: a model is not known.
    """
    spaces = {model: space(model, order=parts.order) for model in models}
    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = hashlib.sha256(json.dumps(digests(parts)).encode()).hexdigest()
    about = f"{fingerprint(data)[:12]}-{parts.name}-{rows[:12]}-{json.dumps(dict(fixed or {}))}-{seed}"
    found: dict[str, Any] = {
        "split": parts.name,
        "metric": STOP_ON,
        "budget": {"trials": trials, "minutes": minutes, "seed": seed},
        "models": {},
    }
    for model in models:
        if not spaces[model]:
            say(f"{model} has nothing to search")
            continue
        study = _study(f"{model}-{about}", path.with_suffix(".db"), seed)
        given = dict(fixed or {}) if model == "gnn" else {}
        ranges = {name: within for name, within in spaces[model].items() if name not in given}
        try:
            _search(study, data, parts, model, ranges, given, trials, minutes, seed)
        except ModelError as error:
            say(f"{model} is left out: {error}")
            found.setdefault("left_out", {})[model] = str(error)
            continue
        found["models"][model] = _summary(study, given)
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def _study(name: str, database: Path, seed: int) -> optuna.Study:
    storage = f"sqlite:///{database}"
    done = [s for s in optuna.get_all_study_names(storage) if s == name]
    before = len(optuna.load_study(study_name=name, storage=storage).trials) if done else 0
    # Another seed after each interruption: the same one would propose the same points again.
    sampler = optuna.samplers.TPESampler(seed=seed + before)
    return optuna.create_study(
        study_name=name, storage=storage, sampler=sampler, direction="maximize", load_if_exists=True
    )


def _search(
    study: optuna.Study,
    data: ShopData,
    parts: Split,
    model: str,
    ranges: Mapping[str, Search],
    given: Mapping[str, Any],
    trials: int,
    minutes: float,
    seed: int,
) -> None:
    kind = parameters(model)
    judged = valid_judgement(data, parts).some_users(VALID_USERS)

    def objective(trial: optuna.Trial) -> float:
        # The first trial asks for the defaults, which may lie outside the ranges (0 for "all").
        chosen = (
            {} if trial.user_attrs.get("defaults") else {n: _draw(trial, n, r) for n, r in ranges.items()}
        )
        params = checked(kind, chosen | dict(given), model)
        started = time.monotonic()
        try:
            tried = try_model(model, data, parts, params, seed)
        except ModelError as error:  # of these parameters alone
            say(f"{model}, trial {trial.number} failed: {error}")
            trial.set_user_attr("failed", str(error))
            raise
        curve = [line[STOP_ON] for line in tried.curve]
        value = max(curve) if curve else evaluate(tried.scorer, judged)[STOP_ON]
        trial.set_user_attr("params", params.model_dump())
        trial.set_user_attr("searched", {name: params.model_dump()[name] for name in ranges})
        trial.set_user_attr("epochs", tried.epochs)
        trial.set_user_attr("seconds", time.monotonic() - started)
        say(f"{model}, trial {trial.number}: {STOP_ON} {value:.4f}  {trial.user_attrs['searched']}")
        return value

    done = _finished(study)
    if not done:  # also where the very first trial was cut off
        study.enqueue_trial({}, user_attrs={"defaults": True})
    left = trials - len(done)
    seconds = 60 * minutes - sum(t.user_attrs["seconds"] for t in done)
    if left > 0 and (seconds > 0 or not done):
        study.optimize(objective, n_trials=left, timeout=seconds, catch=(ModelError,))
    if not _finished(study):
        raise ModelError(f"none of its trials ended: {study.trials[-1].user_attrs['failed']}")


def _draw(trial: optuna.Trial, name: str, within: Search) -> float:
    low, high, log = within
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=log)
    return trial.suggest_float(name, low, high, log=log)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]


def _summary(study: optuna.Study, given: Mapping[str, Any]) -> dict[str, Any]:
    done = _finished(study)
    best = max(done, key=lambda t: (t.value, -t.number))
    return {
        "params": {**best.user_attrs["searched"], **given},
        "searched": best.user_attrs["searched"],
        "value": best.value,
        "first": next((t.value for t in done if t.user_attrs.get("defaults")), None),
        "seconds": sum(t.user_attrs["seconds"] for t in done),
        "trials": [
            {
                "value": t.value,
                "params": t.user_attrs["searched"],
                "epochs": t.user_attrs["epochs"],
                "seconds": t.user_attrs["seconds"],
            }
            for t in done
        ],
    }
