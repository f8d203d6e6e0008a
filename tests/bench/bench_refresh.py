"""`make bench-refresh`: the bars of the refresh job; writes build/bench/refresh.json.

Every bar is a line of {"bar", "value", "limit", "ok", "command"}. BARS=2,3 picks some; lines of others are
kept.
It has a local Neo4j of its own under build/bench/refresh, with a made-up shop, which it kills on purpose.
Bar 7 takes the demo's data, the other half of bar 3 Beauty; these and bar 8 have modules of their own.

    python -m tests.bench.bench_refresh --bars 2,3,4 --times 5 --users 2000 --items 500
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from kg.check import check
from kg.checksum import GraphSum, measure
from kg.console import out
from kg.driver import Graph, connect
from kg.models import published
from kg.refresh.history import last
from kg.refresh.lease import holder
from kg.refresh.stages import STAGES
from kg.server import LocalServer
from kg.settings import load_settings
from tests.bench.bench_gate import gate
from tests.bench.bench_model import rows_of
from tests.bench.bench_publish import publications
from tests.bench.server import served
from tests.kg.made_up import PRODUCTS, SALES, read_csv, write_csv, write_shop

Bar = dict[str, Any]
RESULT = Path("build/bench/refresh.json")
HOME = Path("build/bench/refresh").resolve()
LEASE = 5
# Where each stage is killed: after so many writes of the job, or so long after it began.
POINTS = {
    "ingest": ("0w", "1w", "4w", "7w", "9w"),
    "prune": ("0w", "1w", "3w", "5w", "7w"),
    "encode": ("0.1s", "1s", "3s", "5s", "7s"),
    "count": ("0.1s", "0.5s", "1s", "1.5s", "2s"),
    "train": ("0.5s", "3s", "6s", "9s", "12s"),
    "evaluate": ("0.5s", "2s", "4s", "6s", "8s"),
    "publish": ("0.5s", "2s", "4s", "5s", "6s"),
    "embed": ("0.5s", "2s", "4s", "5s", "6s"),
    "learn": ("0.5s", "2s", "4s", "5s", "6s"),
    "check": ("0w", "0.1s", "0.2s", "0.3s", "0.4s"),
}
LEARNING = ("train", "evaluate", "publish", "learn")


class Shop:
    """Two states of one shop's files, of which the folder has one."""

    def __init__(self, folder: Path, users: int, items: int) -> None:
        self.folder, self.late = folder, False
        write_shop(folder, users, items, tastes=8)
        self.sales = read_csv(folder / "sales.csv")
        self.products = read_csv(folder / "products.csv")

    def turn(self) -> None:
        """A day later, or back again: 1 % of the sales, a price and a product come, as many go."""
        self.late = not self.late
        sales, products = self.sales, self.products
        if self.late:
            some = max(len(sales) // 100, 1)
            # Each item goes to the buyer of the row before, so that other things are bought together.
            new = [
                [row[0], other[1], row[2], str(int(row[3]) + 9_000_000), row[4], f"late-{row[5]}", row[6]]
                for row, other in pairwise(sales[: some + 1])
            ]
            sales = sales[some:] + new
            changed = [*products[0][:3], "77.5", *products[0][4:]]
            products = [changed, *products[1:], ["p-new", "A new thing", "Maker 1", "3.5", "All/Shelf 1"]]
        write_csv(self.folder / "sales.csv", SALES, sales)
        write_csv(self.folder / "products.csv", PRODUCTS, products)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kg.main", "refresh", "--lease-seconds", str(LEASE), *arguments]


def refresh(*arguments: str) -> dict[str, Any]:
    """A refresh that comes to its end."""
    done = subprocess.run([*command(*arguments), "--json"], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def kills(shop: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 2: the job killed in every stage, and Neo4j during it."""
    refresh("--source", str(shop.folder))
    want: dict[bool, GraphSum] = {}
    with connect(load_settings()) as graph:
        for _ in range(2):
            shop.turn()
            refresh("--no-retrain")
            want[shop.late] = measure(graph)
        with answering() as failures:
            for stage in (stage for stage in STAGES if stage.name in POINTS):  # nobody searches there
                wrong = [
                    w
                    for after in POINTS[stage.name][: options.times]
                    if (w := trial(graph, shop, stage.name, after, want))
                ]
                yield bar(
                    f"2 runs after a kill in {stage.name} that ended otherwise",
                    len(wrong),
                    0,
                    f"killed {stage.name}",
                    wrong,
                )
        yield bar("2 answers that failed meanwhile", failures[0], 0, "POST /v1/recommendations")
    wrong = [w for n in range(options.times) if (w := database_trial(shop, 0.5 + n, want))]
    yield bar("2 runs after a kill of Neo4j that ended otherwise", len(wrong), 0, "killed Neo4j", wrong)


def trial(graph: Graph, shop: Shop, stage: str, after: str, want: dict[bool, GraphSum]) -> str | None:
    """What was wrong, if anything."""
    shop.turn()
    learning = stage in LEARNING
    # Half of the changed rows suffice; else no model would be trained.
    how = ["--new-interactions", "0", "--max-days", "0"] if learning else ["--no-retrain"]
    killed = [sys.executable, "-m", "tests.kg.killed", stage, after, "--lease-seconds", str(LEASE), *how]
    code = subprocess.run(killed, check=False, stdout=subprocess.DEVNULL).returncode
    if code != -signal.SIGKILL:
        return f"{stage} {after}: ended with {code}, not by the kill"
    while holder(graph) is not None:
        time.sleep(0.2)
    refresh(*how)
    return wrongs(graph, f"{stage} {after}", want[shop.late], exact=not learning)


def wrongs(graph: Graph, where: str, want: GraphSum, *, exact: bool) -> str | None:
    """How the graph differs from that of an uninterrupted run; after a training its vectors are new ones."""
    found = measure(graph)
    if last(graph)["job"]["status"] != "done":
        return f"{where}: not done"
    if broken := check(graph):
        return f"{where}: {broken[0].invariant}"
    if sum(model.live for model in published(graph)) != 1:
        return f"{where}: not one live model"
    if exact:
        # Which slot is live, and which models there were, depends on the trainings before.
        return None if same(found, want) else f"{where}: other graph"
    return None


def same(one: GraphSum, other: GraphSum) -> bool:
    """Equal numbers of all that the files make; the checksum too where no model was published between."""
    mine = {"Model", "Alias", "POINTS_TO", "LEADS_TO"}
    parts = [
        [{name: n for name, n in counts.items() if name not in mine} for counts in (s.nodes, s.relationships)]
        for s in (one, other)
    ]
    published_between = one.nodes.get("Model") != other.nodes.get("Model")
    return parts[0] == parts[1] and (published_between or one.checksum == other.checksum)


def database_trial(shop: Shop, after: float, want: dict[bool, GraphSum]) -> str | None:
    shop.turn()
    server = LocalServer(HOME)
    pid = server.status().pid
    job = subprocess.Popen(command("--no-retrain"), stdout=subprocess.DEVNULL)
    time.sleep(after)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    job.wait(600)
    time.sleep(LEASE)
    refresh("--no-retrain")
    with connect(load_settings()) as graph:
        return wrongs(graph, f"Neo4j after {after} s", want[shop.late], exact=True)


def again(shop: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 3: the same refresh twice."""
    shop.turn()
    first = refresh("--source", str(shop.folder), "--full")
    with connect(load_settings()) as graph:
        before = measure(graph).checksum
        second = refresh()
        after = measure(graph).checksum
    words = f"python -m tests.bench.bench_refresh --bars 3 --users {options.users} --items {options.items}"
    yield bar("3 second refresh changed something", int(second["changed"] or before != after), 0, words)
    part = second["seconds"] / first["seconds"]
    yield {"bar": "3 second refresh, part of the first", "value": round(part, 4), "limit": "<= 0.1",
           "ok": part <= 0.1, "command": words, "seconds": [first["seconds"], second["seconds"]]}  # fmt: skip
    shop.turn()
    part_run = refresh("--no-retrain")
    # Neither side trains: what training takes would only make the full run longer.
    whole = sum(of["seconds"] for name, of in first["stages"].items() if name not in LEARNING)
    fresh = part_run["seconds"] / whole
    yield {
        "bar": "3 refresh of 1 % new events, part of a full run, both without training",
        "value": round(fresh, 4), "limit": "<= 0.15", "ok": fresh <= 0.15, "command": words,
        "stages": part_run["stages"],
    }  # fmt: skip
    counted = part_run["stages"]["count"]
    untouched = sum(
        not of["written"] for name, of in counted.items() if name in ("BOUGHT_WITH", "VIEWED_WITH")
    )
    yield bar("3 kinds of counted edges that the new events did not change", untouched, 0, words)


def races(shop: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 4: two started together."""
    refresh("--source", str(shop.folder), "--no-retrain")
    wrong = []
    for _ in range(4 * options.times):
        shop.turn()
        pair = [subprocess.Popen(command("--no-retrain"), stdout=-3, stderr=-3) for _ in range(2)]
        codes = sorted(child.wait(600) for child in pair)
        if codes != [0, 75]:
            wrong.append(str(codes))
    yield bar(
        f"4 of {4 * options.times} pairs, those of which not exactly one ran",
        len(wrong),
        0,
        f"python -m tests.bench.bench_refresh --bars 4 --users {options.users} --items {options.items}",
        wrong,
    )


@contextlib.contextmanager
def answering() -> Iterator[list[int]]:
    """Asks the API all along; yields how many answers failed so far."""
    failures, ended = [0], threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not ended.wait(0.2):
                try:
                    answer = client.post("/v1/recommendations", json={"user_id": "u1", "limit": 5})
                    failures[0] += answer.status_code != 200
                except httpx.HTTPError:
                    failures[0] += 1

    with served() as url:
        thread = threading.Thread(target=ask, args=(url,))
        thread.start()
        try:
            yield failures
        finally:
            ended.set()
            thread.join()


def bar(name: str, value: int, limit: int, words: str, wrong: list[str] | None = None) -> Bar:
    row: Bar = {"bar": name, "value": value, "limit": limit, "ok": value <= limit, "command": words}
    return row | ({"wrong": wrong} if wrong else {})


def elsewhere(module: str, result: str, *arguments: str) -> Iterator[Bar]:
    """The bars of a bench that has a graph of its own."""
    return (row for row in rows_of(module, RESULT.with_name(result), *arguments) if "bar" in row)


def writes(shop: Shop, _: argparse.Namespace) -> Iterator[Bar]:
    """Bar 1: how soon a write counts."""
    refresh("--source", str(shop.folder))
    return elsewhere("bench_writes", "writes.json", "--out", str(RESULT.with_name("writes.json")))


def repeats(shop: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 3 on the made-up shop and on Beauty."""
    yield from again(shop, options)
    yield from elsewhere("bench_delta", "delta.json")


def year(*_: object) -> Iterator[Bar]:
    """Bar 7: the demo's year."""
    return elsewhere("bench_year", "year.json")


def grown(*_: object) -> Iterator[Bar]:
    """Bar 8: ten million events."""
    return elsewhere("bench_grown", "grown.json")


def published_under_load(shop: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 5: publications and rollbacks while requests come."""
    return publications(shop.folder, HOME, options)


def judged(_: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 6: what the gate lets through."""
    return gate(HOME, options)


BARS: dict[str, Callable[[Shop, argparse.Namespace], Iterator[Bar]]] = {
    "1": writes, "2": kills, "3": repeats, "4": races, "5": published_under_load, "6": judged, "7": year,
    "8": grown,
}  # fmt: skip


def main() -> int:
    """Exit code 0 when every bar that was measured is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", default=",".join(BARS), help="which, separated by commas")
    parser.add_argument(
        "--times", type=int, default=5, help="kills in each stage, and a quarter of the races"
    )
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=500)
    options = parser.parse_args()
    asked = options.bars.split(",")
    if unknown := set(asked) - set(BARS):
        parser.error(f"no bar {', '.join(sorted(unknown))}; there are {', '.join(BARS)}")
    os.environ["SHOPGRAPH_HOME"] = str(HOME)
    kept: list[Bar] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    bars = [row for row in kept if row["bar"].split()[0] not in asked]
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    for name in asked:
        shutil.rmtree(HOME, ignore_errors=True)
        shop = Shop(HOME / "shop", options.users, options.items)
        try:
            for row in BARS[name](shop, options):
                bars.append(row)
                out.print(
                    f"{'ok  ' if row['ok'] else 'miss'} {row['bar']}: {row['value']} (limit {row['limit']})"
                )
                RESULT.write_text(json.dumps(bars, indent=1) + "\n")
        finally:
            LocalServer(HOME).stop()
    return 0 if all(row["ok"] for row in bars if row["bar"].split()[0] in asked) else 1


if __name__ == "__main__":
    sys.exit(main())
