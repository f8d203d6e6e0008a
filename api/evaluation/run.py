"""Evaluates a folder in a Neo4j of its own, which is gone afterwards: no shop's graph is touched."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, TypeVar

from pydantic import SecretStr

from api.evaluation import shoppers, tasks
from api.evaluation.folds import held_out
from api.evaluation.measure import Case, Ranking, Report
from api.reads import Reads
from api.state.served import Serving, load_serving
from kg.build import build_edges
from kg.driver import Graph, connect
from kg.encode import encode_items
from kg.errors import ModelError
from kg.ingest import ingest
from kg.queries import load
from kg.server import LocalServer, Ports
from kg.settings import Settings

T = TypeVar("T")
Task = Literal["intent", "search", "history", "sessions", "reasons", "reach"]
_OF_SHOPPERS: Final = {
    "history": (tasks.history, 2_000),
    "sessions": (shoppers.sessions, 2_000),
    "reasons": (shoppers.reasons, 2_000),
    "reach": (shoppers.reach, 10_000),
}  # with the number of users that are asked for
_ENOUGH: Final = 500  # needs, for an encoder to learn from them


def evaluate(
    folder: Path,
    settings: Settings,
    task: Task | None,
    manifest: Path | None = None,
    *,
    fine_tune: bool | None = None,
) -> Report:
    """Load the folder, make what serves it, and ask.

    For tasks about shoppers with a past a model is trained, without each user's last item. For `intent` there
    is none: all interactions are left out, which is more than those of the need's own session, since a count
    over the others would tell which items that session took away. What the shop's encoder can learn from the
    needs of other sessions is learned there, in folds.

    Args:
        folder: a shop, as for `shopgraph graph ingest`.
        settings: whose home keeps the exported encoder.
        task: None takes intent where there are intents, search where there are judged queries, else history.
        fine_tune: whether the encoder of `intent` learns from other sessions, see `api.evaluation.folds`;
            None where there are needs enough to learn from.

    Raises:
        ShopgraphError: the folder cannot be loaded, or has nothing of the kind.
    """
    with _database(settings) as (graph, own):
        ingest(graph, folder, own.home, manifest)
        encode_items(graph, own)
        task = task or _task(graph)
        if task == "intent":
            graph.write_batched(load("evaluate").forget_interactions)
            return _intents(graph, own, fine_tune=fine_tune)
        if task == "search":
            return asyncio.run(_asked(graph, own, partial(tasks.search, graph)))
        cases = tasks.hold_out(graph, _OF_SHOPPERS[task][1])
        build_edges(graph)
        for step in ("train", "write-back"):
            _shopgraph(own, "gnn", step)
        return asyncio.run(_asked(graph, own, partial(_OF_SHOPPERS[task][0], cases)))


def _intents(graph: Graph, settings: Settings, *, fine_tune: bool | None) -> Report:
    """All needs of one encoder, or those of each fold of one that learned from the others."""
    known = tasks.intent_cases(graph)
    if fine_tune is None:
        fine_tune = len(known) >= _ENOUGH and find_spec("peft") is not None
    folds = held_out(graph, partial(_shopgraph, settings)) if fine_tune else iter([list(known)])
    asked: list[Case] = []
    answers: dict[str, list[Ranking]] = {}
    for ids in folds:
        cases = [known[intent_id] for intent_id in ids if intent_id in known]
        asked += cases
        for name, found in asyncio.run(_asked(graph, settings, partial(tasks.intents, cases))).items():
            answers.setdefault(name, []).extend(found)
    return tasks.intent_report(asked, answers)


async def _asked(graph: Graph, settings: Settings, ask: Callable[[Serving, Reads], Awaitable[T]]) -> T:
    serving, reads = load_serving(graph, settings), Reads(graph)
    if serving.encoder is None:
        raise ModelError(f"The words cannot be read: {serving.encoder_problem}")
    try:
        return await ask(serving, reads)
    finally:
        await reads.close()


def _task(graph: Graph) -> Task:
    queries = load("evaluate")
    if graph.read(queries.intents):
        return "intent"
    return "search" if graph.read(queries.queries) else "history"


@contextmanager
def _database(settings: Settings) -> Iterator[tuple[Graph, Settings]]:
    """An empty Neo4j in a temporary folder, and settings that point to it."""
    with TemporaryDirectory(prefix="shopgraph-") as home:
        server = LocalServer(Path(home), Ports(0, 0))
        try:
            c = server.start().connection
            own = settings.model_copy(
                update={
                    "home": Path(home),
                    "neo4j_uri": c.uri,
                    "neo4j_user": c.user,
                    "neo4j_password": SecretStr(c.password),
                    "neo4j_database": c.database,
                }
            )
            with connect(own) as graph:
                yield graph, own
        finally:
            server.stop()


def _shopgraph(settings: Settings, *command: str) -> None:
    """Run a command of another package on this database: the api loads no torch."""
    password = settings.neo4j_password
    environment = os.environ | {
        "SHOPGRAPH_HOME": str(settings.home),
        "SHOPGRAPH_NEO4J_URI": str(settings.neo4j_uri),
        "SHOPGRAPH_NEO4J_USER": settings.neo4j_user,
        "SHOPGRAPH_NEO4J_PASSWORD": password.get_secret_value() if password else "",
        "SHOPGRAPH_NEO4J_DATABASE": settings.neo4j_database,
    }
    program = [sys.executable, "-c", "from kg.main import run; run()"]
    subprocess.run([*program, *command], env=environment, check=True, stdout=sys.stderr)
