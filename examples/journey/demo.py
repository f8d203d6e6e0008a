"""`make demo`: a supermarket's year from baskets to recommendations, by the commands a shop would type."""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from examples.journey.prepare import prepare
from kg.console import out
from kg.settings import load_settings

MANIFEST = Path(__file__).parent / "shop.toml"
HOUSEHOLD = "446"  # fifteen items: few enough to see each at work
WORDS = "quick breakfast for kids"
QUERIES = (
    (
        "What one household buys, and in which categories",
        "MATCH p = (u:User {userId: '446'})-[b:BOUGHT]->(:Item)-[:IN_CATEGORY]->(:Category)\n"
        "WHERE b.count >= 1\nRETURN p LIMIT 60",
    ),
    (
        "What goes into a basket together more often than chance",
        "MATCH (a:Item)-[w:BOUGHT_WITH]->(b:Item)\nWHERE w.count >= 100 AND a.itemId < b.itemId\n"
        "RETURN a.title, b.title, w.count, round(w.lift, 1) AS lift\nORDER BY w.score DESC LIMIT 20",
    ),
    (
        "Items that read alike and are bought together: two kinds of neighbours",
        "MATCH p = (a:Item)-[:SIMILAR_TO]->(b:Item)-[:BOUGHT_WITH]->(a)\nRETURN p LIMIT 40",
    ),
)
seconds: dict[str, float] = {}


def shopgraph(stage: str, command: str, *, capture: bool = False) -> str:
    """Run one command as a person would, showing it; a failure ends the demo."""
    out.print(f"\n[bold green]$ shopgraph {command}[/]", highlight=False)
    started = time.monotonic()
    program = Path(sys.executable).with_name("shopgraph")
    done = subprocess.run(
        [program, *shlex.split(command)], check=False, text=True, stdout=subprocess.PIPE if capture else None
    )
    seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - started
    if done.returncode:
        out.print(f"[red]`shopgraph {command}` ended with {done.returncode}; the message above says why.[/]")
        sys.exit(done.returncode)
    return done.stdout or ""


def main() -> None:
    """Every stage in order; those that are done already say so and take no time."""
    began = time.monotonic()
    folder = load_settings().home / "journey"
    out.print("The Complete Journey: one year of a supermarket, 2,469 households.", highlight=False)
    prepare(folder)
    seconds["prepare"] = time.monotonic() - began
    shopgraph("server", "graph server start")
    shopgraph("ingest", f"graph ingest {shlex.quote(str(folder))} --manifest {shlex.quote(str(MANIFEST))}")
    shopgraph("encode", "graph encode")
    shopgraph("build", "graph build")
    shopgraph("train", "gnn train")
    shopgraph("write back", "gnn write-back")
    shopgraph("check", "graph stats")
    shopgraph("recommend", f"recommend --user {HOUSEHOLD} --limit 5 --explain")
    shopgraph("recommend", f"recommend --user {HOUSEHOLD} --limit 5 --explain --query {shlex.quote(WORDS)}")
    _addresses()
    timing = ", ".join(f"{stage} {took:.0f} s" for stage, took in seconds.items())
    out.print(f"\nDone in {time.monotonic() - began:.0f} s: {timing}.", highlight=False)


def _addresses() -> None:
    where = json.loads(shopgraph("addresses", "graph server browser --json", capture=True))
    out.print(
        f"\n[bold]Neo4j Browser[/]: {where['url']}"
        f"\n  user {where['user']}, password in {where['password_file']}"
        "\n  Queries worth pasting:",
        highlight=False,
        soft_wrap=True,
    )
    for title, query in QUERIES:
        indented = query.replace("\n", "\n    ")
        out.print(f"\n  // {title}\n    {indented}", highlight=False, markup=False)
    out.print(
        "\n[bold]The API[/]: `make serve`, then http://127.0.0.1:8000/docs"
        "\n[bold]Stop[/] the database: `make stop`"
        "\n[bold]Shop on[/] with the same graph in this shell: "
        f"export SHOPGRAPH_HOME={load_settings().home}",
        highlight=False,
    )


if __name__ == "__main__":
    main()
