"""The stage `classify`: which categories and brands words point to, learned from the shop's own items.

Where shoppers searched and then bought, or the shop's files say what was wanted, those words count too. Each
kind is learned in two ways, and a tenth that was not learned from judges them: a softmax regression is taken
where its log loss is less than the nearest centroid's and it is right no less often. What is taken is fitted
to everything; its weights are plain numbers on a node (:Classifier {kind}), which the API reads.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from kg.console import progress, say
from kg.driver import Graph, Row
from kg.encoder import Encoder
from kg.errors import GraphError
from kg.queries import load
from kg.runs import recorded
from kg.schema import make_keys
from kg.settings import Settings
from kg.words.classifier import Classifier, Examples, Vectors, judged, nearest_centroid, softmax_regression
from kg.words.intents import said_and_chosen
from kg.words.needs import Encode, normal

KINDS: Final = {"category": "categories", "brand": "brands"}  # kind -> what classify.items calls it
WAYS: Final = {"softmax_regression": softmax_regression, "nearest_centroid": nearest_centroid}
_LEAST = 3  # items of a label
_FEWEST = 100  # items of a shop, whose tenth could otherwise not judge
_MOST_LABELS = 1_000  # the most frequent ones
_MOST = 30_000  # items, and as many texts, that are learned from
_JUDGES = 100  # texts that must be left to judge by; else items do
_MOVED = 0.05  # part by which a shop has grown or shrunk that makes training pay again
_BATCH = 2_000
_Q = load("classify")
Wanted = list[Counter[str]]  # labels of each text, by how often


class Trained(NamedTuple):
    """What was learned for one kind."""

    kind: str
    taken: str | None  # softmax_regression or nearest_centroid; None where there is too little to learn from
    labels: int  # to choose from
    items: int  # that were learned from, those that judged included
    texts: int
    judged_on: str  # texts, or items where there are few texts
    judges: int
    metrics: dict[str, dict[str, float]]  # by way: accuracy, top5 (fractions), log_loss (nats)


class _Told(NamedTuple):
    """Items and texts in one list, and what they stand for."""

    vectors: Vectors
    texts: npt.NDArray[np.bool_]  # which are texts of shoppers; the others are items
    wanted: dict[str, Wanted]  # by kind


def classify(graph: Graph, settings: Settings, *, seed: int = 0) -> list[Trained]:
    """Train, judge and store both classifiers.

    Args:
        seed: draws the tenth that judges and, in a large shop, the items.

    Raises:
        GraphError: no item has a text vector, or those are of another encoder.
        EncoderError: the encoder cannot be loaded.
    """

    def encode(texts: Sequence[str]) -> Vectors:  # loaded where shoppers said something
        encoder = Encoder(settings.encoder)
        if (of_items := graph.read(_Q.size)[0]["model"]) != encoder.name:
            raise GraphError(
                f"The items' vectors are of {of_items}, not of {encoder.name}. Run: shopgraph graph encode"
            )
        return encoder.encode(texts)

    return classify_with(graph, encode, seed=seed)


def classify_with(graph: Graph, encode: Encode, *, seed: int = 0) -> list[Trained]:
    """The same with any encoder, which has to be that of the items."""
    make_keys(graph)
    size = graph.read(_Q.size)[0]
    if size["model"] is None:
        raise GraphError("No item has a text vector. Run: shopgraph graph encode")
    draw = np.random.default_rng(seed)
    told = _told(graph, encode, size["model"], draw)
    held = draw.random(len(told.vectors)) < 0.1
    found = []
    with recorded(graph, "classify") as run:
        for kind, wanted in told.wanted.items():
            trained, classifier = _trained(kind, told, wanted, held)
            graph.write(
                _Q.store,
                kind=kind,
                labels=classifier.labels,
                weights=classifier.weights.ravel().tolist(),
                bias=classifier.bias.tolist(),
                metrics=json.dumps(trained._asdict()),
                **size,
            )
            found.append(trained)
        run.counts = {trained.kind: trained._asdict() for trained in found}
    return found


def stale(graph: Graph) -> bool:
    """Whether the shop, its searches or its encoder are others than the classifiers learned from.

    Not so of a shop that is too small to learn from.
    """
    now = graph.read(_Q.size)[0]
    if now["sizes"][0] < _FEWEST:
        return False
    trained = graph.read(_Q.trained)
    return len(trained) < len(KINDS) or any(
        row["model"] != now["model"]
        or any(abs(n - then) > _MOVED * then for n, then in zip(now["sizes"], row["sizes"], strict=True))
        for row in trained
    )


def _told(graph: Graph, encode: Encode, model: str, draw: np.random.Generator) -> _Told:
    """All that there is to learn from."""
    stands_for = {
        row["item_id"]: row | {"brands": [name.casefold() for name in row["brands"]]}
        for row in graph.stream(_Q.items, model=model)
    }
    ids = list(stands_for)
    if len(ids) > _MOST:
        ids = [ids[n] for n in sorted(draw.choice(len(ids), _MOST, replace=False))]
        say(f"{_MOST:,} of {len(stands_for):,} items, drawn at random, are learned from.")
    of_items = _vectors(graph, ids)
    chosen = _chosen(graph, stands_for)
    of_texts = encode(list(chosen)) if chosen else of_items[:0]
    return _Told(
        vectors=np.concatenate([of_items, of_texts]),
        texts=np.arange(len(ids) + len(chosen)) >= len(ids),
        wanted={
            kind: [Counter(stands_for[i][name]) for i in ids]
            + [_labels(items, stands_for, name) for items in chosen.values()]
            for kind, name in KINDS.items()
        },
    )


def _vectors(graph: Graph, ids: Sequence[str]) -> Vectors:
    found: dict[str, list[float]] = {}
    with progress("vectors", len(ids)) as advance:
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            found |= {row["item_id"]: row["vector"] for row in graph.read(_Q.vectors, ids=some)}
            advance(len(some))
    return np.array([found[i] for i in ids], dtype=np.float32)


def _chosen(graph: Graph, known: Mapping[str, Row]) -> dict[str, Counter[str]]:
    """By what was said, the items that were chosen after it; the most frequent texts, at most _MOST."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for said in said_and_chosen(graph):
        if said.item_id in known and (text := normal(said.text)):
            found[text][said.item_id] += said.times
    ranked = sorted(found, key=lambda text: (-found[text].total(), text))
    return {text: found[text] for text in sorted(ranked[:_MOST])}


