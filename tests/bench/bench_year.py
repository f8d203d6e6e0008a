"""Bar 7 of the refresh: the demo's year, week by week, with a model that is kept fresh and two that are not.

    python -m tests.bench.bench_year

The first 40 weeks are loaded and a model is trained. Then, before each week, every household that will buy
something new to it in that week is asked for 20 items, through the serving path: of (a) a graph that was
refreshed after each week, which trains and learns as it thinks fit, (b) one that takes in what is bought, but
keeps the model and the ranking of week 40, (c) the answers of week 40. Writes build/bench/year.json and
year.png; a run that was cut off goes on at its week.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from api.evaluation.measure import p_value
from api.reads import Reads
from api.recommender import recommend
from api.schemas import RecommendationRequest
from api.state.served import load_serving
from examples.journey.demo import MANIFEST
from examples.journey.prepare import prepare
from kg.console import out, progress
from kg.driver import connect
from kg.settings import load_settings

RESULT, PLOT = Path("build/bench/year.json"), Path("build/bench/year.png")
HOME = Path("build/bench/year").resolve()
FIRST: Final = 40  # weeks that are loaded at once
K: Final = 20
NAMES: Final = {
    "fresh": "refreshed each week",
    "live": "model of week 40, live histories",
    "frozen": "all of week 40",
}
Answers = Mapping[str, list[str]]  # user -> items, best first


class Year(NamedTuple):
    """Purchases in the order of weeks."""

    lines: pd.DataFrame
    weeks: int

    def write(self, folder: Path, until: int) -> None:
        """Make the shop's folder hold what was bought in the first weeks, a file each."""
        for week, lines in self.lines[self.lines["week"] < until].groupby("week"):
            path = folder / f"week-{week:02}.parquet"
            if not path.is_file():
                lines.drop(columns="week").to_parquet(path, index=False)

    def new_to(self, week: int) -> dict[str, set[str]]:
        """By user, the items bought in a week and never before by that user."""
        pairs = self.lines[["user", "item", "week"]].sort_values("week").drop_duplicates(["user", "item"])
        now = pairs[pairs["week"] == week]
        return {str(user): set(of["item"]) for user, of in now.groupby("user")}


def load_year(folder: Path) -> Year:
    """The demo's purchases, with the number of their week."""
    prepare(folder)
    lines = pd.read_parquet(folder / "transactions.parquet")
    at = pd.to_datetime(lines["transaction_timestamp"])
    lines["week"] = (at - at.min().normalize()).dt.days // 7
    lines["user"], lines["item"] = lines["household_id"].astype(str), lines["product_id"].astype(str)
    full = lines[lines["week"] < 52]  # what is left of the year is no week
    return Year(full, int(full["week"].max()) + 1)


def shop_of(name: str, items: Path) -> Path:
    """A folder for one of the graphs; its manifest reads a file a week."""
    folder = HOME / name / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(items, folder / "items.parquet")
    manifest = MANIFEST.read_text(encoding="utf-8")
    changed = manifest.replace('files = "transactions.parquet"', 'files = "week-*.parquet"')
    assert changed != manifest
    (folder / "shop.toml").write_text(changed, encoding="utf-8")
    return folder


@contextmanager
def database(name: str) -> Iterator[None]:
    """The graph of that name, as the settings of this process."""
    os.environ["SHOPGRAPH_HOME"] = str(HOME / name / "home")
    shopgraph("graph", "server", "start")
    try:
        yield
    finally:
        shopgraph("graph", "server", "stop")


def shopgraph(*arguments: str) -> None:
    """Run one command of this environment."""
    out.print(f"$ shopgraph {' '.join(arguments)}", highlight=False)
    program = Path(sys.executable).with_name("shopgraph")
    subprocess.run([program, *arguments], check=True, stdout=sys.stderr)


def asked(users: list[str]) -> dict[str, list[str]]:
    """What the graph recommends to each user now, through the serving path."""

    async def all_of_them() -> dict[str, list[str]]:
        settings = load_settings()
        with connect(settings) as graph:
            serving, reads = load_serving(graph, settings), Reads(graph)
            found = {}
            try:
                with progress("recommendations", len(users)) as advance:
                    for user in users:
                        answer = await recommend(RecommendationRequest(user_id=user, limit=K), serving, reads)
                        found[user] = [item.item_id for item in answer.items]
                        advance()
            finally:
                await reads.close()
        return found

    return asyncio.run(all_of_them())


def recalls(answers: Answers, wanted: Mapping[str, set[str]]) -> list[float]:
    """Recall@20 of each user, in the order of their ids."""
    return [len(set(answers[user][:K]) & wanted[user]) / len(wanted[user]) for user in sorted(wanted)]


