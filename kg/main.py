"""The command `shopgraph`: one group for each package that registers the entry point shopgraph.commands."""

import errno
import sys
import warnings
from importlib.metadata import entry_points

import typer
from rich.markup import escape

from kg.console import emit_json, err
from kg.errors import ShopgraphError
from kg.parent import end_with_parent

app = typer.Typer(
    name="shopgraph",
    no_args_is_help=True,
    help="A knowledge-graph recommender for online shops: files to graph, vectors, model, answers."
    "\n\nThe usual order: graph ingest FOLDER, graph encode, graph build, gnn train, gnn write-back, "
    "api serve.",
)


_ORDER = ("graph", "gnn", "model", "refresh", "scenario", "experiment", "feedback", "api")


def register() -> None:
    """Mount the groups, graph first; heavy libraries are not imported by it."""
    order = {name: n for n, name in enumerate(_ORDER)}
    for point in sorted(entry_points(group="shopgraph.commands"), key=lambda p: order.get(p.name, 9)):
        group = point.load()
        if isinstance(group, typer.Typer):
            app.add_typer(group, name=point.name)
        else:
            app.command(point.name)(group)


def run() -> None:
    """Entry point: words for the errors we raise on purpose, a trace for those we did not."""
    # What libraries say of each other's habits is for us, in the tests, not for the person at the keyboard.
    warnings.filterwarnings("ignore", module="torch")
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    end_with_parent()
    try:
        register()
        app()
    except ShopgraphError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        if "--json" in sys.argv:
            emit_json({"error": str(error)})  # for whoever reads it, be it the command that started this one
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        where = f": {error.filename}" if error.filename else ""
        err.print(f"[bold red]error:[/] {escape(f'{error.strerror}{where}')}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:  # where no command had begun
        sys.exit(130)


if __name__ == "__main__":
    run()
