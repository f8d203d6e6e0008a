"""Metrics of several models as the table that a person reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table as RichTable

from gnn.evaluation.evaluate import Table

SHOWN = ("recall", "ndcg")  # at every k
SHOWN_LAST = ("hr", "mrr", "coverage")  # at the largest k: the table fits a terminal of 80 columns


def metrics_table(
    title: str,
    models: Mapping[str, Table],
    ks: Sequence[int],
    extra: Mapping[str, Sequence[str]] | None = None,
) -> RichTable:
    """One row a model, metrics in percent.

    Args:
        models: model -> metric@k -> fraction.
        ks: which k to show.
        extra: further columns, heading -> a cell a model.
    """
    table = RichTable(title=title)
    table.add_column("model")
    columns = [f"{metric}@{k}" for k in ks for metric in SHOWN]
    columns += [f"{metric}@{max(ks)}" for metric in SHOWN_LAST]
    for column in (*columns, *(extra or {})):
        table.add_column(column.replace("@", "\n@"), justify="right")
    for number, (name, metrics) in enumerate(models.items()):
        cells = [f"{100 * metrics[column]:.2f}" for column in columns]
        table.add_row(name, *cells, *(column[number] for column in (extra or {}).values()))
    return table


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
    columns = [f"{metric}@{k}" for k in ks for metric in SHOWN]
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
