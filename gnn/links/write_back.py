"""Writes the confident typed links into the graph, each with its evidence in words."""

import numpy as np
import pandas as pd

from gnn.links.evidence import n_groups, together
from gnn.links.model import KINDS, TypedLinks
from kg.build import Change, in_batches
from kg.dataset import ShopData
from kg.driver import Graph, Row
from kg.queries import load
from kg.runs import recorded


def confident(links: TypedLinks, *, least: float, k: int) -> pd.DataFrame:
    """Each item's `k` best links of each kind with a score of at least `least`, best first.

    A pair is of one kind, the likelier, in whichever direction it is told.
    """
    pairs = links.pairs[links.pairs["score"] >= least]
    pairs = pairs.sort_values(["score", "kind"], ascending=[False, True])
    ends = [pairs[["source", "target"]].min(axis=1), pairs[["source", "target"]].max(axis=1)]
    pairs = pairs[pairs["kind"] == pairs.groupby(ends)["kind"].transform("first")]
    pairs = pairs.sort_values(["kind", "source", "score", "target"], ascending=[True, True, False, True])
    return pairs[pairs.groupby(["kind", "source"]).cumcount() < k].reset_index(drop=True)


def explained(data: ShopData, pairs: pd.DataFrame, origins: tuple[str, str]) -> "pd.Series[str]":
    """What speaks for each pair: "co-purchased 12 times (lift 8.1), viewed together 0 times, text 0.31"."""
    source, target = pairs["source"].to_numpy(), pairs["target"].to_numpy()
    count = together(data)
    alone = count.diagonal()
    bought = np.asarray(count[source, target]).ravel()
    lift = bought * n_groups(data) / np.maximum(alone[source] * alone[target], 1)
    parts = [
        [f"co-purchased {n:.0f} times" + (f" (lift {x:.1f})" if n else "")]
        for n, x in zip(bought, lift, strict=True)
    ]
    if data.interactions["type"].isin(["view", "cart"]).any():
        views = np.asarray(together(data, views=True)[source, target]).ravel()
        for part, n in zip(parts, views, strict=True):
            part.append(f"viewed together {n:.0f} times")
    if data.text is not None:
        cosine = np.einsum("ij,ij->i", data.text[source], data.text[target])
        for part, c in zip(parts, cosine, strict=True):
            part.append(f"text {c:.2f}")
    brand = data.items["brand"].to_numpy(object)
    origin = dict(zip(KINDS, origins, strict=True))
    rows = zip(parts, brand[source], brand[target], pairs["known"], pairs["kind"], strict=True)
    for part, of_source, of_target, known, kind in rows:
        if isinstance(of_source, str) and of_source == of_target:
            part.append("same brand")
        if known:
            part.append(f"linked already ({origin[kind]})")
    return pd.Series([", ".join(part) for part in parts], index=pairs.index, dtype=object)


def write_back(
    graph: Graph, data: ShopData, links: TypedLinks, *, least: float = 0.7, k: int = 10
) -> dict[str, Change]:
    """Bring our COMPLEMENTS and SUBSTITUTES in line with the prediction; the same prediction changes nothing.

    Pairs that the shop itself declared to be either keep what it said and get nothing from us.

    Args:
        graph: where the items are.
        data: the shop that the links were predicted from.
        links: the prediction.
        least: the lowest score that is written.
        k: links of each kind that an item gets at most.
    """
    chosen = confident(links, least=least, k=k)
    chosen = chosen.assign(score=chosen["score"].round(3), evidence=explained(data, chosen, links.origins))
    ids = data.items["item_id"].to_numpy(object)
    said = [(row["source"], row["target"]) for row in graph.stream(load("links").declared_links)]
    declared = {*said, *((target, source) for source, target in said)}
    changes = {}
    with recorded(graph, "links") as run:
        for kind in KINDS:
            rows = chosen[chosen["kind"] == kind]
            wanted = {
                (ids[s], ids[t]): (score, words)
                for s, t, score, words in rows[["source", "target", "score", "evidence"]].itertuples(
                    index=False
                )
                if (ids[s], ids[t]) not in declared
            }
            changes[kind] = _store(graph, run.run_id, kind, wanted)
        run.counts = {kind: change._asdict() for kind, change in changes.items()}
    return changes


def _store(graph: Graph, run_id: str, kind: str, wanted: dict[tuple[str, str], tuple[float, str]]) -> Change:
    queries = load("links")
    before = {
        (row["itemId"], target): (score, words)
        for row in graph.stream(queries.own_links, type=kind)
        for target, score, words in row["edges"]
    }
    fresh = [
        {"source": s, "target": t, "score": score, "evidence": words}
        for (s, t), (score, words) in wanted.items()
        if before.get((s, t)) != (score, words)
    ]
    gone = [{"source": s, "target": t} for s, t in before if (s, t) not in wanted]

    def drop(rows: list[Row]) -> None:
        graph.write(queries.drop_links, type=kind, rows=rows)

    def store(rows: list[Row]) -> None:
        graph.write(queries.store_links, type=kind, runId=run_id, rows=rows)

    in_batches(f"drop {kind}", gone, drop)
    in_batches(f"write {kind}", fresh, store)
    return Change(len(wanted), len(fresh), len(gone))
