"""Where an answer's time goes: python -m tests.bench.profile_api

On the graph and live model of the current settings, in this process, one request after the other: CPU
milliseconds of an answer, so that what else the machine does counts little. The API's own are shared out by a
profile of the event loop's thread; what its other threads do (reading words) and Neo4j are measured as they
are. Requests come without HTTP over a socket: uvicorn is not among them.
"""

import argparse
import asyncio
import cProfile
import pstats
import time
from collections import Counter
from typing import Any, Final

import httpx
import psutil
from threadpoolctl import threadpool_limits

from api.app import create_app
from api.encoder import QueryEncoder
from kg.console import out
from kg.server.local import LocalServer
from kg.settings import load_settings
from tests.bench.bench_api import sample
from tests.bench.bench_speed import bodies_of

_WARM = 5_000  # answers before: Neo4j compiles for some thousands what it is asked again and again
# What is said of code, by what its path holds; the first that fits.
PARTS: Final = {
    "Bolt: neo4j's driver": ("/site-packages/neo4j",),
    "HTTP, validation, JSON": ("/fastapi/", "/starlette/", "/pydantic", "/httpx/", "/api/schemas/"),
    "event loop": ("/asyncio/", "/anyio/", "selectors.py"),
    "ranking": ("/api/ranking/", "/api/picking.py", "/api/filters.py", "/numpy/", "/scipy/"),
    "reading words": ("/api/words/",),
    "reasons": ("/api/explain.py",),
    "keeping answers": ("/api/ledger.py", "/api/writer.py", "/api/state/"),
}  # fmt: skip
OTHER: Final = "the rest of the API"


def main() -> None:
    """Ask, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500)
    asked = parser.parse_args()
    out.print("| CPU ms an answer | for_you | words and user |\n|---|---|---|")
    threadpool_limits(1)  # as `shopgraph api serve` has it
    columns = [asyncio.run(_measured(asked.requests, words)) for words in (False, True)]
    for name in columns[0]:
        out.print(f"| {name} | " + " | ".join(f"{of[name]:.2f}" for of in columns) + " |", highlight=False)


async def _measured(n: int, words: bool) -> dict[str, float]:
    settings = load_settings()
    app = create_app(settings)
    java = psutil.Process(LocalServer(settings.home).status().pid)
    bodies = bodies_of(sample(20_000), _WARM + 2 * n, words)
    encoding = _timed(QueryEncoder, "embed")
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as api,
    ):

        async def ask(some: list[dict[str, Any]]) -> None:
            for body in some:
                (await api.post("/v1/recommendations", json=body)).raise_for_status()

        await _idle()  # the model that is not live is read behind the first answers
        await ask(bodies[:_WARM])
        encoding.clear()
        process, thread, neo4j, began = (
            time.process_time(),
            time.thread_time(),
            _cpu(java),
            time.perf_counter(),
        )
        await ask(bodies[_WARM : _WARM + n])
        found = {
            "whole": time.process_time() - process,
            "loop": time.thread_time() - thread,
            "neo4j": _cpu(java) - neo4j,
            "clock": time.perf_counter() - began,
            "encoding": encoding["seconds"],
        }
        each = {name: 1000 * seconds / n for name, seconds in found.items()}
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        await ask(bodies[_WARM + n :])
        profile.disable()
    shares = _shares(profile)
    return {
        "Neo4j, its process": each["neo4j"],
        "the API, its process": each["whole"],
        "… ONNX: the words' vector": each["encoding"],
        "… its other threads besides": each["whole"] - each["loop"] - each["encoding"],
        **{f"… {name}": each["loop"] * shares[name] for name in (*PARTS, OTHER)},
        "by the clock, one at a time": each["clock"],
    }


async def _idle() -> None:
    """Wait until this process does nothing."""
    spent = 1.0
    while spent > 0.1:
        began = time.process_time()
        await asyncio.sleep(2)
        spent = time.process_time() - began


def _timed(kind: type, name: str) -> Counter[str]:
    """Adds up the CPU seconds of a method, in whatever thread."""
    seconds: Counter[str] = Counter()
    plain = getattr(kind, name)

    def timed(*args: Any) -> Any:
        began = time.thread_time()
        try:
            return plain(*args)
        finally:
            seconds["seconds"] += time.thread_time() - began

    setattr(kind, name, timed)
    return seconds


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _shares(profile: cProfile.Profile) -> dict[str, float]:
    """The part of each in the seconds of the profile; what is built in goes to whoever calls it."""
    stats: Any = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
    spent: Counter[str] = Counter()
    for (path, _, _), (_, _, own, _, callers) in stats.items():
        if path != "~":
            spent[_part(path)] += own
        for (caller, _, _), (_, _, its, _) in callers.items() if path == "~" else ():
            spent[_part(caller)] += its
    total = sum(spent.values())
    return {name: spent[name] / total for name in (*PARTS, OTHER)}


def _part(path: str) -> str:
    return next((name for name, some in PARTS.items() if any(of in path for of in some)), OTHER)


if __name__ == "__main__":
    main()
