"""Bar 8: how fast the API answers, on the graph and live model of the current settings.

    python -m tests.bench.bench_api --seconds 60 --rate 50 --out build/bench/api.json

Users, items and words are drawn from the graph, so that hardly any request comes twice.
"""

import argparse
import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any, NamedTuple

from kg.driver import connect
from kg.queries import parse
from kg.settings import load_settings
from tests.bench.load import Load, run
from tests.bench.server import served

SAMPLE = parse(
    "bench",
    """
// name: users
// Users with a past.
// params: n (int)
// returns: ids ([str])
MATCH (u:User)
WHERE EXISTS { (u)-[:BOUGHT|VIEWED|RATED|ADDED_TO_CART]->() }
WITH u LIMIT $n
RETURN collect(u.userId) AS ids

// name: items
// Items with a title.
// params: n (int)
// returns: items ([[str, str]])
MATCH (i:Item)
WHERE i.title IS NOT NULL
WITH i LIMIT $n
RETURN collect([i.itemId, i.title]) AS items
""",
)


class Shop(NamedTuple):
    """What requests are made of."""

    users: list[str]
    items: list[list[str]]  # id, title


def main() -> None:
    """Measure, print and write the bars."""
    options = _options()
    shop = sample(5_000)
    command = f"python -m tests.bench.bench_api --rate {options.rate:g} --seconds {options.seconds:g}"
    with served() as url:
        bodies = _bodies(shop, int(options.rate * (options.seconds + options.warm_up)))
        asyncio.run(run(f"{url}/v1/recommendations", bodies, options.rate, options.warm_up))
        load = asyncio.run(run(f"{url}/v1/recommendations", bodies[::-1], options.rate, options.seconds))
    text = json.dumps(_bars(load, command), indent=2)
    sys.stdout.write(text + "\n")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=10, help="seconds that do not count")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _bars(load: Load, command: str) -> list[dict[str, Any]]:
    limits = [("p50 ms", load.p50, 20.0), ("p99 ms", load.p99, 80.0), ("errors", load.errors, 0)]
    return [
        {"bar": f"8 {name}", "value": value, "limit": limit, "ok": value <= limit, "command": command}
        for name, value, limit in limits
    ]


def sample(n: int) -> Shop:
    """Up to n users and n items of the graph of the current settings."""
    with connect(load_settings()) as graph:
        users = graph.read(SAMPLE["users"], n=n)[0]["ids"]
        items = graph.read(SAMPLE["items"], n=n)[0]["items"]
    return Shop(users, items)


def _bodies(shop: Shop, n: int) -> list[dict[str, Any]]:
    draw = random.Random(1)
    return [_body(shop, draw, k % 4) for k in range(n)]


def _body(shop: Shop, draw: random.Random, sort: int) -> dict[str, Any]:
    words = draw.choice(shop.items)[1].split()
    query = " ".join(draw.sample(words, min(4, len(words))))
    some = [item_id for item_id, _ in draw.sample(shop.items, 3)]
    return [
        {"user_id": draw.choice(shop.users)},
        {"user_id": draw.choice(shop.users), "query": query},
        {"item_ids": some[:1], "kind": "similar"},
        {"session_items": some},
    ][sort]


if __name__ == "__main__":
    main()
