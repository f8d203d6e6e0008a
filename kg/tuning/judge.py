"""Which of two encoders finds the right items better, on pairs that neither was trained on.

An anchor (words, an item's text, a title, or words with an item's text) ranks the candidates by cosine.
Of its right ones, those of the judging pairs are to be found; other right ones are left out of the ranking,
so that none counts as wrong. Candidates with the same text are one.

    NDCG@20   = Σ_{right ones at ranks r ≤ 20} 1 / log2(r + 1)  /  Σ_{r ≤ most} 1 / log2(r + 1)
    Recall@20 = right ones among the first 20  /  most        with most = min(20, number of right ones)
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from kg.tuning.pairs import GUARD, Kind, Pair

Floats = npt.NDArray[np.floating]
Anchor = tuple[str, ...]  # texts whose vectors' sum asks
Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]  # texts to unit-length rows
K = 20
_MOST_ANCHORS = 1_000  # of each kind
_RESAMPLES = 5_000


class Task(NamedTuple):
    """The anchors of one kind."""

    anchors: list[Anchor]
    candidates: list[str]
    right: list[list[int]]  # for each anchor, numbers of the candidates to be found
    left_out: list[list[int]]  # and of those that do not take part


class Found(NamedTuple):
    """Values by anchor; anchors of the same words are one in what `measure` returns."""

    ndcg: Floats
    recall: Floats


class Change(NamedTuple):
    """One figure before and after."""

    before: float
    after: float
    low: float  # 90 % interval of the difference, anchors resampled: 5 % lie below it
    high: float
    p_worse: float  # share of the resamples in which it is no worse


class Compared(NamedTuple):
    """One kind, or the mean over kinds."""

    anchors: int
    candidates: int
    ndcg: Change
    recall: Change


def task_of(kind: Kind, judge: Sequence[Pair], most_candidates: int, seed: int) -> Task:
    """The questions of one kind."""
    asked, known = _by_anchor(judge), _by_anchor(kind.pairs)
    chance = random.Random(seed)
    anchors, right = _drawn(asked, most_candidates, chance)
    others = sorted(set(kind.candidates) - right)
    room = max(most_candidates - len(right), 0)
    candidates = sorted([*right, *chance.sample(others, min(len(others), room))])
    number = {text: n for n, text in enumerate(candidates)}
    left_out = [
        [number[text] for text in {*(known[a] - asked[a]), *a} if text in number and text not in asked[a]]
        for a in anchors
    ]
    return Task(anchors, candidates, [[number[text] for text in asked[a]] for a in anchors], left_out)


def _drawn(
    asked: Mapping[Anchor, set[str]], most_candidates: int, chance: random.Random
) -> tuple[list[Anchor], set[str]]:
    """Some anchors, whose right ones are no more than the candidates may be, and those."""
    anchors: list[Anchor] = []
    right: set[str] = set()
    for anchor in chance.sample(sorted(asked), min(len(asked), _MOST_ANCHORS)):
        if not anchors or len(right | asked[anchor]) <= most_candidates:
            anchors.append(anchor)
            right |= asked[anchor]
    return sorted(anchors), right


def measure(encode: Encode, tasks: Mapping[str, Task]) -> dict[str, Found]:
    """How an encoder answers the tasks; each text is encoded once."""
    texts = list(dict.fromkeys(text for task in tasks.values() for text in texts_of(task)))
    vectors = encode(texts)
    row = {text: n for n, text in enumerate(texts)}
    found = {}
    for name, task in tasks.items():
        anchors = np.stack([vectors[[row[text] for text in anchor]].sum(axis=0) for anchor in task.anchors])
        candidates = vectors[[row[text] for text in task.candidates]]
        found[name] = _by_words(task.anchors, rated(anchors @ candidates.T, task.right, task.left_out))
    return found


def _by_words(anchors: Sequence[Anchor], found: Found) -> Found:
    """The mean over anchors of the same words: items looked at with them are no cases of their own."""
    number = {words: n for n, words in enumerate(dict.fromkeys(anchor[0] for anchor in anchors))}
    of = [number[anchor[0]] for anchor in anchors]
    return Found(*(np.bincount(of, values) / np.bincount(of) for values in found))


def texts_of(task: Task) -> Iterator[str]:
    """All texts that a task needs the vectors of."""
    for anchor in task.anchors:
        yield from anchor
    yield from task.candidates


def rated(scores: Floats, right: Sequence[list[int]], left_out: Sequence[list[int]]) -> Found:
    """NDCG@20 and Recall@20 of rankings by `scores`, [n_anchors, n_candidates]."""
    gains = 1 / np.log2(np.arange(2, K + 2))
    ndcg, recall = np.zeros(len(scores)), np.zeros(len(scores))
    for n, row in enumerate(scores):
        row = row.copy()
        row[left_out[n]] = -np.inf
        first = np.argsort(-row, kind="stable")[:K]
        hits = np.isin(first, right[n])
        most = min(K, len(right[n]))
        ndcg[n] = (hits * gains[: len(first)]).sum() / gains[:most].sum()
        recall[n] = hits.sum() / most
    return Found(ndcg, recall)


def compare(
    before: Mapping[str, Found], after: Mapping[str, Found], tasks: Mapping[str, Task]
) -> dict[str, Compared]:
    """Each kind, and under "mean" the mean over those that count, with paired bootstrap intervals."""
    compared = {
        name: _compared({name: before[name]}, {name: after[name]}, {name: tasks[name]}) for name in tasks
    }
    counting = {name: task for name, task in tasks.items() if name != GUARD}
    return compared | {"mean": _compared(before, after, counting)}


def _compared(before: Mapping[str, Found], after: Mapping[str, Found], tasks: Mapping[str, Task]) -> Compared:
    def change(metric: str) -> Change:
        pairs = [(getattr(before[name], metric), getattr(after[name], metric)) for name in tasks]
        old, new = (float(np.mean([values.mean() for values in side])) for side in zip(*pairs, strict=True))
        return Change(old, new, *_resampled([ours - theirs for theirs, ours in pairs]))

    return Compared(
        sum(len(after[name].ndcg) for name in tasks),
        max(len(task.candidates) for task in tasks.values()),
        change("ndcg"),
        change("recall"),
    )


def _resampled(differences: Sequence[Floats]) -> tuple[float, float, float]:
    """Of the mean over kinds of the mean over anchors: its 90 % interval, and how often it is not below 0."""
    result = stats.bootstrap(
        differences,
        lambda *kinds, axis: np.mean([kind.mean(axis=axis) for kind in kinds], axis=0),
        n_resamples=_RESAMPLES,
        confidence_level=0.9,
        batch=500,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    low, high = result.confidence_interval
    return float(low), float(high), float((result.bootstrap_distribution >= 0).mean())


def _by_anchor(pairs: Iterable[Pair]) -> dict[Anchor, set[str]]:
    right: dict[Anchor, set[str]] = defaultdict(set)
    for pair in pairs:
        right[pair.anchors].add(pair.positive)
    return right
