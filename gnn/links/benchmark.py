"""Hides a part of a shop's typed links and finds it again, beside its rivals: no database, all in one run.

A pair is hidden whole: both kinds, both directions. For each hidden link all items are ranked for its source;
the visible neighbours of that kind are masked, those of the other kind are not.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from gnn.links.evidence import Evidence, Links, evidence, folds, hide, linked, together
from gnn.links.features import Block, Facts, blocks, facts
from gnn.links.model import Chances, LinkConfig, LinkModel, classes_of, fit, holds
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

_ROWS = 512  # sources ranked at once
_BINS = 10
_LEVELS = (0.5, 0.7, 0.9)  # scores at which precision is told

# Sources -> their scores of all items, for each kind of evidence, [sources, n_items].
Scorer = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
Figures = dict[str, float]


class Scored(NamedTuple):
    """All candidates of the model with what came of them."""

    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    chances: Chances
    label: npt.NDArray[np.int64]  # class among the hidden links, -1: not linked
    new: npt.NDArray[np.bool_]  # no visible link of either kind


def benchmark(data: ShopData, config: LinkConfig, *, share: float = 0.1, seeds: int = 3) -> dict[str, object]:
    """The protocol above, once a seed.

    Returns:
        origins, hidden (links of each kind), ranking (model -> metric -> mean and std), kinds (AUC of
        complement against substitute), calibration, and seconds a seed.

    Raises:
        ModelError: the shop's data cannot show both kinds, or too little of it.
    """
    known = evidence(data)
    links, of = known.links, facts(data, known)
    runs = []
    for seed in range(config.seed, config.seed + seeds):
        say(f"links, seed {seed}")
        runs.append(_run(data, known, links, of, config.model_copy(update={"seed": seed}), share))
    roles = [role.origin for role in (known.complement, known.substitute) if role is not None]
    return {"origins": roles, "seeds": seeds, "hidden_share": share} | {
        part: _mean([run[part] for run in runs]) for part in runs[0]
    }


def _run(
    data: ShopData, known: Evidence, links: Links, of: Facts, config: LinkConfig, share: float
) -> dict[str, dict[str, Figures]]:
    started = time.monotonic()
    rng = np.random.default_rng(1_000 + config.seed)
    n_pairs = len(folds(links, 2, 0))
    visible, hidden = hide(links, rng.random(n_pairs) < share)
    if min(part.nnz for part in hidden) == 0:
        raise ModelError(f"Hiding {share:.0%} leaves no link of one kind to find: give a larger --hide.")
    model = fit(of, visible, config)
    scored = _score(of, model, visible, hidden)
    seconds = time.monotonic() - started
    rankings = {"links": rank_links(_model_scorers(scored, len(data.items)), visible, hidden)}
    for name, scorers in rivals(data, known, visible).items():
        rankings[name] = rank_links(scorers, visible, hidden)
    return {
        "hidden": {"links": {"complement": hidden[0].nnz, "substitute": hidden[1].nnz}},
        "ranking": rankings,
        "kinds": _kinds(data, of, model, visible, hidden),
        "calibration": _calibration(scored, known),
        "cost": {"links": {"seconds": seconds, "candidates": float(len(scored.source))}},
    }


def rivals(data: ShopData, known: Evidence, visible: Links) -> dict[str, tuple[Scorer, Scorer]]:
    """Text similarity, co-purchase counts and Adamic-Adar over the visible links of the kind.

    Counts are no rival where the links themselves were counted from them: they would be the answer.
    """
    found: dict[str, tuple[Scorer, Scorer]] = {}
    if data.text is not None:
        text = data.text
        found["text"] = (lambda rows: text[rows] @ text.T,) * 2
    if known.complement is not None and not known.complement.counted:
        count = together(data)
        found["co-purchases"] = (lambda rows: count[rows].toarray(),) * 2
    found["adamic-adar"] = (_adamic_adar(visible[0]), _adamic_adar(visible[1]))
    return found


def rank_links(scorers: tuple[Scorer, Scorer], visible: Links, hidden: Links) -> Figures:
    """Hits@10 and MRR over the hidden links, by kind and over all of them; ties share their mean rank."""
    names, ranks = ("complement", "substitute"), []
    figures: Figures = {}
    for name, scorer, seen, gone in zip(names, scorers, visible, hidden, strict=True):
        of_kind = _ranks(scorer, seen, gone)
        figures |= {f"hits@10 {name}": _hits(of_kind), f"mrr {name}": float((1 / of_kind).mean())}
        ranks.append(of_kind)
    every = np.concatenate(ranks)
    return {"hits@10": _hits(every), "mrr": float((1 / every).mean())} | figures


def calibration_error(
    score: npt.NDArray[np.float64], true: npt.NDArray[np.bool_]
) -> tuple[float, list[Figures]]:
    """Expected calibration error over ten equal bins, and the bins: Σ n_b/n · |mean score - share true|."""
    bins = np.minimum((score * _BINS).astype(int), _BINS - 1)
    table, error = [], 0.0
    for number in np.unique(bins):
        inside = bins == number
        said, was = float(score[inside].mean()), float(true[inside].mean())
        table.append({"from": number / _BINS, "pairs": float(inside.sum()), "said": said, "was": was})
        error += inside.mean() * abs(said - was)
    return float(error), table


def _score(of: Facts, model: LinkModel, visible: Links, hidden: Links) -> Scored:
    seen = linked(visible)
    parts = []
    for block in blocks(of, visible):
        chances = model.chances(block.features)
        new = ~holds(seen, block)
        parts.append((block.source, block.target, *chances, classes_of(block, hidden), new))
    source, target, linked_, classes, label, new = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Scored(source, target, Chances(linked_, classes), label, new)


def _model_scorers(scored: Scored, n: int) -> tuple[Scorer, Scorer]:
    def scorer(values: npt.NDArray[np.float64]) -> Scorer:
        matrix = sp.csr_matrix(
            (values.astype(np.float32) + 1e-9, (scored.source, scored.target)), shape=(n, n)
        )
        return lambda rows: np.asarray(matrix[rows].toarray())

    complement, substitute = scored.chances.evidence
    return scorer(complement), scorer(substitute)


def _adamic_adar(edges: sp.csr_matrix) -> Scorer:
    """Σ over common neighbours of 1 / ln(degree), links taken both ways (Adamic and Adar, 2003)."""
    both = (edges + edges.T).tocsr()
    both.data[:] = 1
    degree = np.asarray(both.sum(axis=1)).ravel()
    weighted = (both @ sp.diags_array(1 / np.log(np.maximum(degree, 2)))).tocsr()
    return lambda rows: np.asarray((weighted[rows] @ both).toarray(), dtype=np.float32)


def _ranks(scorer: Scorer, seen: sp.csr_matrix, gone: sp.csr_matrix) -> npt.NDArray[np.float64]:
    ranks = []
    sources = np.flatnonzero(np.diff(gone.indptr))
    for start in range(0, len(sources), _ROWS):
        rows = sources[start : start + _ROWS]
        scores = np.array(scorer(rows), dtype=np.float32)
        masked = seen[rows].tocoo()
        scores[masked.row, masked.col] = -np.inf
        scores[np.arange(len(rows)), rows] = -np.inf
        for row, source in zip(scores, rows, strict=True):
            for target in gone.indices[gone.indptr[source] : gone.indptr[source + 1]]:
                equal = int((row == row[target]).sum())
                ranks.append(int((row > row[target]).sum()) + (equal + 1) / 2)
    return np.array(ranks, dtype=np.float64)


def _hits(ranks: npt.NDArray[np.float64]) -> float:
    return float((ranks <= 10).mean())


def _kinds(data: ShopData, of: Facts, model: LinkModel, visible: Links, hidden: Links) -> dict[str, Figures]:
    """AUC of complement against substitute over all hidden links of one kind only, candidates or not."""
    either = (hidden[0] + hidden[1]).tocsr()
    found: list[tuple[Block, npt.NDArray[np.int64]]] = [
        (block, classes_of(block, hidden)) for block in blocks(of, visible, pairs=either)
    ]
    label = np.concatenate([part for _, part in found])
    classes = np.concatenate([model.chances(block.features).classes for block, _ in found])
    single = label < 2
    ratio = np.log(classes[:, 0] + 1e-9) - np.log(classes[:, 1] + 1e-9)
    scores = {"links": ratio}
    if data.text is not None:
        source, target = (np.concatenate([getattr(b, end) for b, _ in found]) for end in ("source", "target"))
        scores["text"] = -np.einsum("ij,ij->i", data.text[source], data.text[target])
    true = label[single] == 0
    if true.all() or not true.any():
        raise ModelError("Every hidden pair of one kind only is of the same kind: give a larger --hide.")
    figures = {
        name: {"auc": float(roc_auc_score(true, score[single])), "pairs": float(single.sum())}
        for name, score in scores.items()
    }
    figures["links"]["ece"] = calibration_error(classes[:, 0], label == 0)[0]
    return figures


def _calibration(scored: Scored, known: Evidence) -> dict[str, Figures]:
    """Of the scores that would be written: candidates without a visible link."""
    figures: dict[str, Figures] = {}
    typed = known.complement is not None and known.complement.typed
    is_complement = (scored.label == 0) | (typed & (scored.label == 2))
    truths = (is_complement, scored.label >= 1)
    for name, score, true in zip(
        ("complement", "substitute"), scored.chances.kinds(known), truths, strict=True
    ):
        said, was = score[scored.new], true[scored.new]
        error, table = calibration_error(said, was)
        sure = said >= 1 / _BINS  # nearly all candidates are in the first bin, and would hide the others
        of_kind = {
            "ece": error,
            "ece of scores >= 0.1": calibration_error(said[sure], was[sure])[0],
            "brier": float(((said - was) ** 2).mean()),
            "base_rate": float(was.mean()),
        }
        for level in _LEVELS:
            above = said >= level
            of_kind[f"pairs >= {level}"] = float(above.sum())
            if above.any():
                of_kind[f"precision >= {level}"] = float(was[above].mean())
        for line in table:
            of_kind |= {f"bin {line['from']:.1f} {key}": line[key] for key in ("pairs", "said", "was")}
        figures[name] = of_kind
    return figures


def _mean(runs: list[dict[str, Figures]]) -> dict[str, dict[str, dict[str, float]]]:
    """Model -> metric -> mean and standard deviation over the seeds."""
    table = pd.DataFrame(
        [(model, metric, value) for run in runs for model, of in run.items() for metric, value in of.items()],
        columns=["model", "metric", "value"],
    )
    grouped = table.groupby(["model", "metric"], sort=False)["value"]
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for (model, metric), values in grouped:
        spread = {"mean": float(values.mean()), "std": float(values.std(ddof=0))}
        summary.setdefault(str(model), {})[str(metric)] = spread
    return summary
