"""The command `shopgraph feedback report`."""

from typing import Annotated

import typer

from kg.console import emit_json, out, say

app = typer.Typer(name="feedback", no_args_is_help=True, help="What recommendations led to.")


@app.callback()
def _group() -> None:
    """What recommendations led to."""


@app.command()
def report(
    by: Annotated[str, typer.Option(help="scenario, model or position.")] = "scenario",
    days: Annotated[float, typer.Option(help="Answers of so many last days; at most 90.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Clicks, purchases and revenue of the items shown, from events that carry a recommendation_id.

    Example: shopgraph feedback report --by position --days 7
    """
    from rich.table import Table

    from kg.driver import connect
    from kg.feedback.report import report as read
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        found = read(graph, by, days)
    if as_json:
        emit_json([f.plain(by) for f in found])
        return
    table = Table(by, "answers", "shown", "clicks", "click-through %", "purchases", "conversion %", "revenue")
    for f in found:
        rates = ["" if rate is None else f"{100 * rate:.2f}" for rate in (f.click_through, f.conversion)]
        table.add_row(
            f.key or "none", f"{f.answers:,}", f"{f.shown:,}", f"{f.clicks:,}", rates[0],
            f"{f.purchases:,}", rates[1], money(f.revenue),
        )  # fmt: skip
    out.print(table)
    if unpriced := sum(f.unpriced for f in found):
        say(f"{unpriced:,} of the items bought have no price and add no revenue.")
    if not found:
        say(f"The API answered nothing in the last {days:g} days.")


def money(revenue: dict[str, float]) -> str:
    """Amounts with their currencies."""
    return ", ".join(f"{amount:,.2f} {currency}" for currency, amount in revenue.items())
