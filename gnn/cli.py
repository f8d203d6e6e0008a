"""`shopgraph gnn …`: train, judge and publish the model. Heavy imports stay inside the commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gnn.links.cli import app as links
from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from gnn.evaluation.report import Report
    from gnn.store import About

app = typer.Typer(no_args_is_help=True, help="The model: train it, judge it, publish it.")
app.add_typer(links, name="links")

ALL_MODELS = "popularity,item-knn,ease,ials,bpr,lightgcn,content-knn,gnn"

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SplitName = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="time, leave-one-out, random, new-items, new-users, or a split column of the shop. "
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
Folder = Annotated[Path, typer.Argument(help="The shop's files.", exists=True, file_okay=False)]
Manifest = Annotated[Path | None, typer.Option(help="Its shop.toml, where it is not in FOLDER.")]
Given = Annotated[int, typer.Option(help="Split new-users: how many items are told of a new user.", min=1)]
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

    On two GPUs: torchrun --nproc-per-node=2 --no-python shopgraph gnn train --split time
    """
    from gnn.config import TrainConfig
    from gnn.distributed import is_first, processes
    from gnn.pipeline import train_and_save
    from gnn.store import load
    from kg.dataset import from_graph
    from kg.driver import connect
    from kg.settings import load_settings

    settings, ks = load_settings(), _numbers(k)
    config = TrainConfig(relations=relations, max_epochs=max_epochs, seed=seed)
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
    force: Annotated[bool, typer.Option("--force", help="Write the live model again.")] = False,
    hold: Annotated[
        bool, typer.Option("--hold", help="Write it, but leave the live model live: model promote moves it.")
    ] = False,
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

    Overall and by segment (new items, users by activity, categories), with a paired bootstrap over users. It
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
def embed_new_(as_json: Json = False) -> None:
    """Give items that came after the training their vectors: one pass of the live model, no training.

    Example: shopgraph gnn embed-new
    """
    from gnn.embed_new import embed_new
    from gnn.store import load
    from gnn.write_back import live_version
    from kg.dataset import from_graph
    from kg.driver import connect
    from kg.errors import ModelError
    from kg.settings import load_settings

    settings = load_settings()
    with connect(settings) as graph:
        version = live_version(graph)
        if version is None:
            raise ModelError("No model is live. Run: shopgraph gnn write-back")
        done = embed_new(graph, load(settings.home, version), from_graph(graph))
    if as_json:
        emit_json(done._asdict())
        return
    out.print(f"{done.items:,} items have vectors of {done.version} now, {done.edges:,} edges lead to them.")
    if done.without:
        out.print(f"{done.without:,} items have neither text nor edges and stay without.")


@app.command()
def benchmark(
    folder: Folder,
    split: SplitName = None,
    manifest: Manifest = None,
    models: Annotated[
        str,
        typer.Option(
            help="Which models, separated by commas. One may carry parameters of its own: gnn:id_dropout=0"
        ),
    ] = ALL_MODELS,
    relations: Relations = False,
    given: Given = 1,
    seeds: Annotated[int, typer.Option(help="How many seeds for the models that draw at random.", min=1)] = 1,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: a parameter of the gnn. Repeatable.")
    ] = None,
    tuned: Annotated[
        Path | None, typer.Option(help="Parameters that `gnn tune` chose.", exists=True, dir_okay=False)
    ] = None,
    k: Ks = "10,20",
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for benchmark.json, users.parquet and the plots.")
    ] = None,
    as_json: Json = False,
) -> None:
    """All models on the same split in one run, without a database: all items ranked, the history masked.

    Each model has a process of its own. With --out every finished one is kept, and the same command goes on
    where it was cut off.

    Example: shopgraph gnn benchmark data/beauty --split pgpr_cafe --seeds 3
    """
    from gnn.evaluation.benchmark import benchmark as run
    from gnn.evaluation.plan import planned, read_tuned, settings
    from gnn.evaluation.report import Report
    from gnn.split import split as split_by
    from kg.dataset import from_folder
    from kg.settings import load_settings

    ks = _numbers(k)
    if out_dir is not None:
        _needs("matplotlib")  # not after hours of work
    own = {"relations": relations, **settings(set_ or [])}
    rows = planned(models.split(","), own, read_tuned(tuned) if tuned else None)
    data = from_folder(folder, manifest, load_settings())
    parts = split_by(data, split, given=given, with_test=True)
    report = Report(data, parts, run(data, parts, rows, seeds, ks, out_dir), ks)
    whole = {
        "dataset": folder.resolve().name,
        "split": parts.name,
        **({"given": given} if parts.given is not None else {}),
        "relations": relations,
        "seeds": seeds,
        **report.as_json(),
        "params": {row.label: row.params for row in rows},
    }
    if out_dir is not None:
        _write(out_dir, whole, report)
    if as_json:
        emit_json(whole)
        return
    _tables(whole, ks)


