"""The parts of the local Neo4j that need no server: memory, ports, jars."""

import functools
import http.server
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.errors import ServerError
from kg.server import Ports, memory, ports
from kg.server.artifacts import LOCK, fetch_jars, locked
from kg.server.layout import cache_folder
from kg.server.memory import Machine, Memory

GIB = 1024


@pytest.mark.parametrize(
    ("machine", "asked", "expected"),
    [
        (Machine(24 * GIB, 20 * GIB), {}, Memory(3072, 3072)),
        (Machine(256 * GIB, 200 * GIB), {}, Memory(4096, 8192)),
        (Machine(2 * GIB, 2 * GIB), {}, Memory(512, 256)),
        (Machine(24 * GIB, 950), {}, Memory(400, 200)),
        (Machine(24 * GIB, 20 * GIB), {"heap": 1000, "page_cache": 50}, Memory(1000, 50)),
        (Machine(24 * GIB, 1500), {"heap": 700}, Memory(700, 383)),
        (Machine(24 * GIB, 1500), {"page_cache": 500}, Memory(650, 500)),
        (Machine(4 * GIB, 650), {}, Memory(256, 44)),
    ],
)
def test_memory_follows_the_machine(machine: Machine, asked: dict[str, int], expected: Memory) -> None:
    assert memory.choose(machine, **asked) == expected


def test_too_little_memory_says_how_much_is_missing() -> None:
    with pytest.raises(
        ServerError, match=r"needs 638 MiB.*heap 256, page cache 32.*600 MiB of 4096 MiB are free"
    ):
        memory.choose(Machine(4 * GIB, 600))


def test_ports_of_last_time_come_first() -> None:
    assert ports.choose(Ports(free := free_port(), 0), Ports(last := free_port(), 0)).bolt == last
    assert ports.choose(Ports(free, 0), None).bolt == free


def test_taken_ports_are_replaced_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = Ports(one.getsockname()[1], two.getsockname()[1])
        chosen = ports.choose(taken, None)
    assert set(chosen).isdisjoint({*taken, 0})
    said = capsys.readouterr().err
    assert f"Port {taken.bolt} is taken by another program: Neo4j's Bolt port is {chosen.bolt}." in said
    assert f"Port {taken.http} is taken by another program: Neo4j's HTTP port is {chosen.http}." in said


def test_the_lock_pins_every_jar_and_names_no_host() -> None:
    jars = locked()
    assert len(jars) == 242
    assert all(len(jar.sha256) == 64 and jar.packaging == "jar" for jar in jars)
    assert "://" not in LOCK.read_text(encoding="utf-8")


class Mirror(http.server.SimpleHTTPRequestHandler):
    """A Maven mirror on this machine, over a folder; remembers which jars were asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        if self.path.endswith(".jar"):
            self.asked.append(self.path.rpartition("/")[2])
        super().do_GET()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, list[str]]]:
    """The mirror's folder and what it was asked for; jgo's configuration file puts it in Central's place."""
    folder, asked = tmp_path / "mirror", list[str]()
    folder.mkdir()
    handler = functools.partial(type("Handler", (Mirror,), {"asked": asked}), directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        config = tmp_path / "jgo.conf"
        config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
        yield folder, asked
        server.shutdown()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of its own whose jars are links to the real ones."""
    fetch_jars(cache_folder())
    shutil.copytree(cache_folder() / "maven", tmp_path / "cache" / "maven", copy_function=os.symlink)
    return tmp_path / "cache"


def test_only_missing_and_broken_jars_are_fetched(mirror: tuple[Path, list[str]], cache: Path) -> None:
    folder, asked = mirror
    before = fetch_jars(cache)
    assert (len(before), asked) == (242, [])
    missing, broken = before[3], before[200]
    whole = missing.read_bytes(), broken.read_bytes()
    for jar in (missing, broken):
        copy = folder / jar.relative_to(cache / "maven")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(jar, copy)
        jar.unlink()
    broken.write_bytes(whole[1][:1000])  # what an interrupted download leaves
    assert fetch_jars(cache) == before
    assert sorted(asked) == sorted([missing.name, broken.name])
    assert (missing.read_bytes(), broken.read_bytes()) == whole


def test_jar_that_is_not_the_locked_one_is_refused(mirror: tuple[Path, list[str]], cache: Path) -> None:
    folder, asked = mirror
    jar = fetch_jars(cache)[5]
    jar.unlink()
    other = folder / jar.relative_to(cache / "maven")
    other.parent.mkdir(parents=True)
    other.write_bytes(b"something else")
    with pytest.raises(ServerError, match=rf"{jar.name} .*its sha256 is not the one in neo4j\.lock"):
        fetch_jars(cache)
    assert asked == [jar.name] * 3
    assert not jar.exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
