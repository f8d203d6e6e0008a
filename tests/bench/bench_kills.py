"""Bar 2 of the refresh: the job killed in every stage, and Neo4j during it; see tests.bench.bench_refresh."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from kg.check import check
from kg.checksum import GraphSum, measure
from kg.driver import Graph, connect
from kg.models import published
from kg.refresh.history import last
from kg.refresh.lease import holder
from kg.refresh.stages import STAGES
from kg.server import LocalServer
from kg.settings import load_settings
from tests.bench.bench_publish import LIVE
from tests.bench.days import HOME, LEARNING, LEASE, Bar, Shop, bar, command, refresh
from tests.bench.server import served

# Where each stage is killed: after so many writes of the job, or so long after it began.
POINTS = {
    "ingest": ("0w", "1w", "4w", "7w", "9w"),
    "prune": ("0w", "1w", "3w", "5w", "7w"),
    "encode": ("0.1s", "1s", "3s", "5s", "7s"),
    "count": ("0.1s", "0.5s", "1s", "1.5s", "2s"),
    "mine": ("0.1s", "1s", "3s", "5s", "7s"),
    "train": ("0.5s", "3s", "6s", "9s", "12s"),
    "evaluate": ("0.5s", "2s", "4s", "6s", "8s"),
    "publish": ("0.5s", "2s", "4s", "5s", "6s"),
    "embed": ("0.5s", "2s", "4s", "5s", "6s"),
    "learn": ("0.5s", "2s", "4s", "5s", "6s"),
    "check": ("0w", "0.1s", "0.2s", "0.3s", "0.4s"),
}


def kills(shop: Shop, options: argparse.Namespace) -> Iterator[Bar]:
    """Bar 2: the job killed in every stage, and Neo4j during it."""
    words = (
        f"python -m tests.bench.bench_refresh --bars 2 --times {options.times} --users {options.users} "
        f"--items {options.items}"
    )
    refresh("--source", str(shop.folder))
    search(shop)
    want: dict[bool, GraphSum] = {}
    with connect(load_settings()) as graph:
        for _ in range(2):
            shop.turn()
            refresh("--no-retrain")
            want[shop.late] = measure(graph)
        with answering(graph) as answers:
            for stage in STAGES:
                wrong = [
                    w
                    for after in POINTS[stage.name][: options.times]
                    if (w := trial(graph, shop, stage.name, after, want))
                ]
                yield bar(
                    f"2 runs after a kill in {stage.name} that ended otherwise",
                    len(wrong),
                    0,
                    words,
                    wrong,
                )
        yield bar(
            f"2 of {answers.asked} answers meanwhile, those that failed or were of a model that was not live",
            len(answers.wrong),
            0,
            words,
            answers.wrong[:5],
        )
    wrong = [w for n in range(options.times) if (w := database_trial(shop, 0.5 + n, want))]
    yield bar("2 runs after a kill of Neo4j that ended otherwise", len(wrong), 0, words, wrong)


def search(shop: Shop) -> None:
    """A fifth of the buyers said before what they were after; each refresh mines needs of that."""
    bought = [row for row in shop.sales if row[2] == "purchase"][::5]
    events = [
        {"event_id": f"said-{n}", "type": "search", "user_id": user, "query": f"{item} or the like"}
        | {"at": int(at) - 60}
        for n, (user, item, _, at, *_) in enumerate(bought)
    ]
    with served() as url:
        for start in range(0, len(events), 1_000):
            some = events[start : start + 1_000]
            results = httpx.post(f"{url}/v1/events", json={"events": some}, timeout=60).json()["results"]
            if refused := [result for result in results if result["status"] != "accepted"]:
                raise SystemExit(f"{len(refused)} searches were not accepted: {refused[0]}")
    subprocess.run([sys.executable, "-m", "kg.main", "graph", "intents"], check=True)


def trial(graph: Graph, shop: Shop, stage: str, after: str, want: dict[bool, GraphSum]) -> str | None:
    """What was wrong, if anything."""
    shop.turn()
    learning = stage in LEARNING
    # Half of the changed rows suffice; else no model would be trained.
    how = ["--new-interactions", "0", "--max-days", "0"] if learning else ["--no-retrain"]
    killed = [sys.executable, "-m", "tests.kg.killed", stage, after, "--lease-seconds", str(LEASE), *how]
    code = subprocess.run(killed, check=False, stdout=subprocess.DEVNULL).returncode
    if code != -signal.SIGKILL:
        return f"{stage} {after}: ended with {code}, not by the kill"
    while holder(graph) is not None:
        time.sleep(0.2)
    refresh(*how)
    return wrongs(graph, f"{stage} {after}", want[shop.late])


def wrongs(graph: Graph, where: str, want: GraphSum) -> str | None:
    """How the graph differs from that of an uninterrupted run."""
    found = measure(graph)
    if last(graph)["job"]["status"] != "done":
        return f"{where}: not done"
    if broken := check(graph):
        return f"{where}: {broken[0].invariant}"
    if sum(model.live for model in published(graph)) != 1:
        return f"{where}: not one live model"
    return None if same(found, want) else f"{where}: other graph"


def same(one: GraphSum, other: GraphSum) -> bool:
    """Equal numbers of all that the files make; the checksum too where no model was published between.

    Which slot is live, which models there were and what ranks beside them depends on the trainings before.
    """
    mine = {"Model", "Alias", "POINTS_TO", "LEADS_TO", "Ranking"}
    parts = [
        [{name: n for name, n in counts.items() if name not in mine} for counts in (s.nodes, s.relationships)]
        for s in (one, other)
    ]
    published_between = one.nodes.get("Model") != other.nodes.get("Model")
    return parts[0] == parts[1] and (published_between or one.checksum == other.checksum)


def database_trial(shop: Shop, after: float, want: dict[bool, GraphSum]) -> str | None:
    shop.turn()
    server = LocalServer(HOME)
    pid = server.status().pid
    job = subprocess.Popen(command("--no-retrain"), stdout=subprocess.DEVNULL)
    time.sleep(after)
    if pid is None or job.poll() is not None:
        return f"Neo4j after {after} s: the refresh or the server had ended before the kill"
    os.kill(pid, signal.SIGKILL)
    job.wait(600)
    time.sleep(LEASE)
    refresh("--no-retrain")
    with connect(load_settings()) as graph:
        return wrongs(graph, f"Neo4j after {after} s", want[shop.late])


class Answers:
    """The API's answers: each from the live model or, until it follows, from the one that was live before."""

    def __init__(self) -> None:
        self.lived: list[str] = []  # the versions that were live, the newest last
        self.asked = 0
        self.wrong: list[str] = []
        self._at = 0  # the one that answered last

    def live(self, version: str) -> None:
        """What is live now; to be told before an answer is judged."""
        if version not in self.lived[-1:]:
            self.lived.append(version)

    def take(self, response: httpx.Response) -> None:
        self.asked += 1
        version = response.json().get("model_version") if response.status_code == 200 else None
        possible = max(self._at, len(self.lived) - 2)  # it never goes back
        if version in self.lived[possible:]:
            self._at = self.lived.index(version, possible)
        else:
            detail = response.json().get("detail")
            why = f": {detail}" if detail else ""
            said = f"{response.status_code} of model {version}, after {self.lived[self._at]}"
            self.wrong.append(f"{said}; live was {self.lived[-1]}{why}")


@contextlib.contextmanager
def answering(graph: Graph) -> Iterator[Answers]:
    """Asks the API all along; yields what is known of its answers so far."""
    answers, ended = Answers(), threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not ended.wait(0.2):
                try:
                    response = client.post("/v1/recommendations", json={"user_id": "u1", "limit": 5})
                except httpx.HTTPError as error:
                    answers.asked += 1
                    answers.wrong.append(repr(error))
                    continue
                answers.live(graph.read(LIVE)[0]["version"])
                answers.take(response)

    answers.live(graph.read(LIVE)[0]["version"])
    with served() as url, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, url)
        try:
            yield answers
        finally:
            ended.set()
        asking.result()  # what ended the asking is told, since the rest was not judged
