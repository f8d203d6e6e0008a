"""The jars of Neo4j: from the committed lock to files whose sha256 has been checked."""

import hashlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.console import progress, say
from kg.errors import ServerError

if TYPE_CHECKING:
    from jgo.env import LockedDependency
    from jgo.maven import MavenContext

LOCK = Path(__file__).with_name("neo4j.lock")
THREADS = 16
TRIES = 3


def repositories() -> dict[str, str]:
    """Maven Central, and what the user's jgo configuration adds or puts in its place (a mirror, say)."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL

    return {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}


def locked() -> "list[LockedDependency]":
    """The artifacts of neo4j.lock, in class path order."""
    from jgo.env import LockFile

    dependencies: list[LockedDependency] = LockFile.load(LOCK).dependencies
    return dependencies


def neo4j_version() -> str:
    """The version of Neo4j that the lock holds."""
    return next(d.version for d in locked() if (d.groupId, d.artifactId) == ("org.neo4j", "neo4j"))


def fetch_jars(cache: Path) -> list[Path]:
    """The checked jars in class path order; those not yet in `cache` are downloaded.

    Raises:
        ServerError: a jar cannot be downloaded, or is not the one in the lock.
    """
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=cache / "maven", remote_repos=repositories(), timeout=30)
    jars = {d: _path(context, d) for d in locked()}
    with ThreadPoolExecutor(THREADS) as pool:
        good = list(pool.map(lambda item: _is_good(item[1], item[0].sha256), jars.items()))
        missing = [d for d, ok in zip(jars, good, strict=True) if not ok]
        if missing:
            say(f"Downloading Neo4j {neo4j_version()} ({len(missing)} jars, once) to {cache}")
            _download_all(pool, context, missing)
    return list(jars.values())


def _download_all(
    pool: ThreadPoolExecutor, context: "MavenContext", missing: "list[LockedDependency]"
) -> None:
    with progress("jars", total=len(missing)) as advance:
        try:
            for done in as_completed([pool.submit(_download, context, d) for d in missing]):
                done.result()
                advance()
        except BaseException:  # also Ctrl-C: nobody waits for what is left
            pool.shutdown(cancel_futures=True)
            raise


def _path(context: "MavenContext", dependency: "LockedDependency") -> Path:
    path: Path = _artifact(context, dependency).cached_path
    return path


# Returns an Artifact, of a private module of jgo.
def _artifact(context: "MavenContext", d: "LockedDependency") -> Any:
    return (
        context.project(d.groupId, d.artifactId)
        .at_version(d.version)
        .artifact(d.classifier or "", d.packaging)
    )


def _download(context: "MavenContext", dependency: "LockedDependency") -> None:
    """Fetch one jar, again if the connection broke or what came is not what was locked."""
    from requests import RequestException

    path = _path(context, dependency)
    reason = ""
    for _ in range(TRIES):
        path.unlink(missing_ok=True)  # jgo writes in place: what an interrupted run left is half a file
        try:
            _artifact(context, dependency).resolve()
        except (RequestException, RuntimeError, OSError) as error:
            reason = str(error)
            continue
        if _is_good(path, dependency.sha256):
            return
        reason = "its sha256 is not the one in neo4j.lock"
    path.unlink(missing_ok=True)
    raise ServerError(
        f"{path.name} of Neo4j could not be downloaded: {reason}\n"
        "The first start needs Maven Central. Check the network or proxy and run the same command again "
        "(what was downloaded is kept), name a mirror in jgo's configuration file, "
        "or set SHOPGRAPH_NEO4J_URI to a Neo4j that already runs."
    )


def _is_good(path: Path, sha256: str | None) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
