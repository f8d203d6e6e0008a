"""Classifiers of words: learned from items and from what was bought after searches, judged and stored."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
import scipy.sparse as sp

from kg.checksum import measure
from kg.driver import Graph
from kg.encode import encode_items
from kg.errors import GraphError
from kg.ingest import ingest
from kg.queries import load, parse
from kg.refresh.source import remember
from kg.schema import make_keys
from kg.words.classifier import Classifier, Examples, Vectors, judged, nearest_centroid, softmax_regression
from kg.words.classify import Trained, classify_with, stale
from tests.conftest import empty
from tests.kg.made_up import PRODUCTS, read_csv, write_csv, write_shop
from tests.kg.test_intents import tell
from tests.kg.test_refresh import home, run, settings  # noqa: F401 - a fixture

DIM = 8
WAYS = {"softmax_regression", "nearest_centroid"}
Q = parse(
    "shop",
    """
// name: items
// Items in a category, by a brand.
// params: rows, model
// returns:
UNWIND $rows AS row
CREATE (i:Item {itemId: row.id, textModel: $model, textEmbedding: row.vector})
MERGE (c:Category {categoryId: row.category})
CREATE (i)-[:IN_CATEGORY]->(c)
MERGE (b:Brand {name: row.brand})
CREATE (i)-[:MADE_BY]->(b)

// name: other_encoder
// All vectors as of another encoder.
// params:
// returns:
MATCH (i:Item)
SET i.textModel = 'other'