@app.command()
def tune(
    folder: Folder,
    out_file: Annotated[Path, typer.Option("--out", help="JSON file for the choice and all trials.")],
    split: SplitName = None,
    manifest: Manifest = None,
    models: Annotated[str, typer.Option(help="Which models, separated by commas.")] = ALL_MODELS,
    relations: Relations = False,
    trials: Annotated[
        int, typer.Option(help="Trials of each model, its defaults being the first.", min=1)
    ] = 20,
    minutes: Annotated[float, typer.Option(help="Minutes for each model at most.", min=0)] = 60,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Choose each model's parameters on the validation part, with the same budget for all.

    The test part is not read. A search that was cut off goes on when the same command is given again.

    Example: shopgraph gnn tune data/beauty --models ease,gnn --trials 20 --minutes 60 --out tuned.json
    """
    _needs("optuna")
    from gnn.evaluation.tune import tune as search
    from gnn.split import split as split_by
    from kg.dataset import from_folder
    from kg.settings import load_settings

    data = from_folder(folder, manifest, load_settings())
    parts = split_by(data, split)
    fixed = {"relations": relations}
    found = search(data, parts, models.split(","), trials, minutes, out_file, seed=seed, fixed=fixed)
    if as_json:
        emit_json(found)
        return
    for name, of in found["models"].items():
        out.print(f"{name}: {found['metric']} {of['first']:.4f} -> {of['value']:.4f}  {of['searched']}")


def _report(about: "About", as_json: bool) -> None:
    from gnn.evaluation.tables import metrics_table

    if as_json:
        emit_json({key: value for key, value in about._asdict().items() if key != "item_ids"})
        return
    ks = sorted({int(m.split("@")[1]) for table in about.metrics.values() for m in table})
    out.print(metrics_table(f"{about.version}: held-out part of split {about.split}, %", about.metrics, ks))
    served = "then trained again on all data for serving" if about.refitted else "serving the judged model"
    say(f"{about.epochs} epochs, {served}.")


def _tables(report: dict[str, Any], ks: list[int]) -> None:
    from gnn.evaluation.tables import comparison_table, metrics_table, repeat_table, slice_table

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
    out.print(slice_table(report["slices"], f"recall@{max(ks)}"))
    if "repeats" in report:
        out.print(repeat_table(report["repeats"], ks))
    if report["comparisons"]:
        out.print(comparison_table(report["comparisons"]))
    for name, why in report["left_out"].items():
        say(f"{name} was left out: {why}")


def _write(folder: Path, whole: dict[str, Any], report: "Report") -> None:
    import json

    from gnn.evaluation.plots import draw

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", "utf-8")
    report.by_user().to_parquet(folder / "users.parquet")
    draw(whole, report.ks, folder)


def _needs(module: str) -> None:
    from importlib.util import find_spec

    from kg.errors import ModelError

    if find_spec(module) is None:
        raise ModelError(f"{module} is not installed: pip install 'shopgraph[benchmark]'")


def _numbers(text: str) -> list[int]:
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise typer.BadParameter(f"--k {text!r}: give whole numbers from 1 on, for example 10,20")
    return numbers
