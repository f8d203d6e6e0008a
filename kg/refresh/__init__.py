"""The refresh job."""

from typing import Literal

StageName = Literal[
    "ingest", "prune", "encode", "count", "mine", "train", "evaluate", "publish", "embed", "learn", "check"
]
