"""`make bench-refresh`: the bars of the refresh job; writes build/bench/refresh.json.

Every bar is a line of {"bar", "value", "limit", "ok", "command"}. BARS=2,3 picks some; lines of others are
kept.
It has a local Neo4j of its own under build/bench/refresh, with a made-up shop, which it kills on purpose.
Bar 7 takes the demo's data, the other half of bar 3 Beauty; these and bar 8 have modules of their own.

    python -m tests.bench.bench_refresh --bars 2,3,4 --times 5 --users 2000 --items 500
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kg.checksum import measure
from kg.console import out
from kg.driver import connect
from kg.server import LocalServer
from kg.settings import load_settings
from tests.bench.bench_gate import gate
from tests.bench.bench_kills import kills
from tests.bench.bench_model import rows_of
from tests.bench.bench_publish import publications
from tests.bench.days import HOME, LEARNING, Bar, Shop, bar, command, refresh

RESULT = Path("build/bench/refresh.json")


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
