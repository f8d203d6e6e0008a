"""The local Neo4j, as a real server: each test asks for it `running` or `stopped`, in the cheapest order."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import neo4j
import psutil
import pytest
from click.testing import Result
from neo4j.exceptions import AuthError
from typer.testing import CliRunner

from kg.driver import Graph
from kg.errors import ServerError
from kg.queries import parse
from kg.server import LocalServer, Ports, Running, Status
from kg.server.artifacts import neo4j_version
from kg.server_cli import app

SMALL = {"heap": 384, "page_cache": 64}
START = """
import sys
from pathlib import Path
from kg.server import LocalServer, Ports
print(LocalServer(Path(sys.argv[1]), Ports(0, 0), heap=384, page_cache=64).start().pid)
"""
QUERIES = parse(
    "server_test",
    """
// name: keep
// Something to find again after a crash.
// params: ids (list of int)
// returns:
UNWIND $ids AS id
CREATE (:Kept {id: id})

// name: kept
// What is there of it.
// params:
// returns: ids (list of int)
MATCH (k:Kept)
WITH k.id AS id ORDER BY id
RETURN collect(id) AS ids
""",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home with a blank, Köln, 商店")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[LocalServer]:
    server = LocalServer(home, Ports(0, 0), **SMALL)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def started_twice(server: LocalServer) -> list[int]:
    """The pids that two commands report which started the server for the first time, at the same moment."""
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(server.layout.root.parent)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LC_ALL": "C"},  # as under cron
        )
        for _ in range(2)
    ]
    return [int(command.communicate(timeout=300)[0]) for command in commands]


@pytest.fixture
def running(started_twice: list[int], server: LocalServer) -> Running:
    assert started_twice
    return server.start()


@pytest.fixture
def stopped(started_twice: list[int], server: LocalServer) -> LocalServer:
    assert started_twice
    server.stop()
    return server


def test_commands_that_start_at_once_get_one_server_that_outlives_them(
    running: Running, started_twice: list[int]
) -> None:
    assert started_twice == [running.pid, running.pid]


def test_next_command_finds_it_whatever_ports_it_wants(running: Running, home: Path) -> None:
    assert LocalServer(home).start() == running


def test_status(running: Running, server: LocalServer, home: Path) -> None:
    status = server.status()
    bolt = running.connection.uri.rpartition(":")[2]
    assert status == Status(
        state="running",
        version=neo4j_version(),
        home=home.resolve() / "neo4j",
        pid=running.pid,
        uri=f"bolt://127.0.0.1:{bolt}",
        browser=f"http://127.0.0.1:{running.http_port}/browser/?dbms=bolt://neo4j@127.0.0.1:{bolt}",
        started=psutil.Process(running.pid).create_time(),
        memory_mib=status.memory_mib,
    )


def test_listens_on_this_machine_alone(running: Running) -> None:
    listening = {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for connection in psutil.Process(running.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    bolt = int(running.connection.uri.rpartition(":")[2])
    assert listening == {("127.0.0.1", bolt), ("127.0.0.1", running.http_port)}


def test_password_is_random_and_its_owners(running: Running, server: LocalServer) -> None:
    file = server.layout.password
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == running.connection.password
    assert len(running.connection.password) == 32
    assert running.connection.password not in " ".join(psutil.Process(running.pid).cmdline())
    with (
        neo4j.GraphDatabase.driver(running.connection.uri, auth=("neo4j", "neo4j")) as driver,
        pytest.raises(AuthError),
    ):
        driver.verify_connectivity()


def test_serves_the_browser(server: LocalServer, running: Running) -> None:
    assert running
    with urllib.request.urlopen(server.browser_url(), timeout=10) as page:
        assert "<title>Neo4j Browser</title>" in page.read().decode()


@pytest.mark.parametrize("broken", [None, b"", b'{"pid": 1', b'{"pid": "x"}', b"\xff\xfe"])
def test_broken_state_file_is_put_right(broken: bytes | None, running: Running, server: LocalServer) -> None:
    before = server.layout.state.read_bytes()
    server.layout.state.unlink()
    if broken is not None:
        server.layout.state.write_bytes(broken)
    assert server.start() == running
    assert server.layout.state.read_bytes() == before


def test_pid_that_another_process_got(running: Running, server: LocalServer) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        state = json.loads(server.layout.state.read_text())
        server.layout.state.write_text(json.dumps(state | {"pid": stranger.pid}))
        assert server.start() == running
        assert stranger.poll() is None
        stranger.kill()


def test_changed_password_is_named(running: Running, server: LocalServer) -> None:
    server.layout.password.write_text("not-the-password")
    try:
        with pytest.raises(ServerError, match=f"refuses the password in {server.layout.password}"):
            server.start()
    finally:
        server.layout.password.write_text(running.connection.password)


def test_a_backup_needs_it_stopped(running: Running, server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=rf"Neo4j runs \(pid {running.pid}\).*graph server stop"):
        server.dump(tmp_path)


def test_commands(running: Running, server: LocalServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPGRAPH_HOME", str(home))
    run = CliRunner()
    address = server.browser_url()
    started = json.loads(run.invoke(app, ["start", "--json"]).stdout)
    assert started["pid"] == running.pid
    assert json.loads(run.invoke(app, ["status", "--json"]).stdout)["uri"] == running.connection.uri
    assert json.loads(run.invoke(app, ["browser", "--json"]).stdout) == {
        "url": address,
        "user": "neo4j",
        "password_file": str(server.layout.password),
    }
    assert json.loads(run.invoke(app, ["stop", "--json"]).stdout) == {"stopped": True}
    assert not psutil.pid_exists(running.pid) or psutil.Process(running.pid).status() == psutil.STATUS_ZOMBIE
    assert json.loads(run.invoke(app, ["stop", "--json"]).stdout) == {"stopped": False}
    assert json.loads(run.invoke(app, ["status", "--json"]).stdout) == {
        "state": "stopped",
        "version": neo4j_version(),
        "home": str(server.layout.root),
        "pid": None,
        "uri": None,
        "browser": None,
        "started": None,
        "memory_mib": None,
    }


def test_data_of_another_version(stopped: LocalServer) -> None:
    ours = stopped.layout.version.read_text()
    stopped.layout.version.write_text("2025.01.0\n")
    try:
        with pytest.raises(ServerError, match=rf"written by Neo4j 2025\.01\.0, but .* {neo4j_version()}"):
            stopped.start()
    finally:
        stopped.layout.version.write_text(ours)
    assert stopped.status().state == "stopped"


def test_data_without_a_password(stopped: LocalServer) -> None:
    password = stopped.layout.password.read_text()
    stopped.layout.password.unlink()
    try:
        with pytest.raises(ServerError, match=f"{stopped.layout.password} is missing"):
            stopped.start()
    finally:
        stopped.layout.password.write_text(password)
        stopped.layout.password.chmod(0o600)


def test_more_memory_than_there_is(stopped: LocalServer, home: Path) -> None:
    assert stopped
    with pytest.raises(ServerError, match=r"needs 10000414 MiB of memory \(heap 10000000, page cache 64"):
        LocalServer(home, Ports(0, 0), heap=10_000_000, page_cache=64).start()


def test_death_during_the_start_shows_why(stopped: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:+NoSuchOption")
    with pytest.raises(
        ServerError, match=r"(?s)ended while it started.*Unrecognized VM option 'NoSuchOption'"
    ):
        stopped.start()


def test_killed_server_comes_back_with_its_data_beside_a_stranger_on_its_port(
    running: Running, server: LocalServer, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = list(range(1_000))
    with Graph(running.connection) as graph:
        graph.write(QUERIES["keep"], ids=kept)
    psutil.Process(running.pid).kill()
    port = int(running.connection.uri.rpartition(":")[2])
    with stranger_on(port):
        again = server.start()
    with Graph(again.connection) as graph:
        assert graph.read(QUERIES["kept"]) == [{"ids": kept}]
    assert again.pid != running.pid
    assert again.connection.uri != running.connection.uri
    assert again.http_port == running.http_port
    assert f"Port {port} is taken by another program" in capsys.readouterr().err


def test_ports_snatched_after_the_choice_are_chosen_again(
    stopped: LocalServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger takes the HTTP port in the seconds between the choice and Neo4j's own try."""
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(stopped.start)
        while stopped.status().state == "stopped":
            time.sleep(0.05)
        port = json.loads(stopped.layout.state.read_text())["http_port"]
        with stranger_on(port):
            running = starting.result()
    assert running.http_port != port
    assert f"Port {port} is taken by another program" in capsys.readouterr().err


