"""Where a training second goes: python -m tests.bench.profile_train FOLDER --split NAME

CPU seconds of one process with one thread, so that what else the machine does counts little. Peak memory is
of the whole process, with the data and the validation part.
"""

import argparse
import cProfile
import pstats
import time
from pathlib import Path
from typing import Final

import torch

from gnn.config import TrainConfig
from gnn.evaluation.job import peak_mb
from gnn.evaluation.judgements import valid_judgement
from gnn.split import split
from gnn.train import fit
from kg.console import out
from kg.dataset import from_folder
from kg.settings import load_settings

# What is said of a function, its file and its name; seconds with all that it calls.
ONCE: Final = {
    "linear term": ("gnn/train.py", "_linear"),
    "graph": ("gnn/train.py", "graph_for"),
    "start vectors": ("gnn/model.py", "spectral"),
}
EACH_EPOCH: Final = {
    "division into examples": ("gnn/examples.py", "divide"),
    "counts without the batch": ("gnn/propagation.py", "without"),
    "forward pass of all items": ("gnn/model.py", "forward"),
    "  its sparse products": ("gnn/propagation.py", "_product"),
    "loss": ("gnn/model.py", "loss"),
    "  its softmax over all items": ("gnn/softmax.py", "forward"),
    "backward pass": ("autograd/__init__.py", "backward"),
    "  its transposed sparse products": ("gnn/propagation.py", "backward"),
    "optimiser": ("torch/optim/adam.py", "step"),
    "judging on validation": ("gnn/judging.py", "judge"),
}


def main() -> None:
    """Train some epochs and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32"])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = from_folder(asked.folder, None, load_settings())
    parts = split(data, asked.split)
    config = TrainConfig(max_epochs=asked.epochs, precision=asked.precision)
    judged = valid_judgement(data, parts).some_users(config.valid_users)
    profile = cProfile.Profile(time.process_time)
    began = time.process_time()
    fitted = profile.runcall(fit, data, parts.train, config, judged=judged, order=parts.order)
    spent = time.process_time() - began
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
    for title, wanted, runs in (("once", ONCE, 1), ("each epoch", EACH_EPOCH, len(fitted.curve))):
        out.print(f"| {title} | CPU s |\n|---|---|")
        for name, (file, function) in wanted.items():
            found = [at[3] for (path, _, f), at in stats.items() if path.endswith(file) and f == function]
            out.print(f"| {name} | {max(found, default=0.0) / runs:.2f} |", highlight=False)
    out.print(f"CPU {spent:.0f} s in all, peak {peak_mb():.0f} MiB", highlight=False)


if __name__ == "__main__":
    main()
