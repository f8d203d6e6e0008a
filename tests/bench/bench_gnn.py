"""Bar 7: the model beside its rivals on Beauty, by the public command."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ARGUMENTS = ["gnn", "benchmark", "../shared/data/beauty", "--split", "split_pgpr_cafe", "--no-relations",
             "--models", "popularity,item-knn,ease,gnn"]  # fmt: skip


def main() -> None:
    """Run the command and judge its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    program = Path(sys.executable).with_name("shopgraph")
    started = time.monotonic()
    done = subprocess.run(
        [program, *ARGUMENTS, "--json"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    minutes = (time.monotonic() - started) / 60
    models = json.loads(done.stdout)["models"]
    command = " ".join(["shopgraph", *ARGUMENTS])

    def bar(name: str, value: float, limit: str, ok: bool) -> dict[str, object]:
        return {"bar": f"7 {name}", "value": round(value, 4), "limit": limit, "ok": ok, "command": command}

    recall, ndcg = (models["gnn"][m]["mean"] * 100 for m in ("recall@10", "ndcg@10"))
    ease = [models["ease"][m]["mean"] * 100 for m in ("recall@10", "ndcg@10")]
    bars = [
        bar("Recall@10 of the GNN, %", recall, ">= 11.5", recall >= 11.5),
        bar("NDCG@10 of the GNN, %", ndcg, ">= 7.8", ndcg >= 7.8),
        bar("Recall@10 of EASE, %, same run", ease[0], "10.8 within 0.2", abs(ease[0] - 10.8) <= 0.2),
        bar("NDCG@10 of EASE, %, same run", ease[1], "7.8 within 0.2", abs(ease[1] - 7.8) <= 0.2),
        bar("minutes, the whole command", minutes, "<= 15", minutes <= 15),
    ]
    out.write_text(json.dumps(bars, indent=2))


if __name__ == "__main__":
    main()
