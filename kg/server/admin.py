"""Neo4j's admin command, on the same jars as the server."""

import subprocess
from pathlib import Path

from kg.errors import ServerError
from kg.server.config import JVM_OPTIONS, argument_file, class_path
from kg.server.layout import Layout, write_private
from kg.server.process import environment, java

MAIN_CLASS = "org.neo4j.cli.AdminTool"  # bin/neo4j-admin starts a second JVM for it, which costs 3 s


def run(layout: Layout, jars: list[Path], *arguments: str) -> str:
    """Run `neo4j-admin ARGUMENTS` for this home and return what it printed.

    Raises:
        ServerError: the command failed; the message holds its output.
    """
    file = layout.root / "admin.args"
    given = [*JVM_OPTIONS, "-cp", class_path(jars), MAIN_CLASS, *arguments]
    # An argument file, because a password may be among the arguments and command lines are public.
    write_private(file, argument_file(given))
    try:
        done = subprocess.run(
            [java(), f"@{file}"],
            env=environment(NEO4J_HOME=str(layout.root), NEO4J_CONF=str(layout.conf)),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.unlink()
    if done.returncode != 0:
        shown = " ".join(arguments[:2])
        raise ServerError(f"neo4j-admin {shown} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout
