"""An open-loop load generator: requests leave on schedule, whether or not earlier ones have been answered.

Latency counts from the moment a request was due, so that a server that stalls is not flattered by the
requests that a closed loop would not have sent (Schroeder et al. 2006, "Open versus closed").
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx
import numpy as np


class Load(NamedTuple):
    """What one run measured, latencies in milliseconds."""

    requests: int
    p50: float
    p99: float
    worst: float
    statuses: dict[str, int]  # status or name of the error -> times

    @property
    def errors(self) -> int:
        return self.requests - self.statuses.get("200", 0)


async def run(url: str, bodies: Sequence[dict[str, Any]], rate: float, seconds: float) -> Load:
    """POST the bodies in turn, `rate` times a second."""
    total = int(rate * seconds)
    latencies = np.zeros(total)
    statuses: Counter[str] = Counter()

    async def one(client: httpx.AsyncClient, n: int, due: float) -> None:
        try:
            response = await client.post(url, json=bodies[n % len(bodies)])
            statuses[str(response.status_code)] += 1
        except httpx.HTTPError as error:
            statuses[type(error).__name__] += 1
        latencies[n] = (time.perf_counter() - due) * 1000

    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(timeout=10, limits=limits) as client, asyncio.TaskGroup() as group:
        started = time.perf_counter()
        for n in range(total):
            due = started + n / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(client, n, due))
    p50, p99 = np.percentile(latencies, [50, 99])
    return Load(
        total, round(float(p50), 2), round(float(p99), 2), round(float(latencies.max()), 2), dict(statuses)
    )