// name: figures
// What an analyst sees.
// params:
// returns: kind, metrics
MATCH (c:Classifier)
RETURN c.kind AS kind, c.metrics AS metrics
""",
)


def unit(*vectors: Sequence[float]) -> Vectors:
    found = np.array(vectors, dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def examples() -> Examples:
    """Two labels, a text that is half of each."""
    vectors = unit([1, 0.1], [1, -0.1], [0.1, 1], [-0.1, 1], [1, 1])
    return Examples(vectors, sp.csr_matrix([[1, 0], [1, 0], [0, 1], [0, 1], [0.5, 0.5]], dtype=np.float32))


@pytest.mark.parametrize("make", [softmax_regression, nearest_centroid])
def test_each_way_tells_two_labels_apart_and_halves_what_is_between(make: Any) -> None:
    classifier = make(examples(), ["a", "b"])
    assert classifier.labels == ["a", "b"]
    first, second, between = classifier.logits(unit([1, 0], [0, 1], [1, 1]))
    assert first[0] > first[1]
    assert second[1] > second[0]
    assert between[0] == pytest.approx(between[1], abs=0.02)
    many = make(
        Examples(np.eye(4, dtype=np.float32), sp.csr_matrix(np.eye(4, dtype=np.float32)[:, [1, 0, 3, 2]])),
        list("abcd"),
    )
    assert [many.labels[n] for n in many.logits(np.eye(4, dtype=np.float32)).argmax(axis=1)] == list("badc")


def test_a_label_without_texts_is_none_of_the_classifiers() -> None:
    some = examples()
    wider = Examples(some.vectors, sp.csr_matrix(sp.hstack([some.of, sp.csr_matrix((5, 1))])))
    for make in (softmax_regression, nearest_centroid):
        assert make(wider, ["a", "b", "c"]).labels == ["a", "b"]


def test_figures_are_those_counted_by_hand() -> None:
    classifier = Classifier(["a", "b"], np.array([[1, 0], [0, 1]], np.float32), np.zeros(2, np.float32))
    half = Examples(
        np.eye(2, dtype=np.float32), sp.csr_matrix(np.array([[1, 0, 0], [0.5, 0, 0.5]], np.float32))
    )
    likely = np.e / (np.e + 1)
    found = judged(classifier, half, ["a", "b", "c"])  # the classifier has never seen c
    assert found["accuracy"] == 0.5
    assert found["top5"] == 1
    wanted = -(np.log(likely) + 0.5 * np.log(1 - likely) + 0.5 * np.log(1e-6)) / 2
    assert found["log_loss"] == pytest.approx(wanted, rel=1e-5)


def encode(texts: Sequence[str]) -> Vectors:
    """Every text looks like the goods of the first category."""
    return np.concatenate([point(0, n) for n, _ in enumerate(texts)])


def point(where: int, seed: int) -> Vectors:
    near = np.eye(DIM, dtype=np.float32)[where] + np.random.default_rng(seed).normal(0, 0.1, DIM)
    return unit(near.tolist())


def fill(graph: Graph, first: int, n: int, shelves: int = 4) -> None:
    """Items of one shelf look alike; even and odd shelves have a brand each."""
    rows = [
        {"id": f"i{k}", "vector": point(k % shelves, k)[0].tolist(), "category": f"Shelf {k % shelves}"}
        | {"brand": ("Acme", "Borealis")[k % 2]}
        for k in range(first, first + n)
    ]
    graph.write(Q["items"], rows=rows, model="made-up")


@pytest.fixture
def shop(graph: Graph) -> Graph:
    make_keys(graph)
    fill(graph, 0, 120)
    return graph


def read(graph: Graph, kind: str) -> Classifier:
    """As it is stored."""
    (row,) = (r for r in graph.read(load("classify").read, model="made-up") if r["kind"] == kind)
    weights = np.array(row["weights"], dtype=np.float32).reshape(len(row["labels"]), DIM)
    return Classifier(row["labels"], weights, np.array(row["bias"], dtype=np.float32))


def test_categories_and_brands_are_learned_from_items_alone(shop: Graph) -> None:
    before = measure(shop).checksum
    by_kind = {trained.kind: trained for trained in classify_with(shop, encode)}

    assert set(by_kind) == {"category", "brand"}
    category = by_kind["category"]
    assert (category.labels, category.items, category.texts, category.judged_on) == (4, 120, 0, "items")
    assert 0 < category.judges < 30
    for trained in by_kind.values():
        assert set(trained.metrics) == WAYS
        assert trained.metrics[trained.taken or ""]["accuracy"] == 1
    likely = read(shop, "category")
    assert [likely.labels[n] for n in likely.logits(np.eye(DIM, dtype=np.float32)[:4]).argmax(axis=1)] == [
        f"Shelf {n}" for n in range(4)
    ]
    makers = read(shop, "brand")
    assert [makers.labels[n] for n in makers.logits(np.eye(DIM, dtype=np.float32)[:2]).argmax(axis=1)] == [
        "acme", "borealis",
    ]  # fmt: skip
    stored = {row["kind"]: json.loads(row["metrics"]) for row in shop.read(Q["figures"])}
    assert {kind: Trained(**of) for kind, of in stored.items()} == by_kind
    assert measure(shop).checksum == before  # what is derived by chance of a draw is no part of the graph


def test_the_same_shop_gives_the_same_classifiers(shop: Graph) -> None:
    classify_with(shop, encode)
    first = read(shop, "category")
    classify_with(shop, encode)
    assert np.array_equal(read(shop, "category").weights, first.weights)


def test_what_was_bought_after_words_outweighs_what_the_words_look_like(shop: Graph) -> None:
    """Their vectors are those of shelf 0; shoppers went on to buy from shelf 3."""
    classify_with(shop, encode)
    word = point(0, 7)[0]
    plain = read(shop, "category")
    assert plain.labels[int(plain.logits(word).argmax())] == "Shelf 0"
    rows = []
    for n in range(1_500):
        rows += [(f"u{n}", 100, "search", f"present {n}"), (f"u{n}", 200, "purchase", f"i{4 * (n % 30) + 3}")]
    tell(shop, *rows)

    category = classify_with(shop, encode)[0]

    assert (category.texts, category.judged_on) == (1_500, "texts")
    assert category.judges >= 100
    found = read(shop, "category")
    assert found.labels[int(found.logits(word).argmax())] == "Shelf 3"


def test_learning_again_pays_where_the_shop_its_searches_or_its_encoder_are_others(shop: Graph) -> None:
    assert stale(shop)  # never learned
    classify_with(shop, encode)
    assert not stale(shop)
    fill(shop, 120, 5)  # 4 %
    assert not stale(shop)
    fill(shop, 125, 5)  # 8 %
    assert stale(shop)
    classify_with(shop, encode)
    assert not stale(shop)
    tell(shop, ("ann", 100, "search", "a first search"))
    assert stale(shop)
    classify_with(shop, encode)
    shop.write(Q["other_encoder"])
    assert stale(shop)


def test_of_one_label_there_is_nothing_to_learn_and_that_is_kept(graph: Graph) -> None:
    make_keys(graph)
    assert not stale(graph)  # without vectors there is nothing to wait for
    with pytest.raises(GraphError, match="Run: shopgraph graph encode"):
        classify_with(graph, encode)
    fill(graph, 0, 90, shelves=2)
    assert not stale(graph)
    assert [trained.taken for trained in classify_with(graph, encode)] == [None, None]
    empty(graph)
    make_keys(graph)
    fill(graph, 0, 110, shelves=1)
    assert stale(graph)
    category, brand = classify_with(graph, encode)
    assert (category.taken, category.labels, category.metrics) == (None, 1, {})
    assert brand.taken is not None
    assert [row["kind"] for row in graph.read(load("classify").read, model="made-up")] == ["brand"]
    assert not stale(graph)


def test_classifiers_are_learned_once_and_again_when_the_shop_has_moved(
    graph: Graph,
    tmp_path: Path,
    home: Path,  # noqa: F811 - the fixture
) -> None:
    folder = write_shop(tmp_path / "large", users=20, items=110)
    make_keys(graph)
    remember(graph, folder, None)
    ingest(graph, folder, home)
    encode_items(graph, settings(graph, home))
    learned = run(graph, home).stages["mine"]["classifiers"]
    assert set(learned) == {"category", "brand"}
    assert None not in learned.values()
    products = read_csv(folder / "products.csv")
    more = [[f"more-{n}", f"Further thing {n}", *products[0][2:]] for n in range(8)]
    write_csv(folder / "products.csv", PRODUCTS, [*products, *more[:2]])
    assert run(graph, home).stages["mine"] == {"seconds": ANY}
    write_csv(folder / "products.csv", PRODUCTS, [*products, *more])
    assert set(run(graph, home).stages["mine"]["classifiers"]) == {"category", "brand"}
