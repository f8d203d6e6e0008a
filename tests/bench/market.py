"""A made-up shop over most of a year, with something to learn and something that changes, as files.

Customers have two tastes each and buy from them, seldom from elsewhere; within a taste some things sell more
than others, and which ones changes with each quarter. A fifth of the products come in the last quarter, so
that a model of the time before lacks them.
"""

from pathlib import Path

import numpy as np

from tests.kg.made_up import write_csv

START, DAYS = 1_700_000_000, 280
LATE = START + DAYS * 86_400 * 3 // 4  # when the new products come
_WORDS = (
    "coffee", "tea", "chocolate", "cheese", "wine", "bread", "pasta", "rice", "fish", "apple", "shampoo",
    "soap", "candle", "towel", "lamp", "chair", "book", "puzzle", "guitar", "tent", "bicycle", "football",
    "yoga", "garden", "paint", "hammer", "camera", "phone", "laptop", "watch", "ring", "scarf",
)  # fmt: skip
MANIFEST = """
name = "market"
items = { files = "products.csv", id = "sku", title = "name", categories = "shelf", price = "price" }
[[interactions]]
files = "sales.csv"
user = "customer"
item = "sku"
type = { value = "purchase" }
time = "at"
basket = "receipt"
"""


def write_market(
    folder: Path, users: int, items: int, *, tastes: int = 16, seed: int = 7, until: int | None = None
) -> None:
    """The files of the shop, up to a time; the same for the same seed.

    Args:
        users: each buys about 14 things.
        until: seconds since 1970; later sales, and products that came later, are left out.
    """
    rng = np.random.default_rng(seed)
    taste = np.arange(items) % tastes
    late = rng.random(items) < 0.2
    appeal = (rng.pareto(1.5, items) + 0.2) * rng.lognormal(0.0, 1.5, (4, items))  # by quarter
    sales = []
    for user in range(users):
        mine = rng.choice(tastes, size=2, replace=False)
        times = np.sort(rng.integers(START, START + DAYS * 86_400, size=rng.integers(6, 23)))
        for step, at in enumerate(times.tolist()):
            of = rng.choice([*mine, rng.integers(tastes)], p=[0.6, 0.3, 0.1])
            able = np.flatnonzero((taste == of) & (~late | (at >= LATE)))
            chance = appeal[(at - START) * 4 // (DAYS * 86_400), able]
            item = int(rng.choice(able, p=chance / chance.sum()))
            if until is None or at <= until:
                sales.append([f"u{user}", f"p{item}", at, f"r{user}-{step // 2}"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.toml").write_text(MANIFEST, encoding="utf-8")
    shown = [n for n in range(items) if until is None or until >= LATE or not late[n]]
    products = [
        [f"p{n}", f"{_WORDS[taste[n] % len(_WORDS)]} number {n}", f"Shelf {taste[n]}", n % 40 + 0.5]
        for n in shown
    ]
    write_csv(folder / "products.csv", ["sku", "name", "shelf", "price"], products)
    write_csv(folder / "sales.csv", ["customer", "sku", "at", "receipt"], sales)
