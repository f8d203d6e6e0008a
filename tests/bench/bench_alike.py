"""How well alike texts find what a shop's own logs tie to an item, by the share of words in it.

    python -m tests.bench.bench_alike --items 1500

Beauty's items with their texts, and neither interactions nor a model: what `similar` recommends beside an
item, against what was viewed or bought with it. Prints Recall@20, of at most 20, by kind of tie and by
`alike_lexical`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from api.history import seed
from api.ranking.score import Scorer
from api.ranking.signals import Signals
from api.ranking.weights import DEFAULT
from api.state.loading import load_snapshot
from kg.driver import connect
from kg.settings import load_settings
from tests.bench.main import shopgraph

HOME = Path("build/bench/alike").resolve()
BEAUTY = Path("../shared/data/beauty")
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
K = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_500, help="asked about, of each kind of tie")
    options = parser.parse_args()
    os.environ["SHOPGRAPH_HOME"] = str(HOME)
    try:
        for command in (f"graph ingest {BEAUTY}", "graph encode"):
            shopgraph(command)
        sys.stdout.write(json.dumps(recalls(options.items), indent=2) + "\n")
    finally:
        shopgraph("graph server stop")


def recalls(items: int) -> dict[str, dict[str, float]]:
    """By kind of tie and share of words, the mean Recall@20."""
    with connect(load_settings()) as graph:
        snapshot = load_snapshot(graph)
    ties = pd.read_csv(BEAUTY / "item_item_edges.csv.gz")
    known = ties["src_asin"].isin(snapshot.number) & ties["dst_asin"].isin(snapshot.number)
    found: dict[str, dict[str, float]] = {}
    for relation, of in ties[known].groupby("relation"):
        tied = of.groupby("src_asin")["dst_asin"].agg(set)
        asked = tied.sample(min(items, len(tied)), random_state=0)
        values: dict[str, list[float]] = {str(share): [] for share in SHARES}
        for item_id, wanted in asked.items():
            anchor = seed(snapshot, str(item_id), "item")
            assert anchor is not None
            for share in SHARES:
                weights = DEFAULT.model_copy(update={"alike_lexical": share})
                scores = Scorer(snapshot, Signals(anchors=[anchor]), weights.kinds["similar"], weights).all
                scores[snapshot.number[anchor.item_id]] = -np.inf
                best = {snapshot.ids[n] for n in np.argpartition(-scores, K)[:K].tolist()}
                values[str(share)].append(len(best & wanted) / min(len(wanted), K))
        found[str(relation)] = {share: round(float(np.mean(of)), 4) for share, of in values.items()}
    return found


if __name__ == "__main__":
    main()
