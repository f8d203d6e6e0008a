"""Finished runs of a benchmark in a folder, so that one that was cut off goes on where it was."""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from gnn.device import training_device
from gnn.evaluation.job import Outcome
from gnn.evaluation.plan import Planned
from gnn.split import Split
from gnn.store import fingerprint
from kg.dataset import ShopData

_GNN: Final = Path(__file__).parents[1]
_KG: Final = ("neighbours", "precision")  # what an outcome hangs on beside the code of gnn
_LIBRARIES: Final = ("torch", "torch-geometric", "numpy", "scipy", "scikit-learn", "implicit")


class Runs:
    """One file a run, named by all that its outcome depends on: data, split, parameters, seed and code."""

    def __init__(self, folder: Path, data: ShopData, parts: Split) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.about = {"data": fingerprint(data), "split": digests(parts)}

    def path(self, row: Planned, seed: int, k: int) -> Path:
        key = self.about | {"model": row.model, "params": row.params, "seed": seed, "k": k}
        key["code"] = _code()
        key["with"] = [training_device().type, *map(_version, _LIBRARIES)]
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / f"{row.model}-{seed}-{name}.npz"

    def load(self, path: Path) -> Outcome | None:
        """None where the run is not finished."""
        return Outcome.load(path) if path.exists() else None


def digests(parts: Split) -> dict[str, Any]:
    """A split by its name and a digest of each part's rows."""
    frames = {name: part for name, part in parts._asdict().items() if isinstance(part, pd.DataFrame)}
    return {"name": parts.name} | {
        name: hashlib.sha256(frame.index.to_numpy().tobytes()).hexdigest() for name, frame in frames.items()
    }


def _code() -> str:
    digest = hashlib.sha256()
    for path in (*sorted(_GNN.rglob("*.py")), *(_GNN.parent / "kg" / f"{name}.py" for name in _KG)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
