"""What recommendations led to, by scenario, model version or position.

A place is one item in one answer. It counts as clicked, and as bought from, once, however often an event says
so; revenue counts every unit. Events are credited where they name the answer and an item that it showed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, get_args

from kg.driver import Graph, Row
from kg.errors import SettingsError
from kg.feedback.answers import REPORTED
from kg.queries import load

By = Literal["scenario", "model", "position"]
_KINDS: tuple[By, ...] = get_args(By)


class Figures(NamedTuple):
    """What some places led to."""

    key: str  # the scenario ('' for none), the model's version, or the position from 1
    answers: int
    shown: int  # places
    clicks: int  # places whose item was viewed
    purchases: int  # places whose item was bought
    revenue: dict[str, float]  # currency -> price × quantity; '?' where no currency is known
    unpriced: int  # places bought at a price that is not known

    @property
    def click_through(self) -> float | None:
        """clicks / shown; None where nothing was shown."""
        return self.clicks / self.shown if self.shown else None

    @property
    def conversion(self) -> float | None:
        """purchases / shown; None where nothing was shown."""
        return self.purchases / self.shown if self.shown else None

    def plain(self, by: str) -> dict[str, object]:
        """With the rates, for JSON."""
        told = {by: self.key, **self._asdict()}
        del told["key"]
        return told | {"click_through": self.click_through, "conversion": self.conversion}


def report(graph: Graph, by: str = "scenario", days: float = 30) -> list[Figures]:
    """Figures of the answers of the last days, positions in their order, others by name.

    Raises:
        SettingsError: `by` or `days` is none of what there is.
    """
    if by not in _KINDS:
        raise SettingsError(f"--by is {by!r}: expected one of {', '.join(_KINDS)}.")
    if not 0 < days <= REPORTED.days:
        raise SettingsError(
            f"--days is {days:g}: expected up to {REPORTED.days}, as long as answers are kept."
        )
    queries, since = load("feedback"), datetime.now(UTC) - timedelta(days=days)
    shown = graph.read(queries.shown, by=by, since=since)
    credited = graph.read(queries.credited, by=by, since=since)
    found = [_figures(row, [c for c in credited if c["key"] == row["key"]]) for row in shown]
    return sorted(found, key=lambda f: (int(f.key), "") if by == "position" else (0, f.key))


def _figures(shown: Row, credited: Iterable[Row]) -> Figures:
    rows = list(credited)
    return Figures(
        key=shown["key"],
        answers=shown["answers"],
        shown=shown["shown"],
        clicks=sum(row["clicks"] for row in rows),
        purchases=sum(row["purchases"] for row in rows),
        revenue={r["currency"]: round(r["revenue"], 6) for r in rows if r["currency"] and r["revenue"]},
        unpriced=sum(row["purchases"] for row in rows if not row["currency"]),
    )
