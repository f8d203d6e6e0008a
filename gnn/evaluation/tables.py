"""Metrics of several models as the table that a person reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table as RichTable

from gnn.evaluation.evaluate import Table

SHOWN = ("recall", "ndcg", "hr")  # at every k
_REPEATS = ("recall", "ndcg")
_WHOLE = ("mrr", "map", "coverage", "gini", "novelty")  # at the largest k


def metrics_table(title: str, models: Mapping[str, Table], ks: Sequence[int]) -> RichTable:
    """One row a model: whether what is wanted was found, in percent.

    Args:
        models: model -> metric@k -> fraction.
        ks: which k to show.
    """
    columns = [f"{metric}@{k}" for k in ks for metric in SHOWN]
    table = _headed(title, columns)
    for name, metrics in models.items():
        table.add_row(name, *(_percent(metrics[column]) for column in columns))
    return table


def whole_table(
    title: str, models: Mapping[str, Table], k: int, extra: Mapping[str, Sequence[str]]
) -> RichTable:
    """One row a model: how early it is found and what the lists do with the catalogue; novelty in bits.

    Args:
        extra: further columns, heading -> a cell a model.
    """
    table = _headed(title, [*(f"{metric}@{k}" for metric in _WHOLE), *extra])
    for number, (name, metrics) in enumerate(models.items()):
        cells = [_percent(metrics[f"{metric}@{k}"]) for metric in _WHOLE[:-1]]
        cells.append(f"{metrics[f'{_WHOLE[-1]}@{k}']:.1f}")
        table.add_row(name, *cells, *(column[number] for column in extra.values()))
    return table


def _headed(title: str, columns: Sequence[str]) -> RichTable:
    table = RichTable(title=title)
    table.add_column("model")
    for column in columns:
        table.add_column(column.replace("@", "\n@"), justify="right")
    return table


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def slice_table(slices: Mapping[str, Mapping[str, Mapping[str, Any]]], metric: str) -> RichTable:
    """One row a slice, one column a model, the metric in percent."""
    table = RichTable(title=f"{metric} by slice, %")
    for column in ("slice", "users"):
        table.add_column(column)
    for name in slices:
        table.add_column(name, justify="right")
    for row in next(iter(slices.values())):
        cells = [f"{100 * of[row][metric]:.2f}" for of in slices.values()]
        table.add_row(escape(row), f"{next(iter(slices.values()))[row]['users']:,}", *cells)
    return table


def repeat_table(repeats: Mapping[str, Any], ks: Sequence[int]) -> RichTable:
    """One row a model: what users bought again, ranked within their own history, in percent."""
    title = f"bought again, {repeats['users']:,} users, own history ranked, %"
    table = RichTable(title=title)
    columns = [f"{metric}@{k}" for k in ks for metric in _REPEATS]
    for column in ("model", *columns):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name, metrics in repeats["models"].items():
        table.add_row(name, *(f"{100 * metrics[column]['mean']:.2f}" for column in columns))
    return table


def comparison_table(comparisons: Sequence[Mapping[str, Any]]) -> RichTable:
    """One row a pair of models and metric: difference with its 95 % interval in points of percent, and p."""
    table = RichTable(title="paired bootstrap over users, points of percent")
    for column in ("model", "against", "metric", "difference", "95 %", "p"):
        table.add_column(column, justify="right" if column in ("difference", "95 %", "p") else "left")
    for one in comparisons:
        interval = f"{100 * one['low']:+.2f} … {100 * one['high']:+.2f}"
        difference = f"{100 * one['difference']:+.2f}"
        table.add_row(one["model"], one["against"], one["metric"], difference, interval, f"{one['p']:.4f}")
    return table
