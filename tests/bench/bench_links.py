"""Bar 6: typed links of Beauty, hidden and found again, by the public command."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ARGUMENTS = ["gnn", "links", "benchmark", "../shared/data/beauty", "--hide", "0.1", "--seeds", "3"]


def main() -> None:
    """Run the command and judge its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    program = Path(sys.executable).with_name("shopgraph")
    done = subprocess.run(
        [program, *ARGUMENTS, "--json"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    report = json.loads(done.stdout)
    command = " ".join(["shopgraph", *ARGUMENTS])

    def bar(name: str, value: float, limit: float) -> dict[str, object]:
        return {
            "bar": f"6 {name}",
            "value": round(value, 4),
            "limit": f">= {limit}",
            "ok": value >= limit,
            "command": command,
        }

    ranking = report["ranking"]
    bars = []
    for metric, label in (("hits@10", "Hits@10"), ("mrr", "MRR")):
        for kind in ("", " complement", " substitute"):
            ours = ranking["links"][metric + kind]["mean"]
            best = max(ranking[rival][metric + kind]["mean"] for rival in ("text", "co-purchases"))
            bars.append(bar(f"{label}{kind}, times the better of text and co-purchases", ours / best, 1.5))
        other = ranking["adamic-adar"][metric]["mean"]
        bars.append(bar(f"{label}, times Adamic-Adar", ranking["links"][metric]["mean"] / other, 1.0))
    bars.append(bar("complement against substitute, AUC", report["kinds"]["links"]["auc"]["mean"], 0.85))
    out.write_text(json.dumps(bars, indent=2))


if __name__ == "__main__":
    main()
