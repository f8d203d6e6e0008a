"""A made-up shop, small and odd on purpose: for tests, and to try the pipeline without any files."""

import numpy as np
import pandas as pd

from kg.dataset import ShopData


def fake_shop(
    n_users: int = 60,
    n_items: int = 40,
    *,
    seed: int = 0,
    with_text: bool = True,
    with_time: bool = True,
    with_baskets: bool = True,
) -> ShopData:
    """A shop of two kinds of people who buy from two halves of the catalogue.

    Oddities: the last item was never bought and has neither text nor brand; user 0 bought one item only, and
    that three times; user 1 bought in one basket alone; a tenth of all events repeat an earlier pair; one
    item lies in three categories, some in none; ids are not in ASCII.
    """
    rng = np.random.default_rng(seed)
    half = n_items // 2
    rows = [(0, 0, time, f"b{time}") for time in (3, 5, 8)]
    for user in range(1, n_users):
        bought = rng.choice(half - 1, size=rng.integers(2, 9), replace=False) + half * (user % 2)
        again = rng.choice(bought, size=len(bought) // 10 + 1)
        for step, item in enumerate([*bought, *again]):
            basket = "b0" if user == 1 else f"b{step // 3}"
            rows.append((user, int(item), int(1_000 * user + 10 * step), basket))
    events = pd.DataFrame(rows, columns=["user", "item", "order", "basket"])
    events["type"] = rng.choice(["view", "purchase"], size=len(events), p=[0.2, 0.8])
    events["weight"] = np.float32(1)
    events["split_given"] = rng.choice(["train", "test"], size=len(events), p=[0.8, 0.2])
    if not with_baskets:
        events["basket"] = None
    events = events.astype({"user": np.int32, "item": np.int32, "order": np.int64, "basket": object})
    categories: list[list[str]] = [[f"c{item // 5}"] if item % 3 else [] for item in range(n_items)]
    categories[1] = ["c0", "c1", "kids"]
    items = pd.DataFrame(
        {
            "item_id": [f"ítem-{item:03}" for item in range(n_items)],
            "text": [f"thing {item}" for item in range(n_items - 1)] + [""],
            "brand": [f"brand {item % 7}" for item in range(n_items - 1)] + [None],
            "categories": categories,
            "price": np.arange(n_items, dtype=float),
        }
    )
    pairs = pd.DataFrame(
        {
            "relation": "also bought",
            "kind": "BOUGHT_WITH",
            "source": range(0, half),
            "target": range(half, 2 * half),
        }
    )
    text = rng.standard_normal((n_items, 12)).astype(np.float32)
    text[:half] += 1.5
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    text[-1] = 0
    users = np.array([f"ü{user}" for user in range(n_users)])
    relations = pairs.astype({"source": np.int32, "target": np.int32})
    return ShopData(items, users, events, with_time, relations, text if with_text else None)