def weekly(name: str, year: Year, items: Path, weeks: range, *more: str) -> dict[int, list[float]]:
    """Recall of each week's users, asked before the week is loaded; kept, so that a killed run goes on."""
    kept = HOME / f"{name}.json"
    found = {int(week): r for week, r in (json.loads(kept.read_text()) if kept.is_file() else {}).items()}
    with database(name):
        for week in (week for week in weeks if week not in found):
            year.write(shop_of(name, items), until=week)
            shopgraph("refresh", "--source", str(HOME / name / "shop"), *(more if week > FIRST else ()))
            wanted = year.new_to(week)
            found[week] = recalls(asked(sorted(wanted)), wanted)
            out.print(f"{name}, week {week + 1}: Recall@20 {np.mean(found[week]):.4f}", highlight=False)
            kept.write_text(json.dumps(found))
    return found


def frozen(year: Year, weeks: range) -> dict[int, list[float]]:
    """Recall of the answers that the graph of week 40 gives, week after week."""
    kept = HOME / "frozen.json"
    if not kept.is_file():
        everybody = sorted({user for week in weeks for user in year.new_to(week)})
        with database("live"):
            kept.write_text(json.dumps(asked(everybody)))
    answers = json.loads(kept.read_text())
    return {week: recalls(answers, year.new_to(week)) for week in weeks}


def measured(year: Year, last: int) -> dict[str, dict[int, list[float]]]:
    """Recall by way and week."""
    items = HOME / "journey" / "items.parquet"
    weeks = range(FIRST, min(last, year.weeks))
    fresh, live = HOME / "fresh", HOME / "live"
    if not live.is_dir():
        weekly("fresh", year, items, range(FIRST, FIRST + 1))
        shutil.rmtree(HOME / "live.part", ignore_errors=True)
        shutil.copytree(fresh, HOME / "live.part")
        (HOME / "live.part").rename(live)
    still = frozen(year, weeks)  # before the graph of week 40 takes anything in
    retrained = weekly("fresh", year, items, weeks)
    untrained = weekly("live", year, items, weeks, "--no-retrain")
    return {"fresh": retrained, "live": untrained, "frozen": still}


def bars_of(found: Mapping[str, Mapping[int, list[float]]], year: Year, command: str) -> list[dict[str, Any]]:
    """What each way reaches, and whether the fresh one beats the frozen one: p by household."""
    whole = {name: np.concatenate([np.array(r) for r in weeks.values()]) for name, weeks in found.items()}
    users = np.concatenate([sorted(year.new_to(week)) for week in found["fresh"]])
    by_user = pd.DataFrame(whole).groupby(users).mean()
    bars: list[dict[str, Any]] = [
        {
            "bar": f"7 Recall@20, {NAMES[name]}",
            "value": round(float(values.mean()), 5),
            "limit": "none",
            "ok": True,
            "command": command,
            "weeks": {week + 1: round(float(np.mean(r)), 5) for week, r in found[name].items()},
        }
        for name, values in whole.items()
    ]
    for other in ("frozen", "live"):
        p = p_value(by_user["fresh"].to_numpy(), by_user[other].to_numpy())
        gain = float(whole["fresh"].mean() / whole[other].mean())
        bars.append(
            {
                "bar": f"7 {NAMES['fresh']}, times {NAMES[other]} (p {p:.4f})",
                "value": round(gain, 4),
                "limit": "> 1, p < 0.05" if other == "frozen" else "none",
                "ok": other != "frozen" or (gain > 1 and p < 0.05),
                "command": command,
            }
        )
    return bars


def draw(found: Mapping[str, Mapping[int, list[float]]]) -> None:
    """Recall by week, a line a way."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, weeks in found.items():
        axes.plot(
            [w + 1 for w in weeks], [100 * np.mean(r) for r in weeks.values()], marker="o", label=NAMES[name]
        )
    axes.set(xlabel="week of the year", ylabel="Recall@20 of the week's new purchases, %", ylim=(0, None))
    axes.legend()
    figure.savefig(PLOT, dpi=150)
    plt.close(figure)


def main() -> int:
    """Exit code 0 when the bar is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--last", type=int, default=52, help="stop after this week")
    options = parser.parse_args()
    HOME.mkdir(parents=True, exist_ok=True)
    year = load_year(HOME / "journey")
    found = measured(year, options.last)
    draw(found)
    bars = bars_of(found, year, "python -m tests.bench.bench_year")
    RESULT.write_text(json.dumps(bars, indent=1) + "\n")
    for bar in bars:
        out.print(f"{'ok  ' if bar['ok'] else 'miss'} {bar['bar']}: {bar['value']}", highlight=False)
    return 0 if all(bar["ok"] for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
