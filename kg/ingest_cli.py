"""`shopgraph graph ingest` and `shopgraph graph checksum`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from kg.ingest import Report

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def ingest(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder with the shop's files.", exists=True, file_okay=False)
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="shop.toml to use; default: FOLDER/shop.toml, else the project's example."),
    ] = None,
    max_rejects: Annotated[
        float,
        typer.Option(help="Part of a table's rows that may be bad before nothing is loaded.", min=0, max=1),
    ] = 0.05,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Also write the bad rows to this CSV; those of events only to it."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Look at every row again even if nothing changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files; needs no database.")] = False,
    events: Annotated[
        Path | None,
        typer.Option(
            help="Instead: events and items as POST /v1/events and /v1/items:bulk take them, a file of JSON "
            "lines or a folder."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on to read what comes into the folder, until stopped.")
    ] = False,
    kafka: Annotated[
        str | None,
        typer.Option(help="Instead: such events and items from this Kafka, HOST:PORT,…, until stopped."),
    ] = None,
    topic: Annotated[str, typer.Option(help="Kafka's topic.")] = "shopgraph-events",
    group: Annotated[str, typer.Option(help="Readers of one group share the partitions.")] = "shopgraph",
    kafka_options: Annotated[
        Path | None,
        typer.Option(
            help="TOML with more arguments of AIOKafkaConsumer; \\[ssl] has cafile and so on.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a shop's files into the graph, as its shop.toml says. Loading the same data again changes nothing.

    Bad rows go to a CSV with file, row and reason; the good rows load. A run that was killed goes on where it
    stopped when the same command is given again. Single events and items come with --events or --kafka.

    Example: shopgraph graph ingest ./my-shop --max-rejects 0.01

    Example: shopgraph graph ingest --events ./inbox --watch

    Example: shopgraph graph ingest --kafka broker:9092 --topic shop-events
    """
    from kg.driver import connect
    from kg.ingest import check_only
    from kg.ingest import ingest as run
    from kg.live.inbox import read_events
    from kg.live.kafka import Source, consume
    from kg.live.streams import Rejects, Sink
    from kg.schema import make_keys
    from kg.settings import load_settings

    if sum(source is not None for source in (folder, events, kafka)) != 1:
        raise typer.BadParameter("Give one of FOLDER, --events and --kafka.")
    if watch and (events is None or not events.is_dir()):
        raise typer.BadParameter(
            "--watch needs a folder of --events; for FOLDER: shopgraph refresh schedule."
        )
    of_folder = {"--manifest": manifest, "--dry-run": dry_run, "--force": force}
    if folder is None and (given := [name for name, value in of_folder.items() if value]):
        raise typer.BadParameter(f"{', '.join(given)}: only with FOLDER.")
    settings = load_settings()
    if folder is None:
        where = rejects or settings.home / "rejects" / "events.csv"
        with connect(settings) as graph:
            make_keys(graph)
            sink = Sink(graph, Rejects(where), lambda: load_settings().encoder)
            if kafka is not None:
                counts = consume(sink, Source(kafka, topic, group, kafka_options))
            else:
                assert events is not None
                counts = read_events(sink, events, watching=watch)
        _show_events(counts, where, as_json=as_json)
        return
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


def _show_events(counts: Counter[str], rejects: Path, *, as_json: bool) -> None:
    from kg.live.streams import STATUSES, told

    if as_json:
        emit_json({name: counts[name] for name in STATUSES} | {"rejects": rejects})
        return
    out.print(f"messages: {told(counts)}")
    if counts["rejected"]:
        out.print(f"why they were rejected: {rejects}", highlight=False)


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
