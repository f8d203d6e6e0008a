"""Bar 3 of intents: random filters on Beauty and on the demo's shop, against a plain reading of every item.

Every answer must hold only items that comply, and `limit` of them wherever so many exist. Run by
tests/bench/bench_words.py.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from examples.journey.demo import MANIFEST
from examples.journey.prepare import prepare
from kg.driver import connect
from kg.queries import parse
from kg.settings import load_settings
from tests.api.plain import PlainItem, complies, nested
from tests.bench.main import shopgraph
from tests.bench.server import served

HOME = Path("build/bench/filters").resolve()
READ = parse(
    "filters",
    """
// name: items
// Every item as the graph has it.
// params:
// returns: id, price, list_price, stock, brand, categories, attributes
MATCH (i:Item)
WHERE NOT coalesce(i.hidden, false)
RETURN i.itemId AS id, i.price AS price, i.listPrice AS list_price, coalesce(i.inStock, true) AS stock,
       i.brand AS brand,
       [(i)-[:IN_CATEGORY]->(c) | c.categoryId] AS categories, i.attributes AS attributes
ORDER BY id

// name: users
// Some users, with what they bought.
// params:
// returns: id (str), bought ([str])
MATCH (u:User)-[:BOUGHT]->(i:Item)
WITH u, collect(DISTINCT i.itemId) AS bought
RETURN u.userId AS id, bought
ORDER BY id
LIMIT 200
""",
)


class Wrong(NamedTuple):
    """What was found over many answers."""

    answers: int
    strange: int  # answers with an item that does not comply
    short: int  # answers with fewer items than there are


def wrongs(folder: str, manifest: str | None, name: str, examples: int) -> Wrong:
    """Load a shop and ask with random filters."""
    os.environ["SHOPGRAPH_HOME"] = str(HOME / name)
    shopgraph(f"graph ingest {folder}" + (f" --manifest {manifest}" if manifest else ""))
    try:
        with connect(load_settings()) as graph:
            rows = graph.read(READ["items"])
            bought = {row["id"]: set(row["bought"]) for row in graph.read(READ["users"])}
        items = [
            PlainItem(
                r["id"],
                r["price"],
                r["stock"],
                None,
                r["brand"],
                r["categories"],
                json.loads(r["attributes"] or "{}"),
                r["list_price"],
            )
            for r in rows
        ]
        with served(model=False) as url, httpx.Client(base_url=url, timeout=30) as client:
            return _asked(client, items, bought, examples)
    finally:
        shopgraph("graph server stop")


def _asked(client: httpx.Client, items: list[PlainItem], bought: dict[str, set[str]], examples: int) -> Wrong:
    found = {"answers": 0, "strange": 0, "short": 0}

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(
        wanted=nested(_filters(items), max_leaves=4),
        limit=st.integers(1, 100),
        user=st.sampled_from([None, *bought]),
        seen=st.booleans(),
    )
    def ask(wanted: dict[str, Any], limit: int, user: str | None, seen: bool) -> None:
        body = {"filters": wanted, "limit": limit, "exclude_seen": seen, "explain": "none"}
        answer = client.post("/v1/recommendations", json=body | ({"user_id": user} if user else {}))
        answer.raise_for_status()
        ids = [item["item_id"] for item in answer.json()["items"]]
        had = bought[user] if user and seen else set()
        expected = {item.item_id for item in items if complies(item, wanted)} - had
        found["answers"] += 1
        found["strange"] += not set(ids) <= expected
        found["short"] += not len(set(ids)) == len(ids) == min(limit, len(expected))

    ask()
    return Wrong(**found)


def _filters(items: list[PlainItem]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on what the shop has, and on some things that it has not."""
    paths = sorted({c for item in items for c in item.categories})
    levels = sorted({level for path in paths for level in path.split(" > ")})
    brands = sorted({item.brand for item in items if item.brand})
    values: dict[str, set[str]] = {}
    for item in items:
        for attribute, value in item.attributes.items():
            values.setdefault(attribute, set()).update(
                map(str, value if isinstance(value, list) else [value])
            )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "category": st.lists(st.sampled_from([*paths, *levels, "no such category"]), max_size=3),
        "brand": st.lists(st.sampled_from([*brands, "nobody"]), max_size=5),
        "price": st.fixed_dictionaries({}, optional={"gte": st.integers(0, 30), "lte": st.integers(0, 30)}),
        "in_stock": st.booleans(),
        "on_sale": st.booleans(),
        "exclude_item_ids": st.lists(st.sampled_from([item.item_id for item in items]), max_size=9),
    }
    if values:
        optional["attributes"] = st.sampled_from(sorted(values)).flatmap(
            lambda name: st.fixed_dictionaries(
                {name: st.lists(st.sampled_from(sorted(values[name])), min_size=1, max_size=5)}
            )
        )
    return st.fixed_dictionaries({}, optional=optional)


def filters_hold(examples: int = 1_000) -> Iterator[dict[str, Any]]:
    """The bars, a shop after the other."""
    journey = HOME / "shop"
    prepare(journey)
    for name, folder, manifest in (
        ("beauty", "../shared/data/beauty", None),
        ("demo", str(journey), str(MANIFEST)),
    ):
        found = wrongs(folder, manifest, name, examples)
        for what, value in (("with an item that does not comply", found.strange), ("too short", found.short)):
            yield {
                "bar": f"3 {name}: of {found.answers} answers, those {what}",
                "value": value,
                "limit": "<= 0",
                "ok": value == 0,
                "command": "python -m tests.bench.bench_words --bars 3",
            }
