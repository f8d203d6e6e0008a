"""A made-up shop whose shoppers choose in a way that is known, and a model of it that knows nothing."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from api.encoder import QueryEncoder
from kg.driver import Graph
from kg.queries import parse
from tests.api import shop

ITEMS, CATEGORIES, USERS, DAYS, KNOWN_DAYS = 80, 10, 150, 120, 90
GROUPS = 4
DAY, START = 86_400, 1_600_000_000
VERSION = "model-1"
GOODS = ("tea", "coffee", "spade", "lamp", "shoes", "pasta", "guitar", "pillow", "bicycle", "soap")
SERVING = {"event_weights": {"purchase": 1.0}, "fade": 0.0, "linear": 0.0}
Choose = Callable[[np.random.Generator, int, int], int]  # user, day -> number of an item
WRITES = parse(
    "learnable",
    """
// name: events
// What users bought, a row a user and item.
// params: rows
// returns:
UNWIND $rows AS row
MERGE (u:User {userId: row.user})
WITH u, row
MATCH (i:Item {itemId: row.item})
MERGE (u)-[e:BOUGHT]->(i)
SET e.count = size(row.times), e.weight = 1.0, e.times = row.times,
    e.firstAt = datetime({epochSeconds: row.times[0]}), e.lastAt = datetime({epochSeconds: row.times[-1]})

// name: forget
// Take away what was bought at a moment or later; no item was bought twice by a user.
// params: since
// returns:
MATCH (:User)-[e:BOUGHT]->(:Item)
WHERE e.times[0] >= $since
DELETE e

// name: searches
// What users searched for.
// params: rows
// returns:
UNWIND $rows AS row
CREATE (:Event {type: 'search', userId: row.user, query: row.query, at: datetime({epochSeconds: row.at})})
""",
)


def by_trend(random: np.random.Generator, _: int, day: int) -> int:
    """Mostly one of the four items that all the shop buys this week."""
    hot = np.random.default_rng(day // 7).choice(ITEMS, 4, replace=False)
    return int(random.choice(hot)) if random.random() < 0.8 else int(random.integers(ITEMS))


def by_category(random: np.random.Generator, user: int, _: int) -> int:
    """Mostly from the shopper's own category."""
    if random.random() < 0.8:
        return user % CATEGORIES + CATEGORIES * int(random.integers(ITEMS // CATEGORIES))
    return int(random.integers(ITEMS))


def by_group(random: np.random.Generator, user: int, _: int) -> int:
    """Mostly from one of four groups that have items of all categories: only a model can know."""
    if random.random() < 0.8:
        return ITEMS // GROUPS * (user % GROUPS) + int(random.integers(ITEMS // GROUPS))
    return int(random.integers(ITEMS))


def at_random(random: np.random.Generator, _: int, __: int) -> int:
    """Nothing is to be learned."""
    return int(random.integers(ITEMS))


def write(graph: Graph, home: Path, choose: Choose, encoder: QueryEncoder | None = None) -> None:
    """The shop, live with a random model, and that model's files.

    Args:
        encoder: makes vectors of the titles, and users search for a good before they buy it.
    """
    graph.write(shop.WRITES["constraints"])
    names = [f"Category {k}" for k in range(CATEGORIES)]
    graph.write(shop.WRITES["categories"], rows=[{"id": n, "name": n, "parent": None} for n in names])
    rows = [{"properties": _item(k, encoder), "category": names[k % CATEGORIES]} for k in range(ITEMS)]
    graph.write(shop.WRITES["items"], rows=rows)
    events = list(bought(choose))
    rows = [{"user": f"u{u:03d}", "item": f"i{i:02d}", "times": [at]} for u, i, at in events]
    graph.write(WRITES["events"], rows=rows)
    if encoder is not None:
        said = [{"user": f"u{u:03d}", "query": GOODS[i % CATEGORIES], "at": at - 60} for u, i, at in events]
        graph.write(WRITES["searches"], rows=said)
    _publish(graph, home)
    shop.finish_refresh(graph, "run-1")


def _item(k: int, encoder: QueryEncoder | None) -> dict[str, object]:
    item = {"itemId": f"i{k:02d}", "title": f"{GOODS[k % CATEGORIES]} no. {k}", "brand": "A"}
    if encoder is None:
        return item
    return item | {"textEmbedding": encoder.encode(item["title"]).tolist(), "textModel": encoder.name}


def bought(choose: Choose) -> Iterator[tuple[int, int, int]]:
    """User, item and time of each purchase, in order; nothing is bought twice."""
    random, had = np.random.default_rng(0), set()
    for day in range(DAYS):
        for second, user in enumerate(random.choice(USERS, 25, replace=False).tolist()):
            item = choose(random, user, day)
            if (user, item) not in had:
                had.add((user, item))
                yield user, item, START + DAY * day + second


def _publish(graph: Graph, home: Path) -> None:
    random = np.random.default_rng(1)
    context, target = (random.normal(size=(ITEMS, shop.DIM)).astype(np.float32) for _ in range(2))
    for vectors in (context, target):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [
        {"item": f"i{k:02d}", "context": context[k].tolist(), "target": target[k].tolist()}
        for k in range(ITEMS)
    ]
    graph.write(shop.WRITES["vectors"], rows=rows, context="gnnContextBlue", target="gnnTargetBlue")
    serving = json.dumps(SERVING)
    graph.write(
        shop.WRITES["model"], version=VERSION, slot="blue", dim=shop.DIM, temperature=1.0, serving=serving
    )
    save_twin(home, context, target)


def save_twin(
    home: Path, context: np.ndarray, target: np.ndarray, split: str = "time", version: str = VERSION
) -> None:
    """As `gnn train` keeps it."""
    folder = home / "models" / version
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "version": version,
        "split": split,
        "refitted": True,
        "until": START + DAY * KNOWN_DAYS,
        "serving": SERVING | {"temperature": 1.0},
        "judged_until": START + DAY * KNOWN_DAYS,
        "item_ids": [f"i{k:02d}" for k in range(len(context))],
    }
    (folder / "model.json").write_text(json.dumps(about))
    empty = {
        "linear.data": np.zeros(0, np.float32),
        "linear.indices": np.zeros(0, np.int32),
        "linear.indptr": np.zeros(len(context) + 1, np.int32),
    }
    save_file({"context": context, "target": target} | empty, folder / "twin.safetensors")
