"""Heavy stages as commands of their own: their memory is returned, and a kill of one kills nothing else."""

import json
import os
import subprocess
import sys
from typing import Any

from kg.driver import Graph
from kg.errors import RefreshError
from kg.parent import PARENT
from kg.refresh.lease import Lease
from kg.settings import Settings

_PATIENCE = 20  # seconds that a command may take to end when it is told to


def shopgraph(graph: Graph, settings: Settings, lease: Lease, *arguments: str) -> Any:
    """The JSON that a command of this very installation prints; its words go where ours go.

    Ends with this process, as soon as the lease is lost, and when told to stop.

    Raises:
        RefreshError: the command failed, or the lease is lost.
        StoppedError: a signal came.
    """
    command = [sys.executable, "-m", "kg.main", *arguments, "--json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment(graph, settings))
    try:
        while True:
            try:
                output, _ = child.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                lease.look()
    finally:
        if child.poll() is None:
            _end(child)
    words = "shopgraph " + " ".join(arguments)
    if child.returncode:
        lease.look()  # a Ctrl-C reaches it, too
        raise RefreshError(f"{words} ended with {child.returncode}: {_why(output)}")
    return json.loads(output) if output.strip() else None


def _why(output: str) -> str:
    """The message of a command that failed; what it did not expect itself stands in the log alone."""
    try:
        return str(json.loads(output)["error"])
    except (ValueError, TypeError, KeyError):
        return "its message stands above."


def _end(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _environment(graph: Graph, settings: Settings) -> dict[str, str]:
    """That of this process, with the very database and folders that it uses itself."""
    connection = graph.connection
    return {
        **os.environ,
        PARENT: str(os.getpid()),
        "SHOPGRAPH_HOME": str(settings.home),
        "SHOPGRAPH_NEO4J_URI": connection.uri,
        "SHOPGRAPH_NEO4J_USER": connection.user,
        "SHOPGRAPH_NEO4J_PASSWORD": connection.password,
        "SHOPGRAPH_NEO4J_DATABASE": connection.database,
        "SHOPGRAPH_ENCODER": settings.encoder,
    }
