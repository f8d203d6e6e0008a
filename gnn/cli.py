"""`shopgraph gnn …`: train, judge and publish the model. Heavy imports stay inside the commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gnn.links_cli import app as links
from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from gnn.store import About

app = typer.Typer(no_args_is_help=True, help="The model: train, evaluate, write-back, benchmark.")
app.add_typer(links, name="links")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SplitName = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="time, leave-one-out, random, or a split column of the shop. "
        "Default: time where the shop has times, else leave-one-out.",
    ),
]
Relations = Annotated[
    bool,
    typer.Option(
        help="Let the item–item relations that the shop declared send messages too. That flatters the "
        "figures where the shop took them from the purchases that are held out here."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of the start, the batches and the dropout.")]
Ks = Annotated[str, typer.Option("--k", help="Cut-offs of the metrics, separated by commas.")]
Version = Annotated[str | None, typer.Argument(help="A model's version. Default: the newest.")]


@app.command()
def train(
    split: SplitName = None,
    relations: Relations = False,
    max_epochs: Annotated[int, typer.Option(help="Epochs at most.", min=1)] = 30,
    seed: Seed = 0,
    refit: Annotated[bool, typer.Option(help="Train again on all data for serving.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Train again on data that has a model.")] = False,
    k: Ks = "10,20",
    as_json: Json = False,
) -> None:
    """Train on the graph, judge on held-out interactions beside the rivals, and save the model.

    The number of epochs is chosen on the validation part. The test part is judged by a model that was trained
    on train and validation. The model that is saved for serving is then trained on everything, for as many
    epochs (--no-refit keeps the judged one). A killed run goes on when the same command is given again.

    Example: shopgraph gnn train --split time
    """
    from gnn.config import TrainConfig
    from gnn.pipeline import train_and_save
    from kg.dataset import from_graph
    from kg.driver import connect
    from kg.settings import load_settings

    settings, ks = load_settings(), _numbers(k)
    config = TrainConfig(relations=relations, max_epochs=max_epochs, seed=seed)
    with connect(settings) as graph:
        data = from_graph(graph)
    about = train_and_save(data, settings.home, config, split, refit=refit, force=force, ks=ks)
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
    force: Annotated[bool, typer.Option("--force", help="Write the live model again.")] = False,
    as_json: Json = False,
) -> None:
    """Write a saved model's item vectors into the idle slot of the graph and make it the live model.

    Example: shopgraph gnn write-back
    """
    from gnn.store import load
    from gnn.write_back import live_version, write_back
    from kg.driver import connect
    from kg.settings import load_settings

    settings = load_settings()
    model = load(settings.home, version)
    with connect(settings) as graph:
        if not force and model.about.version == live_version(graph):
            say(f"{model.about.version} is live already; --force writes it again")
            return
        done = write_back(graph, model)
    if as_json:
        emit_json(done._asdict())
        return
    out.print(
        f"{done.items:,} items in slot {done.slot}; live is now {done.version} (before: {done.replaced})."
    )
    if done.without:
        out.print(f"{done.without:,} items came after the training and have no vector yet.")


@app.command()
def benchmark(
    folder: Annotated[Path, typer.Argument(help="The shop's files.", exists=True, file_okay=False)],
    split: SplitName = None,
    manifest: Annotated[Path | None, typer.Option(help="Its shop.toml, where it is not in FOLDER.")] = None,
    models: Annotated[str, typer.Option(help="Which models, separated by commas.")] = (
        "popularity,item-knn,ease,gnn"
    ),
    relations: Relations = False,
    seeds: Annotated[int, typer.Option(help="How many seeds for the gnn.", min=1)] = 1,
    k: Ks = "10,20",
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for benchmark.json.")] = None,
    as_json: Json = False,
) -> None:
    """All models on the same split in one run, without a database: all items ranked, the history masked.

    Example: shopgraph gnn benchmark data/beauty --split pgpr_cafe --seeds 3
    """
    import json

    from gnn.benchmark import benchmark as run
    from gnn.config import TrainConfig
    from gnn.split import split as split_by
    from kg.dataset import from_folder
    from kg.settings import load_settings

    ks = _numbers(k)
    data = from_folder(folder, manifest, load_settings())
    parts = split_by(data, split, with_test=True)
    results = run(data, parts, TrainConfig(relations=relations), models.split(","), seeds, ks)
    report = {
        "dataset": folder.resolve().name,
        "split": parts.name,
        "relations": relations,
        "seeds": seeds,
        "models": results,
    }
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
        (out_dir / "benchmark.json").write_text(json.dumps(report, indent=2) + "\n")
    if as_json:
        emit_json(report)
        return
    _table(report, ks)


def _report(about: "About", as_json: bool) -> None:
    from gnn.tables import metrics_table

    if as_json:
        emit_json({key: value for key, value in about._asdict().items() if key != "item_ids"})
        return
    ks = sorted({int(m.split("@")[1]) for table in about.metrics.values() for m in table})
    out.print(metrics_table(f"{about.version}: held-out part of split {about.split}, %", about.metrics, ks))
    served = "then trained again on all data for serving" if about.refitted else "serving the judged model"
    say(f"{about.epochs} epochs, {served}.")


def _table(report: dict[str, Any], ks: list[int]) -> None:
    from gnn.tables import metrics_table

    models = report["models"]
    means = {
        name: {m: v["mean"] for m, v in of.items() if isinstance(v, dict)} for name, of in models.items()
    }
    extra = {
        "fit s": [f"{of['fit_seconds']:.0f}" for of in models.values()],
        "peak MB": [f"{of['peak_mb']:.0f}" for of in models.values()],
    }
    declared = "with" if report["relations"] else "without"
    title = f"{report['dataset']}, split {report['split']}, {declared} declared relations, %"
    out.print(metrics_table(title, means, ks, extra))


def _numbers(text: str) -> list[int]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise typer.BadParameter(f"--k {text!r}: give whole numbers from 1 on, for example 10,20")
    return numbers
