"""How training time and memory grow with the interactions: made-up shops, each in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from gnn.config import TrainConfig
from gnn.evaluation.job import peak_mb
from gnn.propagation import BoughtWith
from gnn.train import fit, graph_for
from kg.console import out
from kg.dataset import ShopData

N_ITEMS = 20_000
PER_USER = 20


class Point(NamedTuple):
    """One size."""

    interactions: int
    edges: int  # bought_with, both ways; at most some 60 an item
    epoch_seconds: float
    whole_seconds: float  # with the graph, the start vectors and the linear term
    peak_mb: float


def made_up_shop(n: int) -> ShopData:
    """`n` purchases of users with 20 each, Zipf within the user's one of 50 tastes; no texts."""
    rng = np.random.default_rng(0)
    n_users = n // PER_USER
    rank = np.minimum(rng.zipf(1.2, size=n_users * PER_USER) - 1, N_ITEMS // 50 - 1)
    user = np.repeat(np.arange(n_users, dtype=np.int32), PER_USER)
    taste = np.repeat(rng.integers(50, size=n_users), PER_USER)
    # Three of ten purchases are of any taste, so that the halves of the catalogue hang together.
    taste = np.where(rng.random(len(taste)) < 0.3, rng.integers(50, size=len(taste)), taste)
    events = pd.DataFrame(
        {
            "user": user,
            "item": (rank * 50 + taste).astype(np.int32),
            "type": pd.Categorical.from_codes(np.zeros(len(user), np.int8), ["purchase"]),
            "order": np.tile(np.arange(PER_USER, dtype=np.int64), n_users),
            "basket": None,
            "weight": np.float32(1),
        }
    )
    items = pd.DataFrame(
        {"item_id": [f"i{n}" for n in range(N_ITEMS)], "text": "", "brand": None, "price": 1.0}
    )
    items["categories"] = [[] for _ in range(N_ITEMS)]
    relations = pd.DataFrame({"relation": [], "kind": [], "source": [], "target": []})
    return ShopData(items, np.arange(n_users).astype(str), events, False, relations, None)


def measured(sizes: Sequence[int], plot: Path) -> list[Point]:
    """Train two epochs at each size; the faster one counts."""
    points = []
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.scale", str(size)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        points.append(Point(**json.loads(done.stdout.splitlines()[-1])))
        out.print(str(points[-1]), highlight=False)
    _draw(points, plot)
    return points


def _draw(points: Sequence[Point], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    sizes = [p.interactions for p in points]
    left.loglog(sizes, [p.epoch_seconds for p in points], marker="o")
    left.set(xlabel="interactions", ylabel="seconds an epoch")
    right.semilogx(sizes, [p.peak_mb / 1024 for p in points], marker="o")
    right.set(xlabel="interactions", ylabel="peak memory, GiB", ylim=(0, None))
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(size: int) -> None:
    """One size, in this process."""
    data = made_up_shop(size)
    started = time.monotonic()
    config = TrainConfig()
    fitted = fit(data, data.interactions, config, epochs=2)
    whole = time.monotonic() - started
    fastest, peak = min(epoch.seconds for epoch in fitted.curve), peak_mb()
    edges = int(
        BoughtWith(graph_for(data, data.interactions, config), torch.device("cpu")).whole.matrix._nnz()
    )
    sys.stdout.write(json.dumps(Point(len(data.interactions), edges, fastest, whole, peak)._asdict()) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
