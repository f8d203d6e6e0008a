"""`make bench`: measures every bar of the main job and writes build/bench/main.json.

Each part is a module of its own, run as its own process, that writes a list of
{"bar", "value", "limit", "ok", "command"}.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from kg.console import out

PARTS = ("tests.bench.bench_gnn", "tests.bench.bench_ingest", "tests.bench.bench_api")
RESULT = Path("build/bench/main.json")
HOME = Path("build/bench/home").resolve()  # keeps Beauty's graph and vectors from one run to the next
BEAUTY = (
    "graph ingest ../shared/data/beauty",
    "graph encode",
    "graph build",
    "gnn train --split leave-one-out --max-epochs 3 --no-refit",
    "gnn write-back",
)  # for the API's speed; how good the model is is judged by bench_gnn


def main() -> int:
    """Exit code 0 when every bar is met."""
    bars: list[dict[str, object]] = []
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    os.environ["SHOPGRAPH_HOME"] = str(HOME)
    for part in PARTS:
        out.print(f"[bold]{part}[/]")
        if part.endswith("api"):
            for command in BEAUTY:
                shopgraph(command)
        partial = RESULT.parent / f"{part.rsplit('.', 1)[1]}.json"
        partial.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-m", part, "--out", str(partial)], check=False)
        if not partial.is_file():
            bars.append({"bar": part, "value": f"exit code {done.returncode}", "limit": "runs", "ok": False,
                         "command": f"python -m {part}"})  # fmt: skip
            continue
        bars.extend(json.loads(partial.read_text()))
    shopgraph("graph server stop")
    RESULT.write_text(json.dumps(bars, indent=2) + "\n")
    for bar in bars:
        mark = "[green]ok[/]  " if bar["ok"] else "[red]miss[/]"
        out.print(f"{mark} {bar['bar']}: {bar['value']} (limit {bar['limit']})", highlight=False)
    out.print(f"written to {RESULT}")
    return 0 if all(bar["ok"] for bar in bars) else 1


def shopgraph(command: str) -> None:
    """Run one command of this environment."""
    out.print(f"$ shopgraph {command}", highlight=False)
    subprocess.run([Path(sys.executable).with_name("shopgraph"), *command.split()], check=True)


if __name__ == "__main__":
    sys.exit(main())
