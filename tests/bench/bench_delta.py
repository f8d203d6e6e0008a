"""Bar 3 of the refresh on Beauty: what 1 % new events cost, and whether they end in a whole load's graph.

    python -m tests.bench.bench_delta

Nothing is trained in either run: that would only make the whole one longer. Writes build/bench/delta.json.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from kg.checksum import measure
from kg.console import out
from kg.driver import connect
from kg.server import LocalServer
from kg.settings import load_settings

RESULT = Path("build/bench/delta.json")
HOME = Path("build/bench/delta").resolve()
DATA = Path("../shared/data/beauty")
COMMAND = "python -m tests.bench.bench_delta"


def write(folder: Path, *, late: bool) -> None:
    """Beauty, without or with 1 % of its interactions, drawn from all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("shop.toml", "items.csv", "item_item_edges.csv.gz"):
        source = DATA / name if (DATA / name).is_file() else Path("examples/beauty") / name
        shutil.copy(source, folder / name)
    rows = pd.read_csv(DATA / "interactions.csv.gz", dtype=str)
    new = rows.sample(frac=0.01, random_state=0).index
    with gzip.open(folder / "interactions.csv.gz", "wt", compresslevel=1) as file:
        (rows if late else rows.drop(new)).to_csv(file, index=False)


def refresh(home: str, folder: Path) -> dict[str, Any]:
    """A refresh of the graph of that name, with its checksum afterwards."""
    os.environ["SHOPGRAPH_HOME"] = str(HOME / home)
    command = [sys.executable, "-m", "kg.main", "refresh", "--source", str(folder), "--no-retrain", "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    with connect(load_settings()) as graph:
        found["checksum"] = measure(graph).checksum
    return found


def main() -> int:
    """Exit code 0 when every bar is met."""
    shutil.rmtree(HOME, ignore_errors=True)
    folder = HOME / "shop"
    write(folder, late=False)
    try:
        refresh("grown", folder)
        again = refresh("grown", folder)
        write(folder, late=True)
        part = refresh("grown", folder)
    finally:
        LocalServer(HOME / "grown").stop()
    try:
        whole = refresh("whole", folder)
    finally:
        LocalServer(HOME / "whole").stop()
    bars = [
        _bar("3 beauty: 1 % new events, part of a whole run", part["seconds"] / whole["seconds"], 0.15),
        _bar("3 beauty: nothing new, part of a whole run", again["seconds"] / whole["seconds"], 0.1),
        _bar("3 beauty: other graph than that of a whole run", part["checksum"] != whole["checksum"], 0),
    ]
    stages = {name: run["stages"] for name, run in (("again", again), ("part", part), ("whole", whole))}
    RESULT.write_text(json.dumps([*bars, {"stages": stages}], indent=1, default=str) + "\n")
    for bar in bars:
        out.print(f"{'ok  ' if bar['ok'] else 'miss'} {bar['bar']}: {bar['value']} ({bar['limit']})")
    return 0 if all(bar["ok"] for bar in bars) else 1


def _bar(name: str, value: float, limit: float) -> dict[str, Any]:
    value = round(float(value), 4)
    return {"bar": name, "value": value, "limit": f"<= {limit:g}", "ok": value <= limit, "command": COMMAND}


if __name__ == "__main__":
    sys.exit(main())
