"""The commands `shopgraph refresh …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.console import emit_json, out, say
from kg.refresh import StageName

if TYPE_CHECKING:
    from kg.refresh.job import Options

app = typer.Typer(name="refresh")
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback(invoke_without_command=True)
def refresh(
    context: typer.Context,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            help="A shop's folder, to be refreshed from now on; the graph remembers it. Repeatable.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Its shop.toml, where it is not in the folder.", exists=True)
    ] = None,
    full: Annotated[
        bool, typer.Option("--full/--incremental", help="Look at every row and count every edge again.")
    ] = False,
    until: Annotated[StageName | None, typer.Option(help="The last stage to run.")] = None,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Go on although a source lost more than a fifth.")
    ] = False,
    max_rejects: Annotated[
        float | None, typer.Option(help="Part of a table's rows that may be bad: 0.05.", min=0, max=1)
    ] = None,
    retrain: Annotated[bool, typer.Option(help="Whether model and ranking may be trained again.")] = True,
    new_interactions: Annotated[
        float | None, typer.Option(help="Train again at such a share of new interactions: 0.05.", min=0)
    ] = None,
    new_items: Annotated[
        float | None, typer.Option(help="Train again at such a share of new items: 0.05.", min=0)
    ] = None,
    max_days: Annotated[
        float | None, typer.Option(help="Train again after so many days, if anything changed: 30.", min=0)
    ] = None,
    drift: Annotated[
        float | None,
        typer.Option(
            help="Train again when the vectors agree by such a share less with what is counted than when "
            "they were published: 0.2.",
            min=0,
            max=1,
        ),
    ] = None,
    lease_seconds: Annotated[
        int | None, typer.Option(help="The lease frees itself so long after a kill: 60.", min=4)
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep the graph fresh: one job from new files to a published model.

    It does only what is new: loads rows, encodes texts, counts edges, and trains again where that pays. A run
    that was stopped is taken up at its stage by the next one. Exits with 75 while another one runs, and with
    3 when a source lost more than a fifth.

    Example: shopgraph refresh --source ./my-shop
    """
    if context.invoked_subcommand is not None:
        return
    from kg.refresh.job import Options

    told: dict[str, Any] = {
        "full": full, "until": until, "allow_shrink": allow_shrink, "max_rejects": max_rejects,
        "retrain": retrain, "new_interactions": new_interactions, "new_items": new_items,
        "max_days": max_days, "drift": drift, "lease_seconds": lease_seconds,
    }  # fmt: skip
    options = Options(**{name: value for name, value in told.items() if value is not None})
    done = run_once(source or [], manifest, options)
    if as_json:
        emit_json(done)
        return
    what = "" if done["changed"] else " Nothing had changed."
    out.print(f"{done['run_id']}: done in {done['seconds']:.1f} s.{what}", highlight=False)


@app.command()
def status(as_json: Json = False) -> None:
    """Who refreshes now, and how far the last refresh came.

    Example: shopgraph refresh status
    """
    from kg.driver import connect
    from kg.refresh.history import last
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        found = last(graph)
    if as_json:
        emit_json(found)
        return
    lease = found["lease"]
    out.print(f"lease: {lease['holder']} until {lease['expires_at']}" if lease else "lease: free")
    if found["job"] is None:
        say("No refresh was run yet.")
        return
    job = found["job"]
    why = f": {job['error']}" if job["error"] else ""
    more = "; the next refresh goes on with it" if job["status"] in ("killed", "stopped") else ""
    out.print(f"{job['run_id']}: {job['status']}{why}{more}", highlight=False)
    for stage in found["stages"]:
        seconds = "not finished" if stage["seconds"] is None else f"{stage['seconds']:.1f} s"
        out.print(f"  {stage['stage']}: {seconds} {stage['counts'] or ''}", highlight=False)


@app.command()
def history(
    n: Annotated[int, typer.Option("-n", help="How many.", min=1)] = 20, as_json: Json = False
) -> None:
    """The last refreshes, the newest first.

    Example: shopgraph refresh history -n 5
    """
    from rich.table import Column, Table

    from kg.driver import connect
    from kg.refresh.history import jobs
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        found = jobs(graph, n)
    if as_json:
        emit_json(found)
        return
    if not found:
        say("No refresh was run yet.")
        return
    table = Table(
        Column("run_id", no_wrap=True), "status", "mode", "until", "started", "finished", "attempts", "error"
    )
    for row in found:
        times = ((row[name] or "")[:16] for name in ("started_at", "finished_at"))  # to the minute
        table.add_row(
            row["run_id"], row["status"], row["mode"], row["until"] or "", *times, str(row["attempts"]),
            row["error"] or "",
        )  # fmt: skip
    out.print(table)


@app.command(context_settings={"ignore_unknown_options": True})
def schedule(
    context: typer.Context,
    cron: Annotated[str, typer.Option(help="When, as in crontab: minute hour day month weekday.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OPTION_OF_REFRESH",
            help="Handed to each refresh: --source FOLDER, --no-retrain, --max-days 7 and whatever else "
            "shopgraph refresh --help lists.",
        ),
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Also refresh once at the start.")] = False,
) -> None:
    """Refresh at fixed times until interrupted. A refresh that is still running is not started twice.

    Needs: pip install 'shopgraph\\[refresh]'

    Example: shopgraph refresh schedule --cron "0 3 * * *" --new-interactions 0.1
    """
    from kg.refresh.schedule import every

    assert context.parent is not None
    handed = list(options or [])
    context.parent.command.make_context("refresh", list(handed))  # refuses now what a refresh would at three
    every(cron, handed, now=now)


def run_once(sources: list[Path], manifest: Path | None, options: "Options") -> dict[str, Any]:
    """A refresh on the database of the settings; SIGTERM and Ctrl-C stop it and what it has started."""
    from kg.driver import connect
    from kg.refresh.run import refresh as run
    from kg.refresh.stopping import Stop
    from kg.settings import load_settings

    settings = load_settings()
    with Stop() as stop, connect(settings) as graph:
        return run(graph, settings, options, sources, manifest, stop)._asdict()
