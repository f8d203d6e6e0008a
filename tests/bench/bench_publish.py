"""Bar 5 of the refresh: models come and go while shoppers ask.

    python -m tests.bench.bench_publish

A made-up shop, three models trained on it, and three copies of one that were damaged: vectors of another
size, a NaN, a file cut off. An API process is asked 50 times a second, on schedule, while 20 publications and
rollbacks follow each other, the damaged ones among them. Every answer is compared with what its version
answers to the same user when nothing moves: one of two versions would show.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import torch
from safetensors.torch import load_file, save_file

from kg.console import out
from kg.driver import connect
from kg.models import published
from kg.server import LocalServer
from kg.settings import load_settings
from tests.bench.server import served
from tests.kg.made_up import write_shop

HOME = Path("build/bench/publish").resolve()
COMMAND = "python -m tests.bench.bench_publish"
USERS, ITEMS, RATE = 400, 200, 50
DAMAGES = ("size", "nan", "cut")
_FOLLOWS, _ROLLBACK = 2.0, 5.0  # seconds


class Answer(NamedTuple):
    """One of the answers under load."""

    asked: float
    user: str
    status: int  # 0: none came
    version: str
    items: list[tuple[str, float]]  # with scores


class Move(NamedTuple):
    """A publication or a rollback."""

    what: str
    code: int  # of the command
    seconds: float
    follows: float | None  # until answers were of the new version; None where nothing was to move
    message: str


def shopgraph(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """A command of this environment, with what it says."""
    program = Path(sys.executable).with_name("shopgraph")
    return subprocess.run([program, *arguments], check=check, capture_output=True, text=True)


def models() -> list[str]:
    """The versions of three models of the made-up shop, the first one live."""
    folder = write_shop(HOME / "shop", USERS, ITEMS, tastes=8)
    for line in (f"graph ingest {folder}", "graph encode", "graph build"):
        shopgraph(*line.split())
    for seed in ("1", "2", "3"):
        shopgraph("gnn", "train", "--force", "--max-epochs", "2", "--seed", seed)
    found = sorted(path.parent.name for path in (HOME / "models").glob("*/model.json"))
    shopgraph("gnn", "write-back", found[0])
    return found


def damaged(version: str, how: str) -> str:
    """A copy of a saved model that something went wrong with."""
    name = f"{version}-{how}"
    folder = HOME / "models" / name
    shutil.copytree(HOME / "models" / version, folder)
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(about | {"version": name}))
    file = folder / "model.safetensors"
    tensors = load_file(file)
    if how == "size":
        tensors["target"] = tensors["target"][:, :-1].contiguous()
    elif how == "nan":
        tensors["target"][3, 2] = torch.nan
    save_file(tensors, file)
    if how == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return name


async def keep_asking(url: str, ended: threading.Event, answers: list[Answer]) -> None:
    """50 requests a second until the end, each user in turn; none waits for another."""

    async def one(client: httpx.AsyncClient, user: str) -> None:
        asked = time.monotonic()
        try:
            response = await client.post("/v1/recommendations", json={"user_id": user, "limit": 5})
            body = response.json()
            items = [(item["item_id"], item["score"]) for item in body.get("items", [])]
            answers.append(Answer(asked, user, response.status_code, body.get("model_version", ""), items))
        except httpx.HTTPError:
            answers.append(Answer(asked, user, 0, "", []))

    async with httpx.AsyncClient(base_url=url, timeout=30) as client, asyncio.TaskGroup() as group:
        started, n = time.monotonic(), 0
        while not ended.is_set():
            await asyncio.sleep(max(0.0, started + n / RATE - time.monotonic()))
            group.create_task(one(client, f"u{n % USERS}"))
            n += 1


def moves(url: str, good: list[str], bad: list[str]) -> Iterator[Move]:
    """20 of them: each good version, each damaged one after it, and back."""
    plan: list[tuple[str, str | None]] = []
    for n in range(9):
        plan.append(("publish", good[1 + n % 2]))  # the first is live in between
        if n % 3 == 1 and bad:
            plan.append(("publish", bad[n // 3]))
        plan.append(("rollback", None))
    with httpx.Client(base_url=url, timeout=30) as client:
        for what, version in plan[:20]:
            before = live()
            arguments = ("gnn", "write-back", version) if version else ("model", "rollback")
            started = time.monotonic()
            done = shopgraph(*arguments, check=False)
            ended = time.monotonic()
            follows = follow(client, ended) if live() != before else None
            last = (done.stderr.strip().splitlines() or [""])[-1]
            yield Move(f"{what} {version or ''}".strip(), done.returncode, ended - started, follows, last)


def live() -> str | None:
    with connect(load_settings()) as graph:
        return next((model.version for model in published(graph) if model.live), None)


def follow(client: httpx.Client, since: float) -> float:
    """Seconds until answers are of the live version."""
    wanted = live()
    while time.monotonic() - since < 30:
        answer = client.post("/v1/recommendations", json={"user_id": "u0", "limit": 1}).json()
        if answer.get("model_version") == wanted:
            break
        time.sleep(0.02)
    return time.monotonic() - since


def references(url: str, versions: list[str]) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """What each version answers to each user while nothing moves."""
    found = {}
    with httpx.Client(base_url=url, timeout=30) as client:
        for version in versions:
            shopgraph("gnn", "write-back", version)
            follow(client, time.monotonic())
            for n in range(USERS):
                body = client.post("/v1/recommendations", json={"user_id": f"u{n}", "limit": 5}).json()
                assert body["model_version"] == version
                found[version, f"u{n}"] = [(item["item_id"], item["score"]) for item in body["items"]]
    return found


def publications() -> Iterator[dict[str, Any]]:
    """The bars."""
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["SHOPGRAPH_HOME"] = str(HOME)
    try:
        good = models()
        bad = [damaged(good[1], how) for how in DAMAGES]
        answers: list[Answer] = []
        with served() as url:
            ended = threading.Event()
            thread = threading.Thread(target=lambda: asyncio.run(keep_asking(url, ended, answers)))
            thread.start()
            try:
                made = list(moves(url, good, bad))
            finally:
                ended.set()
                thread.join()
            known = references(url, good)
    finally:
        LocalServer(HOME).stop()
    yield from judged(made, answers, known)


def judged(
    made: list[Move], answers: list[Answer], known: dict[tuple[str, str], list[tuple[str, float]]]
) -> Iterator[dict[str, Any]]:
    """What went wrong, if anything."""
    for move in made:
        out.print(f"  {move.what}: exit {move.code}, {move.seconds:.1f} s {move.message}", highlight=False)
    failed = [answer for answer in answers if answer.status != 200]
    mixed = [a for a in answers if a.status == 200 and not _same(a.items, known.get((a.version, a.user), []))]
    bad = [move for move in made if any(move.what.endswith(how) for how in DAMAGES)]
    refused = sum(move.code != 0 for move in bad)
    stuck = [move.what for move in made if move not in bad and (move.code or move.follows is None)]
    slowest = max((move.follows for move in made if move.follows is not None), default=99.0)
    back = max((move.seconds for move in made if move.what == "rollback"), default=99.0)
    yield _bar(f"5 of {len(answers)} requests, those that failed", len(failed), 0)
    yield _bar(f"5 of {len(answers)} answers, those of two versions or of none", len(mixed), 0)
    yield _bar(f"5 of {len(bad)} damaged models, those that were published", len(bad) - refused, 0)
    yield _bar(f"5 of {len(made)} moves, sound ones that failed", len(stuck), 0) | {"wrong": stuck}
    yield _bar("5 slowest seconds until answers were of the new version", slowest, _FOLLOWS)
    yield _bar("5 slowest seconds of a rollback, the command whole", back, _ROLLBACK)


def _same(one: list[tuple[str, float]], other: list[tuple[str, float]]) -> bool:
    return [i for i, _ in one] == [i for i, _ in other] and all(
        abs(a - b) <= 1e-4 for (_, a), (_, b) in zip(one, other, strict=True)
    )


def _bar(name: str, value: float, limit: float) -> dict[str, Any]:
    value = round(value, 2)
    return {"bar": name, "value": value, "limit": f"<= {limit:g}", "ok": value <= limit, "command": COMMAND}


def main() -> int:
    """Exit code 0 when every bar is met."""
    bars = list(publications())
    Path("build/bench/publish.json").write_text(json.dumps(bars, indent=1) + "\n")
    for bar in bars:
        out.print(f"{'ok  ' if bar['ok'] else 'miss'} {bar['bar']}: {bar['value']} ({bar['limit']})")
    return 0 if all(bar["ok"] for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
