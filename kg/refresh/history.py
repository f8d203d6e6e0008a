"""What refreshes did, as the graph remembers it."""

import json
from typing import Any

from kg.driver import Graph, Row
from kg.queries import load
from kg.refresh.lease import NAME, holder

_Q = load("refresh")


def jobs(graph: Graph, n: int) -> list[Row]:
    """The last `n` refreshes, the newest first."""
    return graph.read(_Q.jobs, n=n, lease=NAME)


def last(graph: Graph) -> dict[str, Any]:
    """Who holds the lease, the newest refresh, and its stages so far."""
    held = holder(graph)
    newest = next(iter(jobs(graph, 1)), None)
    stages = graph.read(_Q.stages_of, job=newest["run_id"]) if newest else []
    told = [stage | {"counts": json.loads(stage["counts"] or "null")} for stage in stages]
    return {"lease": held._asdict() if held else None, "job": newest, "stages": told}
