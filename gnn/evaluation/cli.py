"""`shopgraph gnn benchmark` and `gnn tune`: models beside their rivals, on a folder of files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gnn.options import Folder, Given, Json, Ks, Manifest, Parameters, Relations, Seed, SplitName, numbers
from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from gnn.evaluation.report import Report

ALL_MODELS = "popularity,item-knn,ease,ials,bpr,lightgcn,content-knn,gnn"


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
    set_: Parameters = None,
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

    ks = numbers(k)
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


def tune(
    folder: Folder,
    out_file: Annotated[Path, typer.Option("--out", help="JSON file for the choice and all trials.")],
    split: SplitName = None,
    manifest: Manifest = None,
    models: Annotated[str, typer.Option(help="Which models, separated by commas.")] = ALL_MODELS,
    relations: Relations = False,
    given: Given = 1,
    trials: Annotated[
        int, typer.Option(help="Trials of each model, its defaults being the first.", min=1)
    ] = 20,
    minutes: Annotated[float, typer.Option(help="Minutes for each model at most.", min=0.1)] = 60,
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
    parts = split_by(data, split, given=given)
    fixed = {"relations": relations}
    found = search(data, parts, models.split(","), trials, minutes, out_file, seed=seed, fixed=fixed)
    if as_json:
        emit_json(found)
        return
    for name, of in found["models"].items():
        out.print(f"{name}: {found['metric']} {of['first']:.4f} -> {of['value']:.4f}  {of['searched']}")


def _tables(report: dict[str, Any], ks: list[int]) -> None:
    from gnn.evaluation.tables import comparison_table, metrics_table, repeat_table, slice_table, whole_table

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
    out.print(metrics_table(title, means, ks))
    out.print(whole_table("order and reach, %; novelty in bits", means, max(ks), extra))
    if report["seeds"] > 1:
        drawn = {name: of for name, of in models.items() if len(of["epochs"]) > 1}
        spread = {
            name: {m: v["std"] for m, v in of.items() if isinstance(v, dict)} for name, of in drawn.items()
        }
        out.print(metrics_table(f"standard deviation over {report['seeds']} seeds, %", spread, ks))
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
