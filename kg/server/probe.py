"""Is it there? Asked through the driver, because logs and open ports promise more than they keep."""

import time
from typing import TYPE_CHECKING

from kg.errors import ServerError
from kg.server.layout import Layout
from kg.server.ports import Ports
from kg.server.process import is_alive, listening

if TYPE_CHECKING:
    import psutil

    from kg.driver import Connection

TIMEOUT = 180  # seconds; recovery of a large store after a crash may take that long


def answers(process: "psutil.Process", ports: Ports, connection: "Connection", layout: Layout) -> bool:
    """Whether this process, and not another on its ports, answers and takes the password.

    It opens the HTTP port last, seconds after Bolt answers, and ends when it cannot.

    Raises:
        ServerError: it refuses the password that we keep.
    """
    from neo4j import GraphDatabase
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    if not set(ports) <= listening(process):
        return False
    auth = (connection.user, connection.password)
    with GraphDatabase.driver(connection.uri, auth=auth, connection_timeout=3) as driver:
        try:
            driver.verify_connectivity()
        except AuthError:
            raise ServerError(
                f"Neo4j (pid {process.pid}) refuses the password in {layout.password}: was it changed in the "
                "database? Write the new one into that file."
            ) from None
        except (DriverError, Neo4jError):
            return False
    return True


def wait_until_ready(
    process: "psutil.Process", ports: Ports, connection: "Connection", layout: Layout
) -> None:
    """Return once the server answers.

    Raises:
        ServerError: it ended, takes too long, or refuses the password that we keep.
    """
    deadline = time.monotonic() + TIMEOUT
    while not answers(process, ports, connection, layout):
        if not is_alive(process):
            raise ServerError(f"Neo4j ended while it started.\n{tail(layout)}")
        if time.monotonic() > deadline:
            raise ServerError(
                f"Neo4j (pid {process.pid}) did not answer at {connection.uri} within {TIMEOUT} s. "
                f"It may still come up: try again, or run `shopgraph graph server stop`.\n{tail(layout)}"
            )
        time.sleep(0.1)


def tail(layout: Layout, lines: int = 12) -> str:
    """The last lines of the server's own logs, for the person who has to find out why."""
    parts = []
    for path in (layout.console_log, layout.server_log):
        if path.is_file() and path.stat().st_size:
            text = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"The end of {path}:", *(f"  {line}" for line in text)]))
    return "\n".join(parts)
