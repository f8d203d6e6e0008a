"""Where the local Neo4j keeps its things under SHOPGRAPH_HOME."""

import os
import secrets
from pathlib import Path

from kg.errors import ServerError
from kg.settings import load_settings

USER = "neo4j"


def cache_folder() -> Path:
    """Downloads that every home shares."""
    return load_settings().cache


class Layout:
    """The paths of one local server; none needs to exist."""

    def __init__(self, home: Path) -> None:
        self.root = home.expanduser().resolve() / "neo4j"
        self.conf = self.root / "conf"
        self.data = self.root / "data"
        self.logs = self.root / "logs"
        self.console_log = self.logs / "console.log"  # what the JVM itself prints
        self.server_log = self.logs / "neo4j.log"
        self.arguments = self.root / "java.args"
        self.password = self.root / "password"
        self.state = self.root / "state.json"
        self.version = self.root / "version"
        self.lock = self.root / "lock"

    def make(self) -> None:
        """Create the folders, closed to other users.

        Raises:
            ServerError: the home cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for folder in (self.conf, self.data, self.logs):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ServerError(
                f"{self.root} cannot be made ({error.strerror}). "
                "Set SHOPGRAPH_HOME to a folder you may write to."
            ) from error

    def has_data(self) -> bool:
        return (self.data / "databases").is_dir()

    def new_password(self) -> str:
        """Make a random password that only the owner can read."""
        # Hexadecimal: one that began with a dash would be an option to neo4j-admin.
        password = secrets.token_hex(16)
        write_private(self.password, password)
        return password

    def read_password(self) -> str:
        """The password of the user neo4j.

        Raises:
            ServerError: there is none although there is data.
        """
        try:
            return self.password.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise ServerError(
                f"The password file {self.password} is missing, so nobody can enter the data in {self.data}. "
                f"Put the file back, or move {self.root} away and ingest again."
            ) from None

    def data_version(self) -> str | None:
        """The version of Neo4j that made the data; None before the first start."""
        try:
            return self.version.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def check_version(self, version: str) -> None:
        """Refuse data that another version of Neo4j wrote.

        Raises:
            ServerError: the data folder belongs to another version.
        """
        if not self.has_data():
            return
        found = self.data_version()
        if found != version:
            raise ServerError(
                f"The data in {self.data} were written by Neo4j {found or '(unknown version)'}, "
                f"but this shopgraph runs {version}. "
                f"Move {self.root} away (or set SHOPGRAPH_HOME to an empty folder) and ingest again, "
                "or use the version of shopgraph that wrote them."
            )


def write_private(path: Path, text: str) -> None:
    """Write a file that is never, not even for a moment, readable by others; replaces it in one step."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
