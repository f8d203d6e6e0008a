"""Made-up shops as files, for the tests of ingest."""

import csv
import random
from pathlib import Path

MANIFEST = """
name = "madeup"

[items]
files = "products.csv"
id = "sku"
title = "name"
brand = "maker"
price = "price"
categories = { column = "shelf", path = "/" }

[[interactions]]
files = "sales.csv"
user = "customer"
item = "sku"
type = "what"
time = "at"
weight = "amount"
basket = "receipt"
splits = { split_time = "part" }

[[relations]]
files = "together.csv"
relation = "how"
source = "one"
target = "other"
kinds = { bought = "BOUGHT_WITH", seen = "VIEWED_WITH" }
"""
PRODUCTS = ["sku", "name", "maker", "price", "shelf"]
SALES = ["customer", "sku", "what", "at", "amount", "receipt", "part"]


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    """A CSV file; row 2 is the first of `rows`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def read_csv(path: Path) -> list[list[str]]:
    """The rows of a CSV file, without its header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def write_shop(folder: Path, users: int = 40, items: int = 20, seed: int = 1, tastes: int = 1) -> Path:
    """A whole shop of a few products and customers, the same for the same seed.

    Customers of one taste buy every so-manieth product alone; with one taste there is nothing to learn.
    """
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.toml").write_text(MANIFEST, encoding="utf-8")
    write_csv(
        folder / "products.csv",
        PRODUCTS,
        [[f"p{n}", f"Product {n}", f"Maker {n % 7}", n + 0.5, f"All/Shelf {n % 5}"] for n in range(items)],
    )
    sales: list[list[object]] = []
    for user in range(users):
        for order in range(3):
            for item in chance.sample(range(user % tastes, items, tastes), 4):
                kind = chance.choice(["view", "purchase"])
                time = 1_700_000_000 + order * 86_400 + user
                sales.append(
                    [f"u{user}", f"p{item}", kind, time, chance.randint(1, 3), f"r{user}-{order}", "train"]
                )
    write_csv(folder / "sales.csv", SALES, sales)
    pairs = [[how, f"p{n}", f"p{(n * 3 + 1) % items}"] for n in range(items) for how in ("bought", "seen")]
    write_csv(folder / "together.csv", ["how", "one", "other"], pairs)
    return folder
