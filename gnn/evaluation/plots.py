"""A benchmark's report as pictures: metric by slice, learning curves, quality against training time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

_STYLE: Any = {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}


def draw(report: Mapping[str, Any], ks: Sequence[int], folder: Path) -> list[Path]:
    """Write slices.png, curves.png (where a model has epochs) and pareto.png; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{report['dataset']}, split {report['split']}"
    metric = f"ndcg@{max(ks)}"
    written = [folder / "slices.png", folder / "pareto.png"]
    with plt.rc_context(_STYLE):
        _slices(report["slices"], f"recall@{max(ks)}", title, written[0])
        _pareto(report["models"], metric, title, written[1])
        if any(line for of in report["curves"].values() for line in of):
            written.append(folder / "curves.png")
            _curves(report["curves"], title, written[-1])
    return written


def _slices(slices: Mapping[str, Mapping[str, Any]], metric: str, title: str, path: Path) -> None:
    """A group of bars a slice, a colour a model."""
    names = list(next(iter(slices.values())))
    figure, axes = plt.subplots(figsize=(9, 0.22 * len(names) * (1 + len(slices) / 3) + 1.5))
    height = 0.8 / len(slices)
    for number, (model, of) in enumerate(slices.items()):
        place = np.arange(len(names)) + (number - (len(slices) - 1) / 2) * height
        axes.barh(place, [100 * of[name][metric] for name in names], height, label=model)
    users = [next(iter(slices.values()))[name]["users"] for name in names]
    labels = [f"{name} ({n:,} users)" for name, n in zip(names, users, strict=True)]
    axes.set_yticks(np.arange(len(names)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(f"{metric}, %")
    axes.set_title(title)
    axes.legend()
    _save(figure, path)


def _pareto(models: Mapping[str, Mapping[str, Any]], metric: str, title: str, path: Path) -> None:
    """Each model at its training time and quality; the line joins those that no faster model beats."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    points = {name: (max(of["fit_seconds"], 0.01), 100 * of[metric]["mean"]) for name, of in models.items()}
    for name, (seconds, value) in points.items():
        axes.errorbar(seconds, value, yerr=100 * models[name][metric]["std"], fmt="o", capsize=3)
        axes.annotate(name, (seconds, value), xytext=(5, 5), textcoords="offset points")
    line = pareto(list(points.values()))
    axes.step([x for x, _ in line], [y for _, y in line], where="post", color="grey", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_xlabel("training time, s")
    axes.set_ylabel(f"{metric}, %")
    axes.set_title(title)
    _save(figure, path)


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points of (time, quality) that no point is both faster and better than, by time.

    >>> pareto([(1, 5), (2, 4), (3, 7)])
    [(1, 5), (3, 7)]
    """
    front: list[tuple[float, float]] = []
    for seconds, value in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or value > front[-1][1]:
            front.append((seconds, value))
    return front


def _curves(curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], title: str, path: Path) -> None:
    """Validation NDCG by epoch, a panel a model, a line a seed."""
    shown = {name: [line for line in of if line] for name, of in curves.items() if any(of)}
    figure, panels = plt.subplots(1, len(shown), figsize=(3.4 * len(shown), 3.2), squeeze=False)
    for axes, (name, of) in zip(panels[0], shown.items(), strict=True):
        _curve(axes, name, of)
    panels[0][0].set_ylabel("ndcg@20 on validation, %")
    figure.suptitle(title)
    _save(figure, path)


def _curve(axes: Axes, name: str, seeds: Sequence[Sequence[Mapping[str, float]]]) -> None:
    for line in seeds:
        epochs, values = [e["epoch"] for e in line], [100 * e["ndcg@20"] for e in line]
        axes.plot(epochs, values, marker=".", linewidth=1)
    axes.set_title(name)
    axes.set_xlabel("epoch")


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
