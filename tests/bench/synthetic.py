"""A made-up catalogue of any size, to see how speed grows: titles from the words of a real one."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

_MANIFEST = """name = "synthetic"
language = "en"

[items]
files = "items.jsonl"
id = "sku"
title = "title"
brand = "brand"
categories = "categories"
price = "price"
currency = { value = "USD" }
"""


def write_catalogue(
    folder: Path, items: int, titles: Sequence[str], categories: Sequence[str], brands: int = 2_000
) -> None:
    """Items of four to nine words each, none twice; a folder that `shopgraph graph ingest` takes."""
    draw = random.Random(1)
    words = [word for title in titles for word in title.split()]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        for n in range(items):
            row = {
                "sku": f"synthetic-{n:06}",
                "title": " ".join(draw.sample(words, draw.randint(4, 9))),
                "brand": f"Brand {draw.randrange(brands)}",
                "categories": [draw.choice(categories)],
                "price": round(draw.lognormvariate(2.5, 0.8), 2),
            }
            file.write(json.dumps(row) + "\n")
    (folder / "shop.toml").write_text(_MANIFEST, encoding="utf-8")
