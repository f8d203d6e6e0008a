"""An answer as a person reads it on a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from api.evaluation.measure import RANK_LOST, Report
from api.schemas.answers import Reason, Recommendation, RecommendationResponse

_REASONS = 3  # a line each


def shown(answer: RecommendationResponse) -> RenderableType:
    """A table of the items with their reasons, then whatever there is to say about it."""
    table = Table(show_lines=True, expand=False)
    for name in ("#", "Item", "Price", "Score", "Because"):
        table.add_column(name, justify="right" if name in ("#", "Price", "Score") else "left")
    for item in answer.items:
        table.add_row(str(item.rank), _title(item), _price(item), f"{item.score:.2f}", _because(item.reasons))
    lines: list[RenderableType] = [table]
    if answer.fallback_used:
        lines.append(Text(f"Answered by {answer.fallback_used.to} instead: {answer.fallback_used.reason}"))
    if answer.filtered_out:
        lines.append(Text("Left out: " + ", ".join(f"{k} {n:,}" for k, n in answer.filtered_out.items())))
    lines += [Text(note) for note in answer.notes]
    for item in answer.items:
        for path in item.paths or []:
            lines.append(Text(f"{item.rank}: {_arrows(path.nodes, path.relationships)}"))
    if answer.items and answer.items[0].paths:
        lines.append(Text(f"\nThe first one in Neo4j Browser:\n{answer.items[0].paths[0].cypher}"))
    lines.append(
        Text(
            f"model {answer.model_version}, graph {answer.graph_version}, {answer.took_ms:.0f} ms",
            style="dim",
        )
    )
    return Group(*lines)


def evaluated(report: Report) -> RenderableType:
    """A line a system, metrics in percent."""
    names = list(dict.fromkeys(name for values in report.systems.values() for name in values))
    table = Table("%", *names)
    for system, values in report.systems.items():
        table.add_row(system, *(_figure(name, values.get(name)) for name in names))
    said = f"{report.task}: {report.cases:,} cases"
    if report.p_value is not None:
        said += f"; p {report.p_value:.4f} that the last is no better"
    return Group(table, Text(said, style="dim"))


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:g} places" if name == RANK_LOST else f"{100 * value:.2f}"


def _title(item: Recommendation) -> str:
    title = escape(str(item.fields.get("title") or item.item_id))
    under = " · ".join(x for x in (item.item_id, str(item.fields.get("brand") or "")) if x)
    return f"{title}\n[dim]{escape(under)}[/]"


def _price(item: Recommendation) -> str:
    price = item.fields.get("price")
    return "" if price is None else f"{price:,.2f} {item.fields.get('currency') or ''}".strip()


def _because(reasons: Sequence[Reason]) -> str:
    return "\n".join(f"{r.share:3.0f} % {escape(r.text)}" for r in reasons[:_REASONS] if r.contribution > 0)


def _arrows(nodes: Sequence[str], relationships: Sequence[str]) -> str:
    steps = "".join(f" -{r}- {n}" for r, n in zip(relationships, nodes[1:], strict=True))
    return nodes[0] + steps
