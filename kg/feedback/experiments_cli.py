"""The commands `shopgraph experiment …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from kg.feedback.comparison import Comparison, Difference

app = typer.Typer(
    name="experiment", no_args_is_help=True, help="A/B tests of two scenarios, or of two models."
)
Name = Annotated[str, typer.Argument(help="The experiment.")]


@app.command()
def start(
    name: Name,
    a: Annotated[
        str,
        typer.Option(
            "--a", help="scenario:NAME, the one that requests name, or model:VERSION, the live one."
        ),
    ],
    b: Annotated[
        str,
        typer.Option(
            "--b",
            help="What stands in for it: scenario:NAME, or model:VERSION whose vectors are in the graph.",
        ),
    ],
    share: Annotated[float, typer.Option(help="Part of the shoppers who get b.")] = 0.5,
) -> None:
    """Split the shoppers of a scenario between it and another one, or all shoppers between two models.

    API processes follow within two seconds, once they have read the second model. No model can be published
    while two are compared.

    Example: shopgraph experiment start new-home --a scenario:home --b scenario:home-2
    """
    from functools import partial

    from kg.driver import connect
    from kg.feedback.experiments import sides_of
    from kg.feedback.experiments import start as begin
    from kg.models import find
    from kg.schema import make_keys
    from kg.settings import load_settings

    compares, one, other = sides_of(a, b)
    with connect(load_settings()) as graph:
        make_keys(graph)
        if compares == "model":
            one, other = (find(graph, version).version for version in (one, other))
        work = partial(begin, name=name, compares=compares, a=one, b=other, share=share)
        graph.transact("an experiment", work)
    say(f"{name} runs: {share:.0%} of the shoppers of {one} get {other}.")


@app.command()
def report(name: Name, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """What both sides led to so far, and the difference with its 95 % confidence interval over shoppers.

    Example: shopgraph experiment report new-home
    """
    from kg.driver import connect
    from kg.feedback.comparison import compare
    from kg.feedback.experiments import experiments_from, find
    from kg.queries import load
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        result = compare(graph, find(experiments_from(graph.read(load("experiments").every)), name))
    if as_json:
        emit_json(
            {
                "experiment": result.experiment._asdict(),
                "arms": [side._asdict() for side in result.sides],
                "differences": [d._asdict() | {"clear": d.clear} for d in result.differences],
            }
        )
    else:
        _print(result)


@app.command()
def stop(name: Name) -> None:
    """Let a answer everybody again. The report stays.

    Example: shopgraph experiment stop new-home
    """
    from functools import partial

    from kg.driver import connect
    from kg.feedback.experiments import stop as end
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        found = graph.transact("the end of an experiment", partial(end, name=name))
    say(f"{name} has stopped. {found.a} answers everybody within two seconds.")


def _print(result: "Comparison") -> None:
    from rich.table import Table

    from kg.feedback.cli import money

    table = Table(
        "arm", "side", "users", "answers", "shown", "click-through %", "conversion %", "revenue a user"
    )
    for s in result.sides:
        rates = ["" if rate is None else f"{100 * rate:.2f}" for rate in (s.click_through, s.conversion)]
        table.add_row(
            s.arm, s.side, f"{s.users:,}", f"{s.answers:,}", f"{s.shown:,}", *rates,
            money(s.revenue_per_user),
        )  # fmt: skip
    out.print(table)
    for d in result.differences:
        out.print(_line(d), markup=False, highlight=False)


def _line(d: "Difference") -> str:
    what = f"{d.figure.replace('_', '-')}, b minus a"
    if d.difference is None:
        return f"{what}: both sides need two users."
    scale, unit = (1, f" {d.currency}") if d.currency else (100, " points of percent")
    if d.low is None or d.high is None:
        return f"{what}: {scale * d.difference:+.3f}{unit}; no interval, since all shoppers did the same."
    verdict = "clear" if d.clear else "may be chance"
    bounds = f"{scale * d.low:+.3f} to {scale * d.high:+.3f}"
    return f"{what}: {scale * d.difference:+.3f}{unit}, 95 %: {bounds} ({verdict})"