def _labels(items: Counter[str], stands_for: Mapping[str, Row], name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for item_id, times in items.items():
        for label in stands_for[item_id][name]:
            found[label] += times
    return found


def _trained(
    kind: str, told: _Told, wanted: Wanted, held: npt.NDArray[np.bool_]
) -> tuple[Trained, Classifier]:
    """How it was judged, and the classifier that is to be stored: one without labels where there is none."""
    nothing = Classifier([], np.zeros((0, told.vectors.shape[1]), np.float32), np.zeros(0, np.float32))
    uses = Counter(
        label for labels, is_text in zip(wanted, told.texts, strict=True) if not is_text for label in labels
    )
    labels = sorted(label for label, n in uses.most_common(_MOST_LABELS) if n >= _LEAST)
    shares = _shares(wanted, labels)
    some = np.asarray(shares.sum(axis=1)).ravel() > 0
    examples = Examples(told.vectors, shares)
    on_texts = int((some & held & told.texts).sum()) >= _JUDGES
    judges = examples.only(some & held & (told.texts if on_texts else ~told.texts))
    found = Trained(
        kind=kind,
        taken=None,
        labels=len(labels),
        items=int((some & ~told.texts).sum()),
        texts=int((some & told.texts).sum()),
        judged_on="texts" if on_texts else "items",
        judges=len(judges.vectors),
        metrics={},
    )
    if len(labels) < 2 or found.items < _FEWEST or not found.judges:
        return found, nothing
    learning = examples.only(some & ~held)
    say(f"Learning {len(labels):,} {KINDS[kind]} from {len(learning.vectors):,} texts.")
    metrics = {way: judged(make(learning, labels), judges, labels) for way, make in WAYS.items()}
    regression, centroid = metrics["softmax_regression"], metrics["nearest_centroid"]
    better = regression["log_loss"] < centroid["log_loss"] and regression["accuracy"] >= centroid["accuracy"]
    taken = "softmax_regression" if better else "nearest_centroid"
    return found._replace(metrics=metrics, taken=taken), WAYS[taken](examples.only(some), labels)


def _shares(wanted: Wanted, labels: Sequence[str]) -> sp.csr_matrix:
    """[texts, labels], rows sum to 1 where a text has one of the labels."""
    column = {label: n for n, label in enumerate(labels)}
    rows: list[tuple[int, int, float]] = [
        (n, column[label], times)
        for n, of in enumerate(wanted)
        for label, times in of.items()
        if label in column
    ]
    row, col, times = (
        (np.array(part) for part in zip(*rows, strict=True)) if rows else (np.zeros(0, int),) * 3
    )
    found = sp.csr_matrix((times.astype(np.float32), (row, col)), shape=(len(wanted), len(labels)))
    sums = np.maximum(np.asarray(found.sum(axis=1)).ravel(), 1e-9)
    return sp.csr_matrix(sp.diags_array(1 / sums) @ found, dtype=np.float32)
