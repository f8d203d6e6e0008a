"""Bar 8 of the refresh: one more day's 30,000 events in a graph of ten million, without retraining.

    python -m tests.bench.bench_grown [--rows 10000000]

The generated purchases of 200,000 users are loaded by a first refresh, the day by a second one. Writes
build/bench/grown.json. Peak memory is that of the job and of Neo4j, sampled each second.
"""

import argparse
import json
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from kg.console import out
from kg.server import LocalServer
from tests.bench.bench_ingest import ITEMS, Shop, write_events

RESULT = Path("build/bench/grown.json")
HOME = Path("build/bench/grown").resolve()
DAY = 30_000
_MINUTES, _GIB = 10, 24


class Memory(threading.Thread):
    """The most that this process's children and Neo4j had in memory at once, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(1):
            server = LocalServer(HOME).status().pid
            pids = {process.pid for process in psutil.Process().children(recursive=True)}
            self.peak = max(self.peak, sum(map(_resident, pids | ({server} if server else set()))))


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def refresh(shop: Shop, *arguments: str | Path) -> tuple[dict[str, Any], float, int]:
    """What a refresh tells, its seconds and the peak memory in bytes."""
    memory, began = Memory(), time.monotonic()
    memory.start()
    told = shop.run("refresh", "--no-retrain", *arguments)
    memory.ended.set()
    return told, time.monotonic() - began, memory.peak


def write_day(folder: Path) -> None:
    """A day after all others."""
    chance = np.random.default_rng(1)
    day = {
        "user": chance.integers(0, 200_000, DAY),
        "item": np.char.add("i", (chance.zipf(1.2, DAY) % ITEMS).astype(str)),
        "time": chance.integers(1_700_000_000, 1_700_086_400, DAY),
        "quantity": chance.integers(1, 5, DAY),
    }
    pq.write_table(pa.table(day), folder / "day.parquet")


def main() -> int:
    """Exit code 0 when the bar is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="events before that day")
    rows = parser.parse_args().rows
    command = f"python -m tests.bench.bench_grown --rows {rows}"
    shutil.rmtree(HOME, ignore_errors=True)
    folder = HOME / "files"
    write_events(folder, rows)
    manifest = folder / "shop.toml"
    manifest.write_text(manifest.read_text().replace('"events.parquet"', '"*.parquet"'))
    shop = Shop(HOME)
    try:
        first, first_seconds, first_peak = refresh(shop, "--source", folder)
        write_day(folder)
        day, seconds, peak = refresh(shop)
    finally:
        LocalServer(HOME).stop()
    bars = [
        _bar(f"8 minutes for {DAY:,} more events than {rows:,}", seconds / 60, _MINUTES, command),
        _bar("8 GiB that the job and Neo4j had at most", peak / 2**30, _GIB, command),
    ]
    told = {"first": {"seconds": first_seconds, "peak": first_peak, "stages": first["stages"]}}
    RESULT.write_text(json.dumps([*bars, told | {"day": day["stages"]}], indent=1, default=str) + "\n")
    for bar in bars:
        out.print(f"{'ok  ' if bar['ok'] else 'miss'} {bar['bar']}: {bar['value']} ({bar['limit']})")
    return 0 if all(bar["ok"] for bar in bars) else 1


def _bar(name: str, value: float, limit: float, command: str) -> dict[str, Any]:
    value = round(value, 2)
    return {"bar": name, "value": value, "limit": f"<= {limit:g}", "ok": value <= limit, "command": command}


if __name__ == "__main__":
    sys.exit(main())
