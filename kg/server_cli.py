"""`shopgraph graph server`: the local Neo4j."""

import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.console import emit_json, out, say
from kg.errors import ServerError

if TYPE_CHECKING:
    from kg.server import LocalServer, Status

app = typer.Typer(no_args_is_help=True, help="The local Neo4j: start, stop, status, browser, dump and load.")

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")]


@app.command()
def start(
    heap: Annotated[
        int | None, typer.Option(help="JVM heap in MiB; default: an eighth of the memory.")
    ] = None,
    page_cache: Annotated[
        int | None, typer.Option(help="Neo4j's page cache in MiB; default: the same.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the local Neo4j, or find the one that runs.

    The first start downloads Neo4j (190 MB); it stays in SHOPGRAPH_CACHE for all later ones. The data are
    under SHOPGRAPH_HOME. Commands that need the database start it themselves.

    Example: shopgraph graph server start --heap 2048
    """
    server = _server(heap, page_cache)
    began = time.monotonic()
    server.start()
    status = server.status()
    if as_json:
        emit_json(_plain(status))
        return
    took = time.monotonic() - began
    say(f"Neo4j {status.version} answers at {status.uri} (pid {status.pid}, {took:.1f} s).")
    say(f"Browser:  {status.browser}")
    say("Stop it:  shopgraph graph server stop")


@app.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the local Neo4j; its data stay.

    Example: shopgraph graph server stop
    """
    stopped = _server().stop()
    if as_json:
        emit_json({"stopped": stopped})
        return
    say("Neo4j has stopped; its data stay." if stopped else "No local Neo4j was running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Tell whether the local Neo4j runs, where it listens and where its data are.

    Example: shopgraph graph server status --json
    """
    found = _server().status()
    if as_json:
        emit_json(_plain(found))
        return
    for name, value in _plain(found).items():
        if value is not None:
            out.print(f"{name + ':':<12}{value}", highlight=False)


@app.command()
def dump(
    folder: Annotated[Path, typer.Argument(help="Where neo4j.dump goes; made where it is missing.")],
    as_json: AsJson = False,
) -> None:
    """Back the whole graph up, vectors and the log of events included: neo4j.dump in FOLDER.

    The local Neo4j must be stopped. A backup of before is replaced once the new one is whole.

    Example: shopgraph graph server stop && shopgraph graph server dump backup
    """
    file = _server().dump(folder.resolve())
    if as_json:
        emit_json({"dump": str(file), "bytes": file.stat().st_size})
        return
    say(f"{file} ({file.stat().st_size / 1e6:,.1f} MB) is the graph.")
    say(f"Back again: shopgraph graph server load {folder}")


@app.command()
def load(
    folder: Annotated[Path, typer.Argument(help="Where neo4j.dump is.", exists=True, file_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the graph that there is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a graph that `dump` backed up in the place of what there is, which stays if that fails.

    The local Neo4j must be stopped.

    Example: shopgraph graph server load backup --force
    """
    if not (folder / "neo4j.dump").is_file():
        raise ServerError(
            f"{folder / 'neo4j.dump'} is missing. Make it: shopgraph graph server dump {folder}"
        )
    server = _server()
    if server.layout.has_data() and not force:
        raise ServerError(f"There is a graph in {server.layout.root}. To replace it: --force")
    server.load(folder.resolve())
    if as_json:
        emit_json({"loaded": str(folder.resolve() / "neo4j.dump")})
        return
    say("The graph is that of the backup. Models and encoders lie under SHOPGRAPH_HOME beside it.")


@app.command()
def browser(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in this machine's web browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the address of Neo4j Browser, where the graph can be asked in Cypher and seen as a picture.

    Example: shopgraph graph server browser --open
    """
    server = _server()
    address = server.browser_url()
    password = server.layout.password
    if as_json:
        emit_json({"url": address, "user": "neo4j", "password_file": password})
    else:
        out.print(f"address:  {address}", highlight=False)
        out.print("user:     neo4j", highlight=False)
        out.print(f"password: is in {password}  (cat it; only you can read it)", highlight=False)
    if open_it:
        webbrowser.open(address)


def _server(heap: int | None = None, page_cache: int | None = None) -> "LocalServer":
    from kg.server import LocalServer
    from kg.settings import load_settings

    return LocalServer(load_settings().home, heap=heap, page_cache=page_cache)


def _plain(status: "Status") -> dict[str, Any]:
    started = None if status.started is None else time.strftime("%F %T", time.localtime(status.started))
    return status._asdict() | {"started": started}
