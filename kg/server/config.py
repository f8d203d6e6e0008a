"""neo4j.conf and the JVM's arguments."""

import os
import re
from pathlib import Path

from kg.server.layout import Layout
from kg.server.memory import Memory
from kg.server.ports import HOST, Ports

JVM_OPTIONS = (
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dfile.encoding=UTF-8",
    "-Dlog4j2.disable.jmx=true",
    "-XX:+ExitOnOutOfMemoryError",  # rather dead, and started anew by the next command, than half alive
)
SERVER_CLASS = "org.neo4j.server.Neo4jCommunity"
_PORT = re.compile(r"^server\.(bolt|http)\.listen_address=.*:(\d+)$", re.MULTILINE)


def write_conf(layout: Layout, ports: Ports, memory: Memory) -> None:
    """Write neo4j.conf: this machine only, with a password, telling nobody.

    No paths: folders are where Neo4j expects them under its home, and it misreads letters beyond ASCII here.
    """
    settings = {
        "server.default_listen_address": HOST,
        "server.bolt.listen_address": f"{HOST}:{ports.bolt}",
        "server.http.listen_address": f"{HOST}:{ports.http}",
        "server.https.enabled": "false",
        "server.memory.pagecache.size": f"{memory.page_cache}m",
        "dbms.security.auth_enabled": "true",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        # Databases are closed by then; the default waits ten seconds for clients that are gone.
        "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
    }
    text = "".join(f"{key}={value}\n" for key, value in settings.items())
    (layout.conf / "neo4j.conf").write_text(text, encoding="utf-8")


def read_ports(layout: Layout) -> Ports | None:
    """The ports that neo4j.conf names; None without one."""
    try:
        found = dict(_PORT.findall((layout.conf / "neo4j.conf").read_text(encoding="utf-8")))
        return Ports(int(found["bolt"]), int(found["http"]))
    except (FileNotFoundError, KeyError):
        return None


def write_arguments(layout: Layout, jars: list[Path], memory: Memory) -> None:
    """Write the server's whole command line into a file: 242 jars are too long for some systems' limits."""
    arguments = [
        *JVM_OPTIONS,
        f"-Xms{min(memory.heap, 256)}m",
        f"-Xmx{memory.heap}m",
        "-cp",
        class_path(jars),
        SERVER_CLASS,
        f"--home-dir={layout.root}",
        f"--config-dir={layout.conf}",
    ]
    layout.arguments.write_text(argument_file(arguments), encoding="utf-8")


def class_path(jars: list[Path]) -> str:
    return os.pathsep.join(map(str, jars))


def argument_file(arguments: list[str]) -> str:
    """The text of a file for `java @file`: one quoted argument a line."""
    escaped = (a.replace("\\", "\\\\").replace('"', '\\"') for a in arguments)
    return "".join(f'"{a}"\n' for a in escaped)
