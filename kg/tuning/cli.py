"""The command `shopgraph graph fine-tune`."""

from typing import TYPE_CHECKING, Annotated

import typer

from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from kg.settings import Settings
    from kg.tuning.run import Tuned


def fine_tune(
    full: Annotated[
        bool, typer.Option("--full", help="Train all weights instead of low-rank additions (LoRA).")
    ] = False,
    epochs: Annotated[int, typer.Option(help="How often each pair is seen at most.", min=1)] = 2,
    pairs: Annotated[int, typer.Option(help="Pairs of each kind to train on.", min=100)] = 10_000,
    batch: Annotated[int, typer.Option(help="Pairs a step; more tell finer, and take longer.", min=2)] = 64,
    candidates: Annotated[
        int, typer.Option(help="Items among which the right ones must be found in validation.", min=100)
    ] = 5_000,
    max_minutes: Annotated[float, typer.Option(help="Training stops after so many minutes.", min=0.1)] = 30,
    seed: Annotated[int, typer.Option(help="Of the draws and the order of training.", min=0)] = 0,
    base: Annotated[
        str | None, typer.Option(help="Start from this encoder instead of the one that serves.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back the last adoption; trains nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train the text encoder on the shop's own pairs; it is adopted only if it finds the right items better.

    Pairs: words that led to several items, with one of them, and another; words and the one item chosen then;
    items bought together; titles and descriptions. What judges was not trained on; judged queries and names
    of categories only judge. Adopted means: `graph encode` and `refresh` use it from their next run on,
    unless SHOPGRAPH_ENCODER is set; the API follows the items' vectors. Not better is no error, and changes
    nothing.

    Example: shopgraph graph fine-tune --max-minutes 20
    """
    from kg.settings import load_settings

    settings = load_settings()
    if undo:
        _undo(settings, as_json=as_json)
        return
    from kg.driver import connect
    from kg.tuning.config import TuneConfig
    from kg.tuning.run import as_json as told
    from kg.tuning.run import fine_tune as run

    config = TuneConfig(
        full=full,
        epochs=epochs,
        most_pairs=pairs,
        batch=batch,
        most_candidates=candidates,
        max_minutes=max_minutes,
        seed=seed,
    )
    with connect(settings) as graph:
        tuned = run(graph, settings, config, base)
    if as_json:
        emit_json(told(tuned))
    else:
        _show(tuned)
    if tuned.adopted:
        _say_next(settings)


def _show(tuned: "Tuned") -> None:
    from rich.table import Table

    headings = ("pairs", "trained on", "judged by", "found", "before", "after", "90 % of gain")
    table = Table(*headings)
    for name, kind in tuned.found.items():
        counts = tuned.pairs.get(name)
        trained, judged = (
            f"{counts['train']:,}" if counts else "",
            f"{kind.anchors:,} of {kind.candidates:,}",
        )
        for metric, change in (("Recall@20", kind.recall), ("NDCG@20", kind.ndcg)):
            figures = (
                f"{change.before:.4f}",
                f"{change.after:.4f}",
                f"{change.low:+.4f} to {change.high:+.4f}",
            )
            table.add_row(name, trained, judged, metric, *figures)
            name, trained, judged = "", "", ""
    out.print(table)
    for line in tuned.left_out:
        out.print(f"too few to take part – {line}", highlight=False)
    how = tuned.training
    out.print(
        f"{how['steps']:,} steps, weights of step {how['kept']:,} kept; {how['pairs'] / how['seconds']:.1f} "
        f"pairs/s on {how['device']}, {tuned.seconds:.0f} s in all.",
        highlight=False,
    )
    if tuned.adopted:
        out.print(f"[green]Adopted[/]: {tuned.reason}. It is in {tuned.encoder}.", highlight=False)
    else:
        out.print(f"[yellow]Not adopted[/], nothing has changed: {tuned.reason}.", highlight=False)


def _undo(settings: "Settings", *, as_json: bool) -> None:
    from kg.settings import DEFAULT_ENCODER
    from kg.tuning.adoption import undo

    done = undo(settings.home, DEFAULT_ENCODER)
    if as_json:
        emit_json(done._asdict())
    elif done.dropped is None:
        out.print("No fine-tuned encoder was adopted; nothing has changed.")
    else:
        out.print(f"{done.dropped} is adopted no longer; {done.encoder} serves.", highlight=False)
    if done.dropped is not None:
        _say_next(settings)


def _say_next(settings: "Settings") -> None:
    if settings.encoder_is_set:
        say(f"SHOPGRAPH_ENCODER={settings.encoder} is set, and goes on counting: unset it.")
    say(
        "Next: shopgraph graph encode, graph build, graph intents and gnn train – or shopgraph refresh. "
        "Until then everything answers with the vectors that are there."
    )
