"""`shopgraph graph …`: the graph's commands. Heavy imports stay inside the command that needs them."""

from typing import Annotated

import typer

from kg import ingest_cli
from kg.console import emit_json, out, say
from kg.server_cli import app as server_app
from kg.tuning.cli import fine_tune

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(no_args_is_help=True, help="The graph: server, ingest, encode, build, check.")
app.add_typer(server_app, name="server")
app.command("ingest")(ingest_cli.ingest)
app.command("fine-tune")(fine_tune)


@app.command()
def encode(
    force: Annotated[bool, typer.Option("--force", help="Encode every item again.")] = False,
    as_json: Json = False,
) -> None:
    """Turn item texts into vectors on the item nodes; only new and changed texts are encoded.

    The encoder is SHOPGRAPH_ENCODER: a folder or a name that sentence-transformers finds. It is also exported
    as ONNX int8 for the API, with its cosine to the original.

    Example: shopgraph graph encode
    """
    from kg.driver import connect
    from kg.encode import encode_items
    from kg.settings import load_settings

    settings = load_settings()
    with connect(settings) as graph:
        done = encode_items(graph, settings, force=force)
    if as_json:
        emit_json({**done._asdict(), "exported": done.exported._asdict()})
        return
    out.print(
        f"{done.items:,} items: {done.encoded:,} encoded ({done.texts:,} distinct texts), "
        f"{done.unchanged:,} unchanged, {done.without_text:,} lost their text."
    )
    out.print(
        f"encoder {done.encoder}; int8 for the API in {done.exported.folder}, "
        f"cosine to the original {done.exported.cosine_mean:.3f} (least {done.exported.cosine_least:.3f})."
    )


@app.command()
def build(
    k: Annotated[
        int, typer.Option(help="Edges of each type that an item keeps; of SIMILAR_TO ten at most.", min=1)
    ] = 20,
    window_days: Annotated[
        float, typer.Option(help="Without baskets, a user's interactions within so many days count as one.")
    ] = 30,
    least: Annotated[int, typer.Option(help="Pairs seen together less often give no edge.", min=1)] = 2,
    changed: Annotated[
        bool,
        typer.Option("--changed/--all", help="Read only what has changed since the last build; same result."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the edges that follow from the data: SIMILAR_TO, BOUGHT_WITH, VIEWED_WITH; and seasons.

    A category's `season` says how many times as much as usual happens there in each of a year's 52 weeks;
    it takes a year of events with times.

    Only edges that changed are written, and those the data no longer supports are deleted. What the shop
    declared itself is never touched.

    Example: shopgraph graph build --k 20
    """
    from kg.build import build_edges
    from kg.driver import connect
    from kg.seasons import store_seasons
    from kg.settings import load_settings

    settings = load_settings()
    with connect(settings) as graph:
        changes = build_edges(
            graph, k=k, window_days=window_days, least=least, home=settings.home, changed=changed
        )
        seasons = store_seasons(graph)
    if as_json:
        emit_json({kind: c._asdict() for kind, c in changes.items()} | {"seasons": seasons._asdict()})
        return
    for kind, change in changes.items():
        out.print(f"{kind}: {change.edges:,} edges, {change.written:,} written, {change.deleted:,} deleted.")
    if seasons.categories or seasons.deleted:
        out.print(f"Seasons of {seasons.categories:,} categories, {seasons.written:,} written.")


@app.command()
def intents(
    least: Annotated[
        int | None,
        typer.Option(help="Shoppers who must share a need; as the last time, at first 2.", min=1),
    ] = None,
    alike: Annotated[
        float | None,
        typer.Option(
            help="Words with at least this cosine are one need; as the last time, at first 0.9.",
            min=0.5,
            max=1,
        ),
    ] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="Let needs come back that were deleted by hand.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Mine what shoppers are after, (:Intent)-[:SATISFIED_BY]->(:Item): searches, and what was bought next.

    Where nobody searched yet, phrases of titles and categories stand in. A need that was renamed, rejected
    (`SET t.rejected = true`) or deleted in Neo4j Browser stays so.

    Example: shopgraph graph intents --least 3
    """
    from kg.driver import connect
    from kg.settings import load_settings
    from kg.words.intents import mine_intents

    settings = load_settings()
    with connect(settings) as graph:
        done = mine_intents(graph, settings, least=least, alike=alike, restore=restore)
    if as_json:
        emit_json(done._asdict())
        return
    out.print(
        f"{done.needs:,} needs from {done.pairs:,} pairs ({done.source}): {done.written:,} written, "
        f"{done.deleted:,} deleted, {done.kept_away:,} kept away as rejected or deleted by hand."
    )


@app.command()
def classify(
    seed: Annotated[int, typer.Option(help="Draws the tenth that judges.", min=0)] = 0, as_json: Json = False
) -> None:
    """Learn which categories and brands words point to: from items, from searches and what was bought next.

    A tenth that was not learned from judges two ways, of which the better is taken. The answers' `intent`
    tells what it makes of the words. A refresh learns again where the shop has grown or shrunk by a
    twentieth.

    Example: shopgraph graph classify
    """
    from rich.table import Table

    from kg.driver import connect
    from kg.settings import load_settings
    from kg.words.classify import classify as learn

    settings = load_settings()
    with connect(settings) as graph:
        found = learn(graph, settings, seed=seed)
    if as_json:
        emit_json({trained.kind: trained._asdict() for trained in found})
        return
    table = Table("", "judged on", "accuracy %", "in the first 5, %", "log loss", "", "")
    for trained in found:
        named = f"{trained.labels:,} {trained.kind} labels"
        if not trained.metrics:
            table.add_row(named, "", "", "", "", "too little to learn from")
        for name, of in trained.metrics.items():
            taken = "taken" if name == trained.taken else ""
            table.add_row(
                named, f"{trained.judges:,} {trained.judged_on}", f"{100 * of['accuracy']:.1f}",
                f"{100 * of['top5']:.1f}", f"{of['log_loss']:.3f}", name.replace("_", " "), taken,
            )  # fmt: skip
    out.print(table)


@app.command()
def check(as_json: Json = False) -> None:
    """Test the graph's invariants and print every violation; exits with 1 when there is one.

    Example: shopgraph graph check
    """
    from kg.check import check as violations_of
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        violations = violations_of(graph)
    if as_json:
        emit_json([violation._asdict() for violation in violations])
    else:
        for violation in violations:
            out.print(f"[red]{violation.invariant}[/]: {violation.total:,} violations. {violation.meaning}")
            for example in violation.examples:
                out.print(f"  {example}", highlight=False)
    if violations:
        raise typer.Exit(1)
    say("The graph is sound.")


@app.command()
def stats(as_json: Json = False) -> None:
    """Count the nodes and relationships by kind.

    Example: shopgraph graph stats --json
    """
    from rich.table import Table

    from kg.check import stats as counts_of
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        counts = counts_of(graph)
    if as_json:
        emit_json(counts)
        return
    table = Table("kind", "name", "count")
    for kind, rows in counts.items():
        for name, count in rows.items():
            table.add_row(kind, name, f"{count:,}")
    out.print(table)


app.command("checksum")(ingest_cli.checksum)
