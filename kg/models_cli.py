"""The commands `shopgraph model …`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from kg.driver import Graph, Row
    from kg.models import Model

app = typer.Typer(name="model", no_args_is_help=True, help="The models, and which of them answers.")
T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Version = Annotated[str, typer.Argument(help="Version of a model, or how it begins.")]
_VERDICTS = {True: "passed", False: "refused", None: ""}


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every model that was ever published, held or judged by the gate.

    Example: shopgraph model list
    """
    from rich.table import Table

    from kg.models import known

    models = _on_graph(known)
    if as_json:
        emit_json([model._asdict() for model in models])
        return
    if not models:
        say("No model yet. Train one and publish it: shopgraph gnn train && shopgraph gnn write-back")
        return
    table = Table("version", "live", "gate", "vectors", "trained", "promoted", "items", "NDCG@20 %")
    table.caption = "NDCG@20: on the test part of its own training. Which is better: shopgraph model compare"
    for m in models:
        figure = m.metrics.get("gnn", {}).get("ndcg@20")
        shown = "" if figure is None else f"{100 * figure:.2f}"
        table.add_row(
            m.version, "live" if m.live else "", _VERDICTS[m.passed], m.slot or "none",
            *((time or "")[:16] for time in (m.trained_at, m.promoted_at)),  # to the minute
            f"{m.items:,}" if m.items is not None else "", shown,
        )  # fmt: skip
    out.print(table)


@app.command()
def show(version: Version) -> None:
    """All that the graph says of a model, as JSON.

    Example: shopgraph model show 20261124
    """
    from kg.models import find, gates

    def all_of(graph: "Graph") -> dict[str, Any]:
        model = find(graph, version)
        return {**model._asdict(), "gate": gates(graph, model.version)}

    emit_json(_on_graph(all_of))


@app.command()
def compare(first: Version, second: Version, as_json: Json = False) -> None:
    """The figures of two models, each on the test part of its own training, and those of the gate.

    Two models that were trained on other data have other test parts: their own figures say little of which is
    better, and those of the gate, which asked both for the same, say it.

    Example: shopgraph model compare 20261123 20261124
    """
    from rich.table import Table

    from kg.models import find, gates

    def both(graph: "Graph") -> tuple[list["Model"], list["Row"]]:
        models = [find(graph, version) for version in (first, second)]
        return models, [gate for model in models for gate in gates(graph, model.version)]

    models, judged = _on_graph(both)
    figures = [m.metrics.get("gnn", {}) for m in models]
    names = [name for name in figures[0] if name in figures[1]]
    if as_json:
        test = {name: [f[name] for f in figures] for name in names}
        emit_json({"same_data": _same_data(models), "test": test, "gates": judged})
        return
    if names:
        table = Table("%", *(m.version for m in models), "difference")
        for name in names:
            one, other = (100 * f[name] for f in figures)
            table.add_row(name, f"{one:.2f}", f"{other:.2f}", f"{other - one:+.2f}")
        out.print(table)
        if not _same_data(models):
            out.print(
                "They were trained on other data, and so tested on other users and days: the difference says "
                "little of which is better."
            )
    for gate in judged:
        _print_gate(gate)


@app.command()
def promote(
    version: Version,
    force: Annotated[bool, typer.Option("--force", help="Also one that the gate refused.")] = False,
) -> None:
    """Let a model answer whose vectors are still in the graph. API processes follow within two seconds.

    Example: shopgraph model promote 20261124
    """
    from kg.models import find
    from kg.models import promote as move

    def moved(graph: "Graph") -> "Model":
        model = find(graph, version)
        return model if model.live else move(graph, version, force=force)

    _told(_on_graph(moved))


@app.command()
def rollback() -> None:
    """Let the model answer again that did before.

    Example: shopgraph model rollback
    """
    from kg.models import rollback as back

    _told(_on_graph(back))


def _same_data(models: list["Model"]) -> bool:
    """Whether models were trained on the same interactions, so that the same part of them tested them."""
    first, second = ((m.until, m.interactions) for m in models)
    return first == second and None not in first


def _print_gate(gate: "Row") -> None:
    """A verdict and, where there are some, its figures: overall, then by segment."""

    verdict, live = _VERDICTS[gate["publish"]], gate["live"] or "popularity"
    out.print(
        f"gate, {gate['candidate']} against {live}: {verdict}: {gate['reason']}",
        highlight=False,
        markup=False,
    )
    if not gate["report"]["overall"]:
        return
    _segments("NDCG@20 %", {"overall": gate["report"]["overall"], **gate["report"]["segments"]})
    if answers := gate["report"].get("answers"):
        out.print(f"of {answers['users']:,} shoppers, {answers['reason']}", highlight=False, markup=False)
        if segments := answers.get("segments"):
            _segments("as they would answer", segments, "p of no worse")


def _segments(title: str, rows: dict[str, dict[str, float]], p: str = "p") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title, "users", "candidate", "live", "difference", p)
    for name, row in rows.items():
        difference = row.get("difference", row["candidate"] - row["live"])
        table.add_row(
            escape(name), f"{row['users']:,.0f}", f"{100 * row['candidate']:.2f}", f"{100 * row['live']:.2f}",
            f"{100 * difference:+.2f}", f"{row['p']:.4f}",
        )  # fmt: skip
    out.print(table)


def _told(model: "Model") -> None:
    out.print(f"{model.version} is live, from slot {model.slot}.")


def _on_graph(work: "Callable[[Graph], T]") -> T:
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        return work(graph)
