"""Metrics of several models as the table that a person reads."""

from collections.abc import Mapping, Sequence

from rich.table import Table as RichTable

from gnn.evaluate import Table

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
