"""An open-loop load generator: requests leave on schedule, whether or not earlier ones have been answered.

Latency counts from the moment a request was due, so that a server that stalls is not flattered by the
requests that a closed loop would not have sent (Schroeder et al. 2006, "Open versus closed").
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
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


class Answer(NamedTuple):
    """One answer of the server."""

    body: int  # place of what was asked
    sent: float  # seconds since 1970
    received: float
    response: httpx.Response


async def run(
    url: str,
    bodies: Sequence[dict[str, Any]],
    rate: float,
    seconds: float,
    seen: Callable[[Answer], None] | None = None,
    until: Callable[[], bool] | None = None,
) -> Load:
    """POST the bodies in turn, `rate` times a second.

    Args:
        seen: is given each answer.
        until: ends the load before `seconds` are over.
    """
    latencies: list[float] = []
    statuses: Counter[str] = Counter()

    async def one(client: httpx.AsyncClient, n: int, due: float) -> None:
        sent = time.time()
        try:
            response = await client.post(url, json=bodies[n % len(bodies)])
            statuses[str(response.status_code)] += 1
            if seen is not None:
                seen(Answer(n % len(bodies), sent, time.time(), response))
        except httpx.HTTPError as error:
            statuses[type(error).__name__] += 1
        latencies.append((time.perf_counter() - due) * 1000)

    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(timeout=10, limits=limits) as client, asyncio.TaskGroup() as group:
        started = time.perf_counter()
        for n in range(int(rate * seconds)):
            if until is not None and until():
                break
            due = started + n / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(client, n, due))
    p50, p99, worst = (round(float(value), 2) for value in np.percentile(latencies, [50, 99, 100]))
    return Load(len(latencies), p50, p99, worst, dict(statuses))