def test_a_graph_comes_back_as_it_was_backed_up(
    stopped: LocalServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPGRAPH_HOME", str(home))
    backup = tmp_path / "backup"

    def kept() -> set[int]:
        with Graph(stopped.start().connection) as graph:
            return set(graph.read(QUERIES["kept"])[0]["ids"])

    def run(*arguments: str) -> Result:
        stopped.stop()
        return CliRunner().invoke(app, [*arguments])

    with Graph(stopped.start().connection) as graph:
        graph.write(QUERIES["keep"], ids=[-1])
    done = json.loads(run("dump", str(backup), "--json").stdout)
    assert done == {"dump": str(backup / "neo4j.dump"), "bytes": (backup / "neo4j.dump").stat().st_size}
    assert [file.name for file in backup.iterdir()] == ["neo4j.dump"]
    with Graph(stopped.start().connection) as graph:
        graph.write(QUERIES["keep"], ids=[-2])
    refused = run("load", str(backup))
    assert isinstance(refused.exception, ServerError)
    assert "--force" in str(refused.exception)
    assert kept() >= {-1, -2}
    assert run("load", str(backup), "--force").exit_code == 0
    assert -1 in kept()
    assert -2 not in kept()
    nothing = run("load", str(tmp_path), "--force")
    assert "neo4j.dump is missing" in str(nothing.exception)
    (tmp_path / "neo4j.dump").write_text("no dump")
    assert "neo4j-admin database load failed" in str(run("load", str(tmp_path), "--force").exception)
    assert -1 in kept()


def test_no_network_on_the_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    began = time.monotonic()
    with pytest.raises(
        ServerError, match=r"(?s)\.jar of Neo4j could not be downloaded.*Maven Central.*SHOPGRAPH_NEO4J_URI"
    ):
        LocalServer(tmp_path / "home", Ports(0, 0), **SMALL).start()
    assert time.monotonic() - began < 30
    assert LocalServer(tmp_path / "home").status().state == "stopped"


def test_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerError, match=r"cannot be made.*SHOPGRAPH_HOME"):
        LocalServer(tmp_path / "file").start()


def test_without_the_extra() -> None:
    script = (
        "import sys\n"
        "for name in ('jgo', 'psutil'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from kg.server import LocalServer\n"
        "from kg.errors import ServerError\n"
        "try: LocalServer(Path('nowhere'))\n"
        "except ServerError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "The local Neo4j needs the packages jgo, psutil: pip install 'shopgraph[server]', "
        "or set SHOPGRAPH_NEO4J_URI to a Neo4j that already runs.\n"
    )


def stranger_on(port: int) -> socket.socket:
    """Another program that listens on the port, and says nothing that Bolt understands."""
    deadline = time.monotonic() + 10
    while True:
        stranger = socket.socket()
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stranger.bind(("127.0.0.1", port))
        except OSError:
            stranger.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            continue
        stranger.listen()
        return stranger
