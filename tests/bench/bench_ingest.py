"""Bars 3 to 6: loading, by the public command, each in a SHOPGRAPH_HOME of its own."""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kg.console import say
from kg.driver import Graph
from kg.queries import load
from kg.server import LocalServer
from tests.kg.test_ingest import BAD_PRODUCTS, BAD_SALES, write_bad_shop

BEAUTY = Path(__file__).parents[3] / "shared" / "data" / "beauty"
PROGRAM = Path(sys.executable).with_name("shopgraph")
GIB = 1024**2  # KiB, the unit of ru_maxrss
BEAUTY_ROWS = 12_101 + 22_363 + 198_502 + 403_715  # of all tables
ROWS, LOADED, ITEMS = 10_000_000, 1_000_000, 20_000
EVENTS_MANIFEST = """
name = "synthetic"
[items]
files = "items.csv"
id = "id"
title = "title"
[[interactions]]
files = "events.parquet"
user = "user"
item = "item"
type = { value = "purchase" }
time = "time"
weight = "quantity"
"""

Bar = dict[str, object]


class Shop:
    """The command line with one SHOPGRAPH_HOME."""

    def __init__(self, home: Path) -> None:
        unset = ("SHOPGRAPH_NEO4J_URI", "SHOPGRAPH_NEO4J_PASSWORD")
        self.env = {k: v for k, v in os.environ.items() if k not in unset} | {"SHOPGRAPH_HOME": str(home)}
        self.home = home
        self.peak = 0  # of the last command, KiB

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Start a command; its own output is kept, its progress goes to the terminal."""
        return subprocess.Popen([PROGRAM, *arguments], env=self.env, stdout=subprocess.PIPE, text=True)

    def run(self, *arguments: str | Path) -> Any:
        """The JSON result of a command."""
        process = self.start(*arguments, "--json")
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.peak = usage.ru_maxrss
        if process.returncode:
            raise SystemExit(f"shopgraph {' '.join(map(str, arguments))} gave exit code {process.returncode}")
        return json.loads(text) if text.strip() else None

    def stop(self) -> None:
        """Stop the server."""
        subprocess.run([PROGRAM, "graph", "server", "stop"], env=self.env, check=False)


def bar(name: str, value: object, limit: str, ok: bool, command: str) -> Bar:
    """One line of the result."""
    return {"bar": name, "value": value, "limit": limit, "ok": ok, "command": command}


def bar_3(shop: Shop) -> list[Bar]:
    """Beauty once, again, and again looking at every row."""
    command = "shopgraph graph ingest ../shared/data/beauty"
    tables = shop.run("graph", "ingest", BEAUTY)["tables"]
    wanted = {"items": 12_101, "users": 22_363, "interactions": 198_502, "relations": 403_715}
    made = {name: tables[name]["created"] for name in wanted}
    relations = tables["relations"]
    lost = relations["duplicates"] + relations["dropped"] + relations["rejected"]
    whole = made == wanted and relations["read"] == made["relations"] + lost
    again = [shop.run("graph", "ingest", BEAUTY, *more)["tables"] for more in ([], ["--force"])]
    changes = [sum(t[k] for t in run.values() for k in ("created", "changed", "deleted")) for run in again]
    rate = _rate(tables["interactions"])
    return [
        bar("3 rows of beauty", {**made, "relations dropped": lost}, "as in DATA.md", whole, command),
        bar("3 changes by the second run, and with --force", changes, "0, 0", changes == [0, 0], command),
        bar("4 interactions/s of beauty", rate, ">= 20,000", rate >= 20_000, command),
    ]


def bar_4(shop: Shop, folder: Path) -> list[Bar]:
    """Ten million rows checked, the first million loaded."""
    write_events(folder / "all", ROWS)
    shop.run("graph", "ingest", folder / "all", "--dry-run")
    peak_checked = shop.peak
    write_events(folder / "first", LOADED)
    rate = _rate(shop.run("graph", "ingest", folder / "first")["tables"]["interactions"])
    peak = max(peak_checked, shop.peak)
    command = "shopgraph graph ingest FOLDER (10,000,000 rows of Parquet; the first 1,000,000 loaded)"
    return [
        bar("4 interactions/s over Bolt", rate, ">= 20,000", rate >= 20_000, command),
        bar("4 peak memory beside Neo4j, MiB", round(peak / 1024), "< 1,024", peak < GIB, command),
    ]


def bar_5(clean: Shop, killed: Shop, crashed: Shop) -> list[Bar]:
    """Beauty with the loader killed, and with Neo4j killed, against the uninterrupted load."""
    clean.run("graph", "ingest", BEAUTY)
    expected = clean.run("graph", "checksum")["checksum"]
    clean.stop()
    chance = random.Random(5)
    killed.run("graph", "server", "start")
    points = sorted(chance.randrange(BEAUTY_ROWS - 60_000) for _ in range(5))
    hits = [kill_at(killed, point, None) for point in points]
    killed.run("graph", "ingest", BEAUTY)
    after_loader = killed.run("graph", "checksum")["checksum"]
    killed.stop()
    pid = crashed.run("graph", "server", "start")["pid"]
    hit = kill_at(crashed, chance.randrange(100_000, BEAUTY_ROWS - 60_000), pid)
    crashed.run("graph", "ingest", BEAUTY)
    after_server = crashed.run("graph", "checksum")["checksum"]
    crashed.stop()
    command = "kill -9 during shopgraph graph ingest, the same command again; shopgraph graph checksum"
    return [
        bar("5 rows loaded when the loader was killed", hits, "5 points", None not in hits, command),
        bar(
            "5 checksum after the loader was killed",
            after_loader,
            expected,
            after_loader == expected,
            command,
        ),
        bar("5 rows loaded when Neo4j was killed", hit, "1 point", hit is not None, command),
        bar("5 sum after Neo4j was killed", after_server, expected, after_server == expected, command),
    ]


def kill_at(shop: Shop, rows: int, pid: int | None) -> int | None:
    """Load beauty, and SIGKILL process `pid` (or the loader) once `rows` rows are in.

    Returns how many were; None when the load ended before.
    """
    with Graph(LocalServer(shop.home).start().connection) as graph:
        process = shop.start("graph", "ingest", BEAUTY)
        loaded = -1
        while process.poll() is None and loaded < rows:
            time.sleep(0.05)
            for run in graph.read(load("ingest").last_run, source="beauty"):
                loaded = sum(json.loads(run["watermark"]).values())
        caught = process.poll() is None
        os.kill(process.pid if pid is None else pid, signal.SIGKILL)
        process.wait()
    return loaded if caught else None


def bar_6(shop: Shop, folder: Path) -> list[Bar]:
    """Every bad row reported with its number and reason, every good row in."""
    expected = write_bad_shop(folder)
    rejects = folder / "bad.csv"
    found = shop.run("graph", "ingest", folder, "--max-rejects", "0.9", "--rejects", rejects)["tables"]
    with rejects.open(newline="") as file:
        said = {(row["file"], int(row["row"])): row["reason"] for row in csv.DictReader(file)}
    right = sum(said.get(key, "").startswith(reason) for key, reason in expected.items())
    good = [found[name]["created"] for name in ("items", "interactions", "relations")]
    all_good = good == [len(BAD_PRODUCTS) + 1, len(BAD_SALES) + 1, 1]
    ok = right == len(expected) == len(said) and all_good
    value = f"{right} of {len(expected)} bad rows of {len(set(expected.values()))} kinds; good rows {good}"
    return [
        bar("6 bad rows", value, "all, >= 20 kinds", ok, "shopgraph graph ingest FOLDER --rejects bad.csv")
    ]


def write_events(folder: Path, rows: int) -> None:
    """A shop with `rows` purchases; a smaller one is the beginning of a larger one."""
    folder.mkdir(parents=True)
    (folder / "shop.toml").write_text(EVENTS_MANIFEST)
    lines = (f"i{n},Item {n}\n" for n in range(ITEMS))
    (folder / "items.csv").write_text("id,title\n" + "".join(lines))
    chance = np.random.default_rng(0)
    writer = None
    for _ in range(rows // 500_000):
        table = pa.table(
            {
                "user": chance.integers(0, 200_000, 500_000),
                "item": np.char.add("i", (chance.zipf(1.2, 500_000) % ITEMS).astype(str)),
                "time": chance.integers(1_600_000_000, 1_700_000_000, 500_000),
                "quantity": chance.integers(1, 5, 500_000),
            }
        )
        writer = writer or pq.ParquetWriter(folder / "events.parquet", table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _rate(table: dict[str, float]) -> int:
    return int(table["kept"] / table["seconds"])


def main() -> None:
    """Measure the bars and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="*", choices=["3", "4", "5", "6"], default=["3", "4", "5", "6"])
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="shopgraph-bench-"))
    shops = {name: Shop(root / name) for name in ("main", "clean", "killed", "crashed")}
    bars: list[Bar] = []
    try:
        if "3" in options.only:
            bars += bar_3(shops["main"])
        if "4" in options.only:
            bars += bar_4(shops["main"], root / "events")
        if "6" in options.only:
            bars += bar_6(shops["main"], root / "bad")
        shops["main"].stop()
        if "5" in options.only:
            bars += bar_5(shops["clean"], shops["killed"], shops["crashed"])
    finally:
        for shop in shops.values():
            shop.stop()
        shutil.rmtree(root, ignore_errors=True)
    text = json.dumps(bars, indent=2, ensure_ascii=False)
    if options.out is None:
        say(text)
    else:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
