"""`shopgraph graph ingest` and `shopgraph graph checksum`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from kg.ingest import Report

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def ingest(
    folder: Annotated[
        Path, typer.Argument(help="Folder with the shop's files.", exists=True, file_okay=False)
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(help="shop.toml to use; default: FOLDER/shop.toml, else the project's example."),
    ] = None,
    max_rejects: Annotated[
        float,
        typer.Option(help="Part of a table's rows that may be bad before nothing is loaded.", min=0, max=1),
    ] = 0.05,
    rejects: Annotated[Path | None, typer.Option(help="Also write the bad rows to this CSV.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Look at every row again even if nothing changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files; needs no database.")] = False,
    as_json: Json = False,
) -> None:
    """Load a shop's files into the graph, as its shop.toml says. Loading the same data again changes nothing.

    Bad rows go to a CSV with file, row and reason; the good rows load. A run that was killed goes on where it
    stopped when the same command is given again.

    Example: shopgraph graph ingest ./my-shop --max-rejects 0.01
    """
    from kg.driver import connect
    from kg.ingest import check_only
    from kg.ingest import ingest as run
    from kg.settings import load_settings

    settings = load_settings()
    if dry_run:
        report = check_only(folder, settings.home, manifest, max_rejects, rejects)
    else:
        with connect(settings) as graph:
            report = run(graph, folder, settings.home, manifest, max_rejects, rejects, force)
    if as_json:
        emit_json(report.as_dict())
    else:
        _show(report)


def checksum(as_json: Json = False) -> None:
    """Hash the whole graph, in an order-independent way, leaving out bookkeeping; equal graphs, equal sums.

    Example: shopgraph graph checksum
    """
    from kg.checksum import measure
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        found = measure(graph)
    if as_json:
        emit_json(found._asdict())
        return
    out.print(found.checksum, highlight=False)
    for name, count in (found.nodes | found.relationships).items():
        say(f"  {name}: {count:,}")


def _show(report: "Report") -> None:
    from rich.table import Table

    if report.already_loaded:
        out.print(f"{report.shop}: these very files were loaded last; nothing to do (--force looks again).")
        return
    columns = ("read", "rejected", "duplicates", "dropped", "created", "changed", "deleted")
    shown = columns[:4] if report.dry_run else columns
    table = Table(report.shop, *shown, box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    rows = report.as_dict()["tables"]
    for name, row in rows.items():
        if any(row.get(column) for column in columns):
            table.add_row(name, *(f"{row[c]:,}" if c in row else "" for c in shown))
    out.print(table)
    read = sum(count.read for count in report.counts.values())
    took = report.staging_seconds
    out.print(
        f"checked {read:,} rows in {took:.1f} s, {read / took:,.0f} a second" if took else "checked before"
    )
    if not report.dry_run:
        kept = sum(count.kept for count in report.counts.values())
        took = max(sum(report.step_seconds.values()), 0.001)
        out.print(f"loaded {kept:,} rows in {took:.1f} s, {kept / took:,.0f} a second")
    rejected = sum(count.rejected for count in report.counts.values())
    out.print(f"{rejected:,} rejected rows: {report.rejects}" if rejected else "no rejected rows")
