"""Every stage notes itself in the graph: which run, what it did, when.

The newest ended run is the graph's version.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from kg.driver import Graph
from kg.queries import load


class Run:
    """One run of one stage. Fill `counts` while it goes on."""

    def __init__(self, stage: str) -> None:
        self.run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{stage}-{token_hex(2)}"
        self.counts: dict[str, Any] = {}


@contextmanager
def recorded(graph: Graph, stage: str) -> Iterator[Run]:
    """Write a Refresh node when the stage begins and end it when it succeeds.

    A stage that fails leaves its node without `endedAt`.
    """
    queries = load("build")
    run = Run(stage)
    graph.write(queries.start_run, runId=run.run_id, stage=stage)
    yield run
    graph.write(queries.end_run, runId=run.run_id, counts=json.dumps(run.counts))
