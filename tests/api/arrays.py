"""A made-up snapshot without a graph."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from api.state.activity import Activity
from api.state.columns import categories_from, columns_from
from api.state.snapshot import Snapshot
from api.state.version import Version
from api.words.lexicon import Lexicon
from kg.seasons import WEEKS


def made_up(n: int, seed: int, dim: int = 8) -> Snapshot:
    """`n` items with random vectors, prices, stock, brands, attributes and one of three categories each."""
    random = np.random.default_rng(seed)
    ids = [f"item-{k:03d}" for k in range(n)]
    number = {item_id: k for k, item_id in enumerate(ids)}
    rows = [
        [
            f"Title {k}",
            None if random.random() < 0.2 else float(random.integers(1, 20)),
            bool(random.random() < 0.8),
            bool(random.random() < 0.1),
            None if random.random() < 0.2 else int(random.integers(0, 1_000)),
            None if random.random() < 0.2 else f"Brand {random.integers(0, 4)}",
            None if random.random() < 0.2 else _attributes(random),
            None if random.random() < 0.2 else float(random.integers(1, 20)),
        ]
        for k in range(n)
    ]
    tree = [
        {"category_id": "A", "name": "A", "parent_ids": []},
        {"category_id": "A > B", "name": "B", "parent_ids": ["A"], "season": [1.5] * WEEKS},
        {"category_id": "C", "name": "C", "parent_ids": []},
    ]
    members = [{"item_id": i, "category_ids": [tree[int(random.integers(0, 3))]["category_id"]]} for i in ids]
    return Snapshot(
        version=Version("model", "graph", "blue", dim, 0.1, (), fade=0.1, linear=2.0),
        ids=ids,
        number=number,
        context=_unit(random, n, dim),
        target=_unit(random, n, dim),
        linear=sp.random(n, n, density=0.2, format="csr", dtype=np.float32, random_state=seed),
        text=_unit(random, n, 6),
        text_model="made-up",
        lexicon=Lexicon([row[0] for row in rows]),
        shoppers=random.integers(0, 50, size=n),
        columns=columns_from(rows),
        categories=categories_from(tree, members, number),
        activity=Activity(random.exponential(size=n), np.full(n, np.nan), newest=0.0),
    )


def _attributes(random: np.random.Generator) -> str:
    tags = ["new", "sale"][: int(random.integers(0, 3))]
    return json.dumps(
        {"Color": f"Red {random.integers(0, 3)}", "size": int(random.integers(1, 4)), "tags": tags}
    )


def titled(titles: Sequence[tuple[str, str | None, int]], hidden: Sequence[int] = ()) -> Snapshot:
    """Items with title, brand and number of shoppers; the even ones are Drinks, all are Food."""
    ids = [str(n) for n in range(len(titles))]
    number = {item_id: n for n, item_id in enumerate(ids)}
    tree = [
        {"category_id": "f", "name": "Food", "parent_ids": []},
        {"category_id": "d", "name": "Drinks", "parent_ids": ["f"]},
        {"category_id": "e", "name": "Empty", "parent_ids": []},
    ]
    members = [{"item_id": i, "category_ids": ["f" if int(i) % 2 else "d"]} for i in ids]
    rows = [
        [title, None, True, n in hidden, None, brand, None, None]
        for n, (title, brand, _) in enumerate(titles)
    ]
    return replace(
        made_up(1, 1),
        ids=ids,
        number=number,
        shoppers=np.array([shoppers for _, _, shoppers in titles]),
        columns=columns_from(rows),
        categories=categories_from(tree, members, number),
    )


def _unit(random: np.random.Generator, n: int, dim: int) -> np.ndarray:
    vectors = random.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
