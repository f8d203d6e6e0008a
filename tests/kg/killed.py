"""`shopgraph refresh`, killed on purpose in a stage: `python -m tests.kg.killed STAGE AFTER ARGUMENT…`.

AFTER is a number of writes of this process in that stage ("3w"), or seconds since it began ("0.5s"), for
stages whose work another process does; one that is done sooner is killed before it is recorded as done. The
kill is SIGKILL: nothing is tidied up.
"""

import os
import signal
import sys
import threading
from typing import Any
from unittest.mock import patch

from kg import main
from kg.driver import Graph
from kg.refresh import run


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def unrecorded(real: Any) -> Any:
    """Transactions of the graph, none of which ends a stage."""

    def call(self: Graph, name: str, *arguments: Any, **params: Any) -> Any:
        if name.startswith("end of "):
            kill()
        return real(self, name, *arguments, **params)

    return call


def arm(stage: str, after: str) -> None:
    """Kill this process in a stage."""
    begin = run._one
    transact, write = Graph.transact, Graph.write
    left = int(after[:-1]) if after.endswith("w") else -1

    def one(job: Any, of: Any) -> float:
        if of.name != stage:
            return begin(job, of)
        if after.endswith("s"):
            threading.Timer(float(after[:-1]), kill).start()
            patch.object(Graph, "transact", unrecorded(transact)).start()
            return begin(job, of)

        def counted(real: Any) -> Any:
            def call(self: Graph, *arguments: Any, **params: Any) -> Any:
                nonlocal left
                if threading.current_thread() is threading.main_thread():
                    left -= 1
                    if left < 0:
                        kill()
                return real(self, *arguments, **params)

            return call

        patch.object(Graph, "transact", counted(transact)).start()
        patch.object(Graph, "write", counted(write)).start()
        seconds = begin(job, of)
        kill()  # there were fewer writes: after the last
        return seconds

    run._one = one


if __name__ == "__main__":
    arm(sys.argv[1], sys.argv[2])
    sys.argv = ["shopgraph", "refresh", *sys.argv[3:]]
    main.run()
