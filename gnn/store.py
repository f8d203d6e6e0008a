"""Saved models: a folder <home>/models/<version> with model.safetensors and model.json."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gnn.blend import Blend
from gnn.config import TrainConfig
from gnn.histories import TYPE_WEIGHTS
from kg.dataset import ShopData
from kg.errors import ModelError

_TENSORS, _TWIN, _ABOUT, _RUN = "model.safetensors", "twin.safetensors", "model.json", "run.json"
_CSR = ("data", "indices", "indptr")


class About(NamedTuple):
    """What is known of a saved model; model.json holds it."""

    version: str
    trained_at: str  # ISO 8601, UTC
    split: str
    epochs: int
    refitted: bool  # whether the vectors know the validation and test parts too
    config: dict[str, Any]  # TrainConfig
    metrics: dict[str, dict[str, float]]  # model and rivals -> metric@k -> fraction, on the test part
    curve: list[list[Any]]  # epoch, loss, validation metrics, blend, seconds
    relation_weights: dict[str, list[float]]
    serving: dict[str, Any]  # what the API needs to compute a user's vector
    item_ids: list[str]  # row order of the vectors
    until: int | None = None  # time of the newest interaction that the vectors know, where there are times
    judged_until: int | None = None  # of the newest one that the twin knows, whose metrics these are
    interactions: int | None = None  # how many there were
    encoder: str | None = None  # that made the text vectors

    @property
    def blend(self) -> Blend:
        """How the vectors are used; an earlier version's may lack some of it."""
        return Blend(**{name: self.serving[name] for name in Blend._fields if name in self.serving})

    def reads(self, encoder: str | None) -> bool:
        """Whether text vectors of that encoder are what the model was trained on, as far as that is known."""
        return None in (self.encoder, encoder) or self.encoder == encoder


class SavedModel(NamedTuple):
    about: About
    tensors: dict[str, Tensor]  # parameters, and `context` and `target`, [n_items, d]
    linear: sp.csr_matrix  # what a past item (row) adds to the score of another (column), [n_items, n_items]


class RunFolder(NamedTuple):
    """Where a run puts its model; an interrupted run with the same plan is taken up again."""

    path: Path
    resumed: bool
    finished: bool = False  # the model is there already


def run_folder(home: Path, data: ShopData, plan: dict[str, Any], *, force: bool = False) -> RunFolder:
    """The folder of a run with the same plan and data, else a new one.

    `force` passes over finished runs.
    """
    models = home / "models"
    run = json.dumps({"plan": plan, "data": fingerprint(data)}, sort_keys=True)
    for path in sorted(models.glob("*"), reverse=True):
        planned = path / _RUN
        finished = (path / _ABOUT).exists()
        if planned.is_file() and planned.read_text() == run and not (finished and force):
            return RunFolder(path, resumed=True, finished=finished)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    path = models / f"{stamp}-{hashlib.sha256(run.encode()).hexdigest()[:6]}"
    path.mkdir(parents=True)
    (path / _RUN).write_text(run)
    return RunFolder(path, resumed=False)


def serving(config: TrainConfig, blend: Blend) -> dict[str, Any]:
    """How a score is made of item vectors and LEADS_TO edges, for Model.serving."""
    weights = dict(TYPE_WEIGHTS)
    return {"temperature": config.temperature, "event_weights": weights, **blend._asdict()}


def save(path: Path, model: SavedModel, twin: SavedModel | None = None) -> None:
    """Write the model; model.json comes last, and only a folder that has it is a model.

    Args:
        twin: the model whose metrics these are, which does not know the test part; None: the model itself.
    """
    _save_tensors(path / _TENSORS, model)
    if twin is not None:
        _save_tensors(path / _TWIN, twin)
    written = path / "model.tmp"
    written.write_text(json.dumps(model.about._asdict(), indent=1, ensure_ascii=False), encoding="utf-8")
    written.replace(path / _ABOUT)


def find(home: Path, version: str | None = None) -> str:
    """The version of a saved model; the start of it will do, and without one it is the newest.

    Raises:
        ModelError: there is none, or several begin so.
    """
    folder = home / "models"
    known = sorted(path.parent.name for path in folder.glob(f"*/{_ABOUT}"))
    if not known:
        which = "" if version is None else f" {version!r}"
        raise ModelError(f"No model{which} in {folder}. Train one: shopgraph gnn train")
    found = [of for of in known if of == version] or [of for of in known if of.startswith(version or "")]
    if version is not None and len(found) != 1:
        which = "More than one" if found else "No"
        raise ModelError(f"{which} model {version!r} in {folder}; there are: {', '.join(known)}.")
    return found[-1]


def _save_tensors(file: Path, model: SavedModel) -> None:
    linear = {f"linear.{part}": torch.from_numpy(getattr(model.linear, part)) for part in _CSR}
    save_file({k: v.contiguous() for k, v in (model.tensors | linear).items()}, file)


def load(home: Path, version: str | None = None, *, twin: bool = False) -> SavedModel:
    """A saved model.

    Args:
        version: see `find`.
        twin: the one that was judged instead, which does not know the test part.

    Raises:
        ModelError: there is none, or its files are broken.
    """
    path = home / "models" / find(home, version)
    try:
        about = About(**json.loads((path / _ABOUT).read_text(encoding="utf-8")))
        judged = twin and about.refitted  # else it is the model itself that was judged
        tensors = load_file(path / (_TWIN if judged else _TENSORS))
        linear = tuple(tensors.pop(f"linear.{part}").numpy() for part in _CSR)
        n_items = len(about.item_ids)
        weights = sp.csr_matrix(linear, shape=(n_items, n_items))
        weights.check_format(full_check=True)  # else an index out of range is found while edges are written
        return SavedModel(about, tensors, weights)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"The model in {path} is broken ({error}). Train again: shopgraph gnn train"
        ) from error


def fingerprint(data: ShopData) -> str:
    """Changes whenever anything does that training reads."""
    digest = hashlib.sha256("\0".join(map(str, data.users)).encode())
    items = data.items.assign(categories=data.items["categories"].map("\0".join))
    for frame in (items, data.interactions, data.relations):
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    if data.text is not None:
        digest.update(np.ascontiguousarray(data.text).tobytes())
    return digest.hexdigest()
