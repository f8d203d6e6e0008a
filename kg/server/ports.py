"""Which ports the local Neo4j listens on."""

import os
import socket
from typing import NamedTuple

from kg.console import say

HOST = "127.0.0.1"


class Ports(NamedTuple):
    """0 stands for any free port."""

    bolt: int = 7687
    http: int = 7474


DEFAULT = Ports()


def choose(wanted: Ports, before: Ports | None) -> Ports:
    """The ports of last time, else the wanted ones, else free ones; says when a port had to change."""
    return Ports(
        _choose("Bolt", wanted.bolt, before.bolt if before else 0),
        _choose("HTTP", wanted.http, before.http if before else 0),
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        if os.name == "posix":  # as Java does; elsewhere the option lets two servers share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _choose(name: str, wanted: int, before: int) -> int:
    first = before or wanted
    for port in (before, wanted):
        if port and is_free(port):
            chosen = port
            break
    else:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            chosen = int(probe.getsockname()[1])
    if first not in (0, chosen):
        say(f"Port {first} is taken by another program: Neo4j's {name} port is {chosen}.")
    return chosen
