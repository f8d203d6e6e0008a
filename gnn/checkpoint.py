"""The state of a training run after each epoch, so that a killed run goes on instead of starting again."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gnn.blend import Blend


class Epoch(NamedTuple):
    """One line of the learning curve."""

    epoch: int  # from 1
    loss: float
    metrics: dict[str, float]  # on validation; empty where there is none
    blend: Blend  # chosen on validation, or given
    seconds: float


class Snapshot(NamedTuple):
    """A model at the end of an epoch."""

    epoch: int
    tensors: dict[str, Tensor]  # the parameters, and the item vectors `context` and `target`


class State(NamedTuple):
    """How far a run has come."""

    curve: list[Epoch]
    best: Snapshot | None


class Checkpoint:
    """A file in a folder, <name>.safetensors, replaced at each epoch; the curve is in its metadata."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.safetensors"

    def save(self, model: nn.Module, optimiser: torch.optim.Optimizer, state: State) -> None:
        """Replace what is there; a kill in the middle leaves the old state or the new one."""
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        for number, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": v for k, v in moments.items()}
        if state.best:
            tensors |= {f"best.{k}": v for k, v in state.best.tensors.items()}
        best = state.best.epoch if state.best else 0
        about = {"best": str(best), "curve": json.dumps([epoch._asdict() for epoch in state.curve])}
        written = self.path.with_suffix(".tmp")
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, written, about)
        written.replace(self.path)

    def restore(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> State:
        """Bring model and optimiser to the saved state; an empty state where none is saved."""
        if not self.path.is_file():
            return State([], None)
        with safe_open(self.path, "pt") as saved:
            about = saved.metadata()
        tensors = load_file(self.path)
        curve = [Epoch(**{**line, "blend": Blend(*line["blend"])}) for line in json.loads(about["curve"])]
        model.load_state_dict(_under("model.", tensors))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _under("optimiser.", tensors).items():
            number, name = key.split(".")
            moments.setdefault(int(number), {})[name] = value
        optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
        best = Snapshot(int(about["best"]), _under("best.", tensors)) if int(about["best"]) else None
        return State(curve, best)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
