"""Bar 5 of the fresh graph: models are published and rolled back while the API answers 50 requests a second.

    python -m tests.bench.bench_refresh --bars 5 --users 400 --items 300

Three models of the shop are trained. Before the load each is published once, and the API is asked for every
request of the load: that is what an answer of that version has to be, to the last item and score. During the
load they are published one after the other by `shopgraph gnn write-back`, three corrupt copies between them,
and every other publication is taken back by `shopgraph model rollback`.
"""

import argparse
import asyncio
import json
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

from kg.driver import Graph, connect
from kg.queries import parse
from kg.settings import load_settings
from tests.bench import load
from tests.bench.server import served

Bar = dict[str, Any]
RATE = 50.0  # requests a second
MOVES = 20  # publications that are tried
FOLLOW, ROLLBACK = 2.0, 5.0  # seconds that are allowed
CORRUPT = {4: "wrong size", 10: "NaN", 16: "truncated"}  # which publications are of corrupt candidates
_SCORES = 1e-5  # scores are float32 and may be added in another order
LIVE = parse(
    "live",
    """
// name: live
// The live model, and since when.
// params:
// returns: version (str), since (float): seconds since 1970
MATCH (:Alias {name: 'live'})-[:POINTS_TO]->(m:Model)
RETURN m.version AS version, m.promotedAt.epochMillis / 1000.0 AS since
""",
)["live"]


class Move(NamedTuple):
    """A version that became live."""

    version: str
    at: float  # seconds since 1970
    seconds: float  # that the command took


class Seen(NamedTuple):
    """An answer during the load."""

    body: int
    sent: float
    received: float
    version: str
    items: list[tuple[str, float]]
    left_out: list[str]  # sources that were late, which the answer says


def publications(folder: Path, home: Path, options: argparse.Namespace) -> Iterator[Bar]:
    """The bars; the shop is in `folder`, the graph that of the settings."""
    shopgraph("refresh", "--source", str(folder))
    versions = [trained(seed) for seed in (1, 2, 3)]
    with served() as url, connect(load_settings()) as graph:
        asked = bodies(options)
        right = {version: answers(graph, url, version, asked) for version in versions}
        moves, refused, seen, measured = under_load(graph, home, url, versions, asked)
    words = f"python -m tests.bench.bench_refresh --bars 5 --users {options.users} --items {options.items}"
    alike = [body for body in range(len(asked)) if len({str(of[body]) for of in right.values()}) < len(right)]
    partial = sum(bool(answer.left_out) for answer in seen)
    mixed = [wrong for answer in seen if (wrong := judged(answer, right, moves))]
    backs = [move.seconds for kind, move in moves if kind == "rollback"]
    told = {"requests": measured.requests, "p50_ms": measured.p50, "p99_ms": measured.p99,
            "worst_ms": measured.worst, "statuses": measured.statuses}  # fmt: skip
    yield row(f"5 failed requests of {measured.requests}", measured.errors, 0, words, **told)
    yield row("5 answers of mixed or other versions", len(mixed), 0, words, wrong=mixed[:5])
    yield row(
        "5 answers that had to leave a late source out, and tell of their version alone", partial, 0, words
    )
    yield row("5 requests that two versions answer alike, which tell nothing", len(alike), 0, words)
    accepted = [what for what, message in refused.items() if message is None]
    yield row("5 corrupt candidates published, of 3", len(accepted), 0, words, refusals=refused)
    yield row(f"5 slowest rollback of {len(backs)}, s", round(max(backs), 2), ROLLBACK, words)
    followed = lags(moves, seen)
    yield row(
        f"5 slowest that the API followed, of {len(followed)}, s", round(max(followed), 2), FOLLOW, words
    )
    missing = MOVES - len(CORRUPT) - sum(kind == "publication" for kind, _ in moves)
    yield row("5 sound publications that did not come", missing, 0, words)


