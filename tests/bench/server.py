"""The API as a process of its own, on the graph and live model of the current settings."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def served(app: str | None = None, *, model: bool = True) -> Iterator[str]:
    """Its address, once it is ready.

    Args:
        app: another application, as uvicorn names it.
        model: whether one must be live; without it the API is ready when it answers.
    """
    port = _free_port()
    uvicorn = [sys.executable, "-m", "uvicorn", str(app), "--log-level", "warning"]
    ours = [*_shopgraph(), "api", "serve", *([] if model else ["--wait"])]
    server = subprocess.Popen([*(uvicorn if app else ours), "--port", str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/readyz" if model else f"{url}/v1/users/nobody/recommendations", server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _shopgraph() -> list[str]:
    """The command of this very environment."""
    return [str(Path(sys.executable).with_name("shopgraph"))]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit("The API ended; see its message above.")
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise SystemExit("The API is not ready after 120 s: " + httpx.get(url).text)
