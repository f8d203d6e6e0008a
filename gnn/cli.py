"""`shopgraph gnn …`: train, judge and publish the model. Heavy imports stay inside the commands."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gnn.evaluation.cli import benchmark, tune
from gnn.links.cli import app as links
from gnn.options import Json, Ks, Parameters, Relations, Seed, SplitName, Tuned, Version, numbers
from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from gnn.embed_new import Embedded
    from gnn.store import About

app = typer.Typer(no_args_is_help=True, help="The model: train it, judge it, publish it.")
app.add_typer(links, name="links")
app.command()(benchmark)
app.command()(tune)


@app.command()
def train(
    split: SplitName = None,
    relations: Relations = False,
    max_epochs: Annotated[int, typer.Option(help="Epochs at most.", min=1)] = 30,
    seed: Seed = 0,
    set_: Parameters = None,
    tuned: Tuned = None,
    refit: Annotated[bool, typer.Option(help="Train again on all data for serving.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Train again on data that has a model.")] = False,
    k: Ks = "10,20",
    start: Annotated[
        str | None,
        typer.Option("--from", help="Version of a saved model to start from, judged on what came after it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on the graph, judge on held-out interactions beside the rivals, and save the model.

    The number of epochs is chosen on the validation part. The test part is judged by a model that was trained
    on train and validation. The model that is saved for serving is then trained on everything, for as many
    epochs (--no-refit keeps the judged one). A killed run goes on when the same command is given again.

    Example: shopgraph gnn train --split time

    With parameters of `gnn tune`, also in each refresh: SHOPGRAPH_TUNED=tuned.json

    On two GPUs: torchrun --nproc-per-node=2 --no-python shopgraph gnn train --split time
    """
    from gnn.config import TrainConfig
    from gnn.distributed import is_first, processes
    from gnn.evaluation.plan import planned, read_tuned
    from gnn.evaluation.plan import settings as named
    from gnn.pipeline import train_and_save
    from gnn.store import load
    from kg.dataset import from_graph
    from kg.driver import connect
    from kg.settings import load_settings

    settings, ks = load_settings(), numbers(k)
    own: dict[str, Any] = {"max_epochs": max_epochs, "seed": seed, **named(set_ or [])}
    own |= {"relations": True} if relations else {}
    (row,) = planned(["gnn"], own, read_tuned(tuned) if tuned else None)
    config = TrainConfig(**row.params)
    with connect(settings) as graph:
        data = from_graph(graph)
    first = load(settings.home, start) if start is not None else None
    with processes():
        about = train_and_save(
            data, settings.home, config, split, refit=refit, force=force, ks=ks, start=first
        )
        if is_first():
            _report(about, as_json)


@app.command()
def evaluate(version: Version = None, as_json: Json = False) -> None:
    """Print how a saved model and its rivals did on the test part when it was trained.

    Example: shopgraph gnn evaluate
    """
    from gnn.store import load
    from kg.settings import load_settings

    _report(load(load_settings().home, version).about, as_json)


@app.command("write-back")
def write_back_(
    version: Version = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write the live model again, or one that the gate refused last."),
    ] = False,
    hold: Annotated[
        bool, typer.Option("--hold", help="Write it, but leave the live model live: model promote moves it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a saved model's item vectors into the idle slot of the graph and make it the live model.

    Example: shopgraph gnn write-back
    """
    from gnn.store import load
    from gnn.write_back import write_back
    from kg.driver import connect
    from kg.models import check_not_refused, live_version
    from kg.settings import load_settings

    settings = load_settings()
    model = load(settings.home, version)
    with connect(settings) as graph:
        if not force and model.about.version == live_version(graph):
            say(f"{model.about.version} is live already; --force writes it again")
            return
        if not (force or hold):
            name = model.about.version
            check_not_refused(graph, name, f"shopgraph gnn write-back {name} --force")
        done = write_back(graph, model, hold=hold)
    if as_json:
        emit_json(done._asdict())
        return
    live = f"still {done.replaced}" if hold else f"now {done.version} (before: {done.replaced})"
    out.print(f"{done.items:,} items and {done.edges:,} edges in slot {done.slot}; live is {live}.")
    if done.without:
        out.print(f"{done.without:,} items came after the training and have no vector yet.")


@app.command()
def gate(version: Version = None, as_json: Json = False) -> None:
    """Compare a saved model with the live one on interactions that neither knows, and keep the verdict.

    Overall and by segment (new items, users by activity, categories), over users and items. It
    may be published if it is better overall and clearly worse in no segment. Nothing is published here.

    Example: shopgraph gnn gate 20261124-030000-000-ab12cd
    """
    from gnn.gate import as_frame
    from gnn.gating import gated
    from kg.driver import connect
    from kg.settings import load_settings

    settings = load_settings()
    with connect(settings) as graph:
        verdict = gated(graph, settings.home, version)
    if as_json:
        emit_json(verdict._asdict())
        return
    if verdict.overall:
        out.print(as_frame(verdict).to_string(index=False), highlight=False)
    out.print(f"{'may be published' if verdict.publish else 'refused'}: {verdict.reason}")


@app.command("embed-new")
def embed_new_(
    watch: Annotated[
        float | None,
        typer.Option(help="Look for new items every so many seconds, until interrupted.", min=1),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give items that came after the training their vectors: one pass of the live model, no training.

    Example: shopgraph gnn embed-new --watch 30
    """
    from gnn.embed_new import embed_new
    from gnn.store import load
    from kg.dataset import from_graph
    from kg.driver import connect
    from kg.errors import ModelError
    from kg.models import live_version
    from kg.refresh.retrain import strangers
    from kg.settings import load_settings

    settings = load_settings()
    hopeless = 0  # items that no pass says anything of
    with connect(settings) as graph:
        while True:
            if watch is None or strangers(graph) > hopeless:
                version = live_version(graph)
                if version is None:
                    raise ModelError("No model is live. Run: shopgraph gnn write-back")
                done = embed_new(graph, load(settings.home, version), from_graph(graph))
                hopeless = done.without
                _embedded(done, as_json)
            if watch is None:
                return
            time.sleep(watch)


def _embedded(done: "Embedded", as_json: bool) -> None:
    if as_json:
        emit_json(done._asdict())
        return
    out.print(f"{done.items:,} items have vectors of {done.version} now, {done.edges:,} edges lead to them.")
    if done.without:
        out.print(f"{done.without:,} items have neither text nor edges and stay without.")


def _report(about: "About", as_json: bool) -> None:
    from gnn.evaluation.tables import metrics_table

    if as_json:
        emit_json({key: value for key, value in about._asdict().items() if key != "item_ids"})
        return
    ks = sorted({int(m.split("@")[1]) for table in about.metrics.values() for m in table})
    out.print(metrics_table(f"{about.version}: held-out part of split {about.split}, %", about.metrics, ks))
    served = "then trained again on all data for serving" if about.refitted else "serving the judged model"
    say(f"{about.epochs} epochs, {served}.")