def shopgraph(*arguments: str) -> str:
    """A command that has to succeed; what it prints."""
    command = [sys.executable, "-m", "kg.main", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def trained(seed: int) -> str:
    """The version of one more model of the same graph."""
    told = shopgraph("gnn", "train", "--seed", str(seed), "--max-epochs", str(3 + seed), "--force", "--json")
    return str(json.loads(told)["version"])


def bodies(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Requests of every kind that a model speaks in."""
    some: list[dict[str, Any]] = []
    for n in range(20):
        user, item = {"user_id": f"u{n * 7 % options.users}"}, f"p{n * 11 % options.items}"
        some += [
            user, user | {"query": f"product {n}"}, {"session_items": [item, f"p{n}"]},
            user | {"exclude_seen": False, "filters": {"price": {"gte": 20}}},
        ]  # fmt: skip
    return [body | {"limit": 10} for body in some]


def answers(graph: Graph, url: str, version: str, asked: list[dict[str, Any]]) -> list[Any]:
    """What the API answers while nothing but this version is live."""
    shopgraph("gnn", "write-back", version)
    assert graph.read(LIVE)[0]["version"] == version
    with httpx.Client(base_url=url, timeout=30) as client:
        until = time.monotonic() + 60
        while client.post("/v1/recommendations", json=asked[0]).json()["model_version"] != version:
            assert time.monotonic() < until, f"the API did not follow to {version}"
            time.sleep(0.2)
        return [items(client.post("/v1/recommendations", json=body).json()) for body in asked]


def under_load(
    graph: Graph, home: Path, url: str, versions: list[str], asked: list[dict[str, Any]]
) -> tuple[list[tuple[str, Move]], dict[str, str | None], list[Seen], load.Load]:
    """Publish and roll back while the load goes on."""
    live = graph.read(LIVE)[0]
    moves = [("before", Move(live["version"], live["since"], 0.0))]
    refused: dict[str, str | None] = {}
    seen: list[Seen] = []
    failed: list[BaseException] = []
    ended = threading.Event()

    def keep(answer: load.Answer) -> None:
        if answer.response.status_code == 200:
            told = answer.response.json()
            what = told["model_version"], items(told), told["sources_left_out"]
            seen.append(Seen(answer.body, answer.sent, answer.received, *what))

    def publish() -> None:
        try:
            time.sleep(3)
            for n in range(MOVES):
                if n in CORRUPT:
                    refused[CORRUPT[n]] = refusal(graph, home, versions[0], CORRUPT[n])
                    continue
                others = [version for version in versions if version != moves[-1][1].version]
                moves.append(("publication", moved(graph, "gnn", "write-back", others[n % 2])))
                if n % 2:
                    time.sleep(FOLLOW + 1)  # so that it is seen how long the API took
                    moves.append(("rollback", moved(graph, "model", "rollback")))
                time.sleep(FOLLOW + 1)
        except BaseException as error:  # noqa: BLE001 – told by the thread that waits
            failed.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=publish)
    thread.start()
    measured = asyncio.run(
        load.run(f"{url}/v1/recommendations", asked, RATE, 3_600, seen=keep, until=ended.is_set)
    )
    thread.join()
    if failed:
        raise failed[0]
    return moves, refused, seen, measured


def moved(graph: Graph, *arguments: str) -> Move:
    """What is live after a command, and how long that took."""
    began = time.monotonic()
    shopgraph(*arguments)
    seconds = time.monotonic() - began
    live = graph.read(LIVE)[0]
    return Move(live["version"], live["since"], seconds)


def refusal(graph: Graph, home: Path, version: str, how: str) -> str | None:
    """What is said of a corrupt copy of a model; None where it was published."""
    before = graph.read(LIVE)[0]
    path = home / "models" / f"corrupt-{how.replace(' ', '-')}"
    shutil.copytree(home / "models" / version, path)
    about = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps(about | {"version": path.name}))
    damage(path / "model.safetensors", how)
    command = [sys.executable, "-m", "kg.main", "gnn", "write-back", path.name]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    shutil.rmtree(path)
    if done.returncode == 0 or graph.read(LIVE)[0] != before:
        return None
    if "Traceback" in done.stderr or "error:" not in done.stderr:
        raise SystemExit(f"A corrupt model ({how}) is not refused in words:\n{done.stderr}")
    return done.stderr.split("error:")[1].strip()


def damage(file: Path, how: str) -> None:
    """Break a file of vectors."""
    if how == "truncated":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        return
    tensors = load_file(file)
    target = tensors["target"].clone()
    if how == "NaN":
        target[len(target) // 2, 3] = torch.nan
    else:
        target = target[:, :-1]
    save_file(tensors | {"target": target.contiguous()}, file)


def judged(answer: Seen, right: dict[str, list[Any]], moves: list[tuple[str, Move]]) -> str | None:
    """What is wrong with an answer, if anything."""
    times = [move.at for _, move in moves]
    lives = zip((move.version for _, move in moves), times, [*times[1:], float("inf")], strict=True)
    # A process follows within FOLLOW, so a version may answer so long after it was live.
    possible = {v for v, begin, end in lives if begin <= answer.received and end >= answer.sent - FOLLOW}
    if answer.version not in possible:
        return f"{answer.version} answered at {answer.sent:.2f}, when {sorted(possible)} were live"
    if answer.left_out:
        return None
    want = right[answer.version][answer.body]
    same = [i for i, _ in want] == [i for i, _ in answer.items] and all(
        abs(a - b) <= _SCORES * max(abs(a), 1) for (_, a), (_, b) in zip(want, answer.items, strict=True)
    )
    return None if same else f"{answer.version}, request {answer.body}: {answer.items[:3]}, not {want[:3]}"


def lags(moves: list[tuple[str, Move]], seen: list[Seen]) -> list[float]:
    """Seconds from each move until the last request that another version answered, before the next move."""
    found = []
    ends = [move.at for _, move in moves[1:]] + [float("inf")]
    for (_, move), end in zip(moves, ends, strict=True):
        after = [answer for answer in seen if move.at <= answer.sent and answer.received < end]
        late = [answer.sent - move.at for answer in after if answer.version != move.version]
        found.append(max(late, default=0.0) if len(late) < len(after) else float("inf"))
    return found[1:]


def items(answer: dict[str, Any]) -> list[tuple[str, float]]:
    return [(item["item_id"], item["score"]) for item in answer["items"]]


def row(name: str, value: float, limit: float, words: str, **more: Any) -> Bar:
    return {"bar": name, "value": value, "limit": limit, "ok": value <= limit, "command": words} | more
