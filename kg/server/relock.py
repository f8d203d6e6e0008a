"""Makes neo4j.lock again, for another version of Neo4j: edit ROOTS, then `python -m kg.server.relock`.

jgo walks some 360 POMs for it, which takes a minute; starting the server reads the lock alone.
Afterwards set the same version in docker-compose.yml (tests/test_compose.py compares them).
"""

from jgo.env import LockFile
from jgo.maven import MavenContext

from kg.console import say
from kg.server.artifacts import LOCK, repositories
from kg.server.layout import cache_folder

ROOTS = (
    "org.neo4j:neo4j:2026.09.0",
    "org.neo4j.app:neo4j-server:2026.09.0",
    "org.neo4j.client:neo4j-browser:5.24.0",
)


def main() -> None:
    context = MavenContext(repo_cache=cache_folder() / "maven", remote_repos=repositories(), timeout=30)
    roots, others = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
    needed = roots + [d for d in others if d.scope in ("compile", "runtime")]
    LockFile.from_resolved_dependencies(needed, environment_name="neo4j").save(LOCK)
    say(f"{LOCK}: {len(needed)} jars.")


if __name__ == "__main__":
    main()
