"""A server process that lives, whether it answers yet or not."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kg.errors import ServerError
from kg.server import config, probe, process, state
from kg.server.layout import USER, Layout
from kg.server.ports import HOST, Ports
from kg.server.state import State

if TYPE_CHECKING:
    import psutil

    from kg.driver import Connection


class Running(NamedTuple):
    """A server that answers."""

    connection: "Connection"
    http_port: int
    pid: int


@dataclass(frozen=True)
class Found:
    """The living server of one home."""

    layout: Layout
    process: "psutil.Process"
    state: State

    @property
    def connection(self) -> "Connection":
        from kg.driver import Connection  # brings the driver, too slow for --help

        return Connection(f"bolt://{HOST}:{self.state.bolt_port}", USER, self.layout.read_password())

    def answers(self) -> bool:
        """Whether it answers now, on its own port and not through a stranger's."""
        return probe.answers(self.process, self.state.ports, self.connection, self.layout)

    def wait(self) -> None:
        """Return once it answers; raises ServerError when it ends or takes too long."""
        probe.wait_until_ready(self.process, self.state.ports, self.connection, self.layout)

    def running(self) -> Running:
        return Running(self.connection, self.state.http_port, self.process.pid)


def find(layout: Layout) -> Found | None:
    """The server that runs from this home. A lost, broken or stale state file is put right from the process.

    Raises:
        ServerError: it runs, but its configuration is gone.
    """
    known = state.load(layout)
    living = process.find(layout, known.pid if known else None)
    if living is None:
        return None
    if known is None or known.pid != living.pid:
        where = config.read_ports(layout)
        if where is None:
            raise ServerError(
                f"Neo4j runs (pid {living.pid}) but {layout.conf} is gone, so its ports are unknown. "
                "End that process and start again."
            )
        known = State(bolt_port=where.bolt, http_port=where.http, pid=living.pid)
        state.save(layout, known)
    return Found(layout, living, known)


def browser_url(ports: Ports) -> str:
    """The address of Neo4j Browser with the connection filled in; it asks for the password."""
    return f"http://{HOST}:{ports.http}/browser/?dbms=bolt://{USER}@{HOST}:{ports.bolt}"
