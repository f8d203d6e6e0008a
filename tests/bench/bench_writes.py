"""Bar 1 of the fresh graph: how soon a write counts, on the graph and live model of the current settings.

    python -m tests.bench.bench_writes --events 500 --items 100 --requests 10000 --deletions 500

What it writes it deletes again; of its events the ids stay.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import numpy as np

from kg.driver import connect
from kg.queries import parse
from kg.settings import load_settings
from tests.bench.server import served

SAMPLE = parse(
    "bench",
    """
// name: items
// Items with a title.
// params: n (int)
// returns: ids ([str])
MATCH (i:Item)
WHERE i.title IS NOT NULL
WITH i LIMIT $n
RETURN collect(i.itemId) AS ids
""",
)
_READERS = 4
_GIVE_UP = 120.0  # seconds


def main() -> None:
    """Measure, print a line a bar, and write them."""
    options = _options()
    with served() as url:
        bars = asyncio.run(_measure(url, options))
    for bar in bars:
        sys.stdout.write(json.dumps(bar) + "\n")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(bars, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--requests", type=int, default=10_000, help="that race the deletions")
    parser.add_argument("--deletions", type=int, default=500)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


async def _measure(url: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    command = (
        f"python -m tests.bench.bench_writes --events {options.events} --items {options.items} "
        f"--requests {options.requests} --deletions {options.deletions}"
    )
    with connect(load_settings()) as graph:
        known = graph.read(SAMPLE["items"], n=5_000)[0]["ids"]
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        effect = [await _event_to_effect(client, known) for _ in range(options.events)]
        search = [await _item_to_search(client) for _ in range(options.items)]
        returned, asked = await _returned(client, options.requests, options.deletions)
    figures = [
        (f"1 event to effect, p99 of {options.events}, s", _p99(effect), 2.0),
        (f"1 new item to searchable, p99 of {options.items}, s", _p99(search), 60.0),
        (f"1 deleted items returned, {asked} requests racing {options.deletions} deletions", returned, 0),
    ]
    return [
        {"bar": bar, "value": value, "limit": limit, "ok": value <= limit, "command": command}
        for bar, value, limit in figures
    ]


async def _event_to_effect(client: httpx.AsyncClient, known: list[str]) -> float:
    """Seconds from a purchase of a user who was not there to an answer that gives it as a reason."""
    user, item = f"bench-{token_hex(8)}", random.choice(known)
    event = {"event_id": user, "type": "purchase", "user_id": user, "item_id": item}
    started = time.perf_counter()
    await _sent(client, "POST", "/v1/events", event)
    while time.perf_counter() - started < _GIVE_UP:
        answer = await _asked(client, {"user_id": user, "limit": 1})
        if any(r["item_id"] == item for found in answer["items"] for r in found["reasons"]):
            break
    seconds = time.perf_counter() - started
    await _sent(client, "DELETE", f"/v1/users/{user}")
    return seconds


async def _item_to_search(client: httpx.AsyncClient) -> float:
    """Seconds from the PUT of a new item to an answer to its words that has it."""
    item = f"bench-{token_hex(8)}"
    title = f"Bench item {token_hex(3)} {token_hex(3)} {token_hex(3)}"
    started = time.perf_counter()
    await _sent(client, "PUT", f"/v1/items/{item}", {"title": title})
    while time.perf_counter() - started < _GIVE_UP:
        answer = await _asked(client, {"query": title, "limit": 10})
        if any(found["item_id"] == item for found in answer["items"]):
            break
    seconds = time.perf_counter() - started
    await _sent(client, "DELETE", f"/v1/items/{item}")
    return seconds


async def _returned(client: httpx.AsyncClient, requests: int, deletions: int) -> tuple[int, int]:
    """How many deleted items came back in answers to requests that were sent after, and the requests made."""
    words = f"Bench {token_hex(3)} {token_hex(3)}"
    ids = [f"bench-{token_hex(8)}" for _ in range(deletions)]
    batch = [{"item_id": item, "title": f"{words} {n}"} for n, item in enumerate(ids)]
    for start in range(0, deletions, 250):
        await _sent(client, "POST", "/v1/items:bulk", {"items": batch[start : start + 250]})
    until = time.perf_counter() + _GIVE_UP
    while time.perf_counter() < until:
        answer = await _asked(client, {"query": words, "limit": 100})
        if sum(found["item_id"] in ids for found in answer["items"]) >= min(deletions, 100):
            break
    gone: set[str] = set()
    asked = wrong = 0

    async def read() -> None:
        nonlocal asked, wrong
        while asked < requests:
            asked += 1
            before = set(gone)
            answer = await _asked(client, {"query": words, "limit": 100, "explain": "none"})
            wrong += sum(found["item_id"] in before for found in answer["items"])

    async def delete() -> None:
        for n, item in enumerate(ids):
            while asked < n * requests // (deletions + 1):  # spread over the requests
                await asyncio.sleep(0.001)
            await _sent(client, "DELETE", f"/v1/items/{item}")
            gone.add(item)

    await asyncio.gather(delete(), *(read() for _ in range(_READERS)))
    return wrong, asked


async def _sent(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> None:
    response = await client.request(method, path, json=body)
    response.raise_for_status()


async def _asked(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post("/v1/recommendations", json=body)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def _p99(seconds: list[float]) -> float:
    return round(float(np.percentile(seconds, 99)), 3)


if __name__ == "__main__":
    main()
