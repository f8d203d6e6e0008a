"""A model's twin: the one that was judged, which stops before the held-out part.

What serves was trained on everything, so it would rank the held-out choices as if it had foreseen them.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import scipy.sparse as sp

from api.state.snapshot import Snapshot, Vectors
from api.state.version import version_from
from kg.errors import ModelError

_TENSORS: Final = {True: "twin.safetensors", False: "model.safetensors"}  # whether what serves was refitted
_CSR = ("data", "indices", "indptr")
_AGAIN = "Run: shopgraph gnn train, then shopgraph gnn write-back."


class Twin(NamedTuple):
    """A judged model, as it lies on disk."""

    version: str
    split: str  # how the part was chosen that it does not know
    judged_until: int | None  # time of the newest interaction that it knows, where the shop has times
    serving: dict[str, Any]  # how a score is made of what follows
    item_ids: list[str]  # row order of all that follows
    context: Vectors  # [n, dim]
    target: Vectors  # [n, dim]
    linear: sp.csr_matrix  # [n, n]


def load_twin(home: Path, version: str) -> Twin:
    """The twin of a version in <home>/models.

    Raises:
        ModelError: there is none, or its files are broken.
    """
    about = read_about(home, version)
    file = home / "models" / version / _TENSORS[bool(about.get("refitted"))]
    if not file.is_file():
        raise ModelError(
            f"The model {version!r} has no twin ({file} is missing): it knows every choice that it "
            f"would have to be asked about. {_AGAIN}"
        )
    return _read(file, version, about)


def read_about(home: Path, version: str) -> dict[str, Any]:
    """What training noted of a model.

    Raises:
        ModelError: the model was not trained here.
    """
    folder = home / "models" / version
    try:
        about: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The model {version!r} is not in {folder.parent} ({error}), so nothing tells how it ranked "
            f"before it knew everything: run this where it was trained, or train here. {_AGAIN}"
        ) from error
    return about


def _read(file: Path, version: str, about: dict[str, Any]) -> Twin:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(file)
        ids = [str(item_id) for item_id in about["item_ids"]]
        linear = sp.csr_matrix(tuple(tensors[f"linear.{part}"] for part in _CSR), shape=(len(ids), len(ids)))
        context, target = (np.asarray(tensors[name], dtype=np.float32) for name in ("context", "target"))
        if any(len(rows) != len(ids) or not np.isfinite(rows).all() for rows in (context, target)):
            raise ValueError(f"not {len(ids)} finite vectors")
        return Twin(
            version=version,
            split=str(about["split"]),
            judged_until=about.get("judged_until"),
            serving=dict(about.get("serving", {})),
            item_ids=ids,
            context=context,
            target=target,
            linear=linear,
        )
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise ModelError(f"{file} is broken ({error!r}). {_AGAIN}") from error


def as_candidate(snapshot: Snapshot, twin: Twin) -> Snapshot:
    """The snapshot as it would serve the twin of a model that is not live.

    Raises:
        ModelError: what training noted of the model is broken.
    """
    version = version_from(
        {
            "model_version": twin.version,
            "graph_version": snapshot.version.graph,
            "slot": snapshot.version.slot,
            "dim": twin.context.shape[1],
            "temperature": twin.serving.get("temperature"),
            "serving": json.dumps(twin.serving),
        }
    )
    return as_judged(replace(snapshot, version=version), twin)


def as_judged(snapshot: Snapshot, twin: Twin) -> Snapshot:
    """The snapshot with the twin's vectors and edges in place of those that serve.

    Raises:
        ModelError: the twin's vectors are of another size.
    """
    if twin.context.shape[1] != snapshot.version.dim:
        raise ModelError(
            f"The twin of {twin.version!r} has vectors of {twin.context.shape[1]} numbers, the live model "
            f"has {snapshot.version.dim}. {_AGAIN}"
        )
    n = len(snapshot.ids)
    pairs = [(k, snapshot.number[i]) for k, i in enumerate(twin.item_ids) if i in snapshot.number]
    own, place = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    context, target = (np.zeros((n, snapshot.version.dim), dtype=np.float32) for _ in range(2))
    context[place], target[place] = twin.context[own], twin.target[own]
    move = sp.csr_matrix((np.ones(len(own), np.float32), (own, place)), shape=(len(twin.item_ids), n))
    linear = sp.csr_matrix(move.T @ twin.linear @ move)
    return replace(snapshot, context=context, target=target, linear=linear)
