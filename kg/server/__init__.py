"""A real Neo4j without Docker and without an installed Java: LocalServer(home).start()."""

from kg.server.found import Running
from kg.server.local import LocalServer, Status
from kg.server.ports import Ports

__all__ = ["LocalServer", "Ports", "Running", "Status"]
