"""The commands `shopgraph api …` and `shopgraph recommend`."""

import asyncio
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.learning.cli import gate, learn
from kg.console import emit_json, out, say
from kg.errors import SettingsError

if TYPE_CHECKING:
    from api.schemas import RecommendationRequest
    from api.schemas.answers import RecommendationResponse
    from kg.settings import Settings

app = typer.Typer(name="api", no_args_is_help=True, help="The HTTP API.")
app.command()(learn)
app.command()(gate)


@app.callback()
def api() -> None:
    """The HTTP API."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; each keeps the vectors in memory.", min=1)] = 1,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Start without a model too: until there is one, words, texts, edges and popularity answer.",
        ),
    ] = False,
) -> None:
    """Answer recommendations over HTTP until interrupted.

    Example: shopgraph api serve --port 8080
    """
    for library in ("OMP", "OPENBLAS", "MKL"):
        # products of a request are short: more threads only get in each other's way. Before numpy is loaded.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from kg.settings import load_settings

    settings = load_settings()
    _check_port(host, port)
    if not wait:
        _check_model(settings)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    say(f"API documentation: http://{shown}:{port}/docs   (stop with Ctrl-C)")
    import uvicorn

    uvicorn.run(
        "api.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
    )


@app.command()
def evaluate(
    folder: Annotated[
        Path, typer.Argument(help="A shop with known right answers.", exists=True, file_okay=False)
    ],
    task: Annotated[
        Literal["intent", "search", "history", "sessions", "reasons", "reach"] | None,
        typer.Option(
            help="intent (words and an item looked at), search (judged queries), history (words and a "
            "past), sessions (with and without an account), reasons (without the item that they name) or "
            "reach (catalogue and likeness); by default the first of the first three that the folder has."
        ),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="How to read the folder; by default its shop.toml.", exists=True)
    ] = None,
    fine_tune: Annotated[
        bool | None,
        typer.Option(
            help="For intent: let the encoder learn from other sessions first, in four folds; half an hour "
            "on two cores. By default where 500 needs can be asked and the extra fine-tune is installed."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure the answers through the serving path, in a Neo4j of its own that is gone afterwards.

    Example: shopgraph api evaluate ../shared/data/intents/electronic
    """
    from api.evaluation.run import evaluate as run
    from kg.settings import load_settings

    found = run(folder, load_settings(), task, manifest, fine_tune=fine_tune)
    if as_json:
        emit_json(found._asdict())
        return
    from api.table import evaluated

    out.print(evaluated(found))


@app.command()
def export(
    file: Annotated[Path, typer.Option("--out", help="File to write, .parquet.", dir_okay=False)],
    limit: Annotated[int, typer.Option(help="Items for each user.", min=1, max=100)] = 10,
    kind: Annotated[
        Literal["for_you", "trending"] | None,
        typer.Option(help="What to recommend; for_you where neither this nor the scenario says."),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(help="The placement whose rules, filters and weights hold.")
    ] = None,
) -> None:
    """Write every user's recommendations to a Parquet file, as the API answers them.

    All of them are of the live model, also while an experiment compares it with another one.

    Example: shopgraph api export --out newsletter.parquet --limit 20 --scenario newsletter
    """
    from api.export import export as write
    from kg.settings import load_settings

    users = write(load_settings(), file, kind, limit, scenario)
    say(f"{users:,} users in {file}")


def recommend(
    user: Annotated[str | None, typer.Option(help="User id.")] = None,
    item: Annotated[list[str] | None, typer.Option(help="Item looked at; may be repeated.")] = None,
    session: Annotated[
        list[str] | None, typer.Option(help="Item seen in this session; may be repeated.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="What is asked for, in words.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="for_you, similar, bought_together, complements, substitutes, trending or new_arrivals; "
            "for_you where neither this nor the scenario says."
        ),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(help="The placement whose rules, filters and weights hold.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Number of items.", min=1, max=100)] = 10,
    category: Annotated[
        list[str] | None, typer.Option(help="Category by name or path; may be repeated.")
    ] = None,
    brand: Annotated[list[str] | None, typer.Option(help="Brand; may be repeated.")] = None,
    price_gte: Annotated[float | None, typer.Option(help="Lowest price.", min=0)] = None,
    price_lte: Annotated[float | None, typer.Option(help="Highest price.", min=0)] = None,
    in_stock: Annotated[bool | None, typer.Option("--in-stock/--out-of-stock", help="By stock.")] = None,
    on_sale: Annotated[
        bool | None, typer.Option("--on-sale/--not-on-sale", help="By whether they cost less than else.")
    ] = None,
    released_after: Annotated[datetime | None, typer.Option(help="Only items released since (UTC).")] = None,
    exclude_seen: Annotated[
        bool | None, typer.Option("--exclude-seen/--include-seen", help="Leave out what was bought.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the ways through the graph as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the API would answer.")] = False,
) -> None:
    """Recommend items to a user, a session, an item's viewer or for words, with reasons.

    Example: shopgraph recommend --user 1 --query "quick breakfast for kids" --explain
    """
    from api.schemas import RecommendationRequest
    from kg.settings import load_settings

    request = _request(
        RecommendationRequest,
        {
            "user_id": user,
            "item_ids": item or [],
            "session_items": session or [],
            "query": query,
            **({} if kind is None else {"kind": kind}),
            "scenario": scenario,
            "limit": limit,
            "exclude_seen": exclude_seen,
            "explain": "paths" if explain else "reasons",
            "filters": {
                "category": category or [],
                "brand": brand or [],
                "price": {"gte": price_gte, "lte": price_lte},
                "in_stock": in_stock,
                "on_sale": on_sale,
                "released_after": released_after.replace(tzinfo=UTC) if released_after else None,
            },
        },
    )
    answer = answer_once(request, load_settings())
    if as_json:
        emit_json(answer.model_dump())
    else:
        from api.table import shown

        out.print(shown(answer))


def answer_once(request: "RecommendationRequest", settings: "Settings") -> "RecommendationResponse":
    """The API's answer, in this process.

    Raises:
        ShopgraphError: no graph, no model, or a request that cannot be answered.
    """
    from api.reads import Reads
    from api.recommender import recommend as answer
    from api.state.served import load_serving
    from kg.driver import connect

    async def run() -> "RecommendationResponse":
        with connect(settings) as graph:
            serving = load_serving(graph, settings)
            reads = Reads(graph)
            try:
                return await answer(request, serving, reads)
            finally:
                await reads.close()

    return asyncio.run(run())


def _request(model: "type[RecommendationRequest]", values: dict[str, object]) -> "RecommendationRequest":
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [
            f"--{str(e['loc'][-1]).replace('_', '-')} {e['input']!r}: {e['msg']}" for e in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} at {host} cannot be used ({error.strerror}): another program has it, or "
                f"the address is not of this machine. Try: shopgraph api serve --port {port + 1}"
            ) from error


def _check_model(settings: "Settings") -> None:
    from api.state.version import check_model, read_version
    from kg.driver import connect

    with connect(settings) as graph:
        check_model(read_version(graph))
