"""One command at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.console import say
from kg.errors import ServerError

PATIENCE = 900  # seconds; a first start downloads 190 MB


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file; a wait is said. The system frees it when its holder dies.

    Raises:
        ServerError: the file cannot be made, or another command holds it for a quarter of an hour.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"Another shopgraph command is {doing}; waiting for it.")
            lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise ServerError(f"Another shopgraph command has been {doing} for {PATIENCE} s ({path}).") from None
    except OSError as error:
        raise ServerError(
            f"{path} cannot be written ({error.strerror}). Set SHOPGRAPH_HOME and SHOPGRAPH_CACHE to folders "
            "you may write to."
        ) from error
    try:
        yield
    finally:
        lock.release()
