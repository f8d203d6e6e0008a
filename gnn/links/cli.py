"""`shopgraph gnn links …`: what goes together, what can replace what. Heavy imports stay in the commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kg.console import emit_json, out, say

app = typer.Typer(
    no_args_is_help=True, help="Typed item–item links: which items complement or replace which."
)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Seed = Annotated[int, typer.Option(help="Seed of what is hidden and of the samples.")]


@app.command("write-back")
def write_back_(
    least: Annotated[float, typer.Option("--least", help="Lowest score to write.", min=0.05, max=1)] = 0.7,
    k: Annotated[int, typer.Option("--k", help="Links of each kind an item gets at most.", min=1)] = 10,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Predict and count, but write nothing.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Learn from the graph which items go together or replace each other, and write the confident links.

    Links get a score, their evidence in words and source 'gnn'. What the shop declared stays as it is. Again
    on the same data it changes nothing; links that are no longer predicted are deleted.

    Example: shopgraph gnn links write-back --least 0.8
    """
    from gnn.links.model import KINDS, LinkConfig, predict
    from gnn.links.write_back import confident, write_back
    from kg.dataset import from_graph
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        data = from_graph(graph)
        links = predict(data, LinkConfig(seed=seed))
        if dry_run:
            sizes = confident(links, least=least, k=k)["kind"].value_counts()
            report: dict[str, Any] = {kind: {"edges": int(sizes.get(kind, 0))} for kind in KINDS}
        else:
            changes = write_back(graph, data, links, least=least, k=k)
            report = {kind: change._asdict() for kind, change in changes.items()}
    if as_json:
        emit_json({"learned_from": links.origins, "calibrated": links.calibrated, "links": report})
        return
    say(f"complements {links.origins[0]}; substitutes {links.origins[1]}")
    for kind, done in report.items():
        detail = "" if dry_run else f" ({done['written']:,} written, {done['deleted']:,} deleted)"
        out.print(f"{kind}: {done['edges']:,}{detail}")


@app.command()
def benchmark(
    folder: Annotated[Path, typer.Argument(help="The shop's files.", exists=True, file_okay=False)],
    hide: Annotated[
        float, typer.Option(help="Share of the linked pairs to hide and find again.", min=0.01, max=0.5)
    ] = 0.1,
    seeds: Annotated[int, typer.Option(help="How many draws of hidden pairs.", min=1)] = 3,
    manifest: Annotated[Path | None, typer.Option(help="Its shop.toml, where it is not in FOLDER.")] = None,
    as_json: Json = False,
) -> None:
    """Hide a part of a shop's links and find it again, beside text similarity, co-purchases and Adamic-Adar.

    Needs no database. All items are ranked for the source of each hidden link.

    Example: shopgraph gnn links benchmark data/beauty --hide 0.1 --seeds 3
    """
    from gnn.links.benchmark import benchmark as run
    from gnn.links.model import LinkConfig
    from kg.dataset import from_folder
    from kg.settings import load_settings

    data = from_folder(folder, manifest, load_settings())
    report = {"dataset": folder.resolve().name} | run(data, LinkConfig(), share=hide, seeds=seeds)
    if as_json:
        emit_json(report)
        return
    _print(report)


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table

    columns = [f"{m}{kind}" for m in ("hits@10", "mrr") for kind in ("", " complement", " substitute")]
    table = Table(title=f"{report['dataset']}: hidden links found again, %")
    table.add_column("model")
    for column in columns:
        table.add_column(column.replace(" ", "\n"), justify="right")
    for name, metrics in report["ranking"].items():
        table.add_row(name, *(f"{100 * metrics[column]['mean']:.2f}" for column in columns))
    out.print(table)
    for name, metrics in report["kinds"].items():
        out.print(f"complement against substitute, AUC by {name}: {metrics['auc']['mean']:.4f}")
    for kind, metrics in report["calibration"].items():
        ece, brier = metrics["ece"]["mean"], metrics["brier"]["mean"]
        out.print(f"{kind}: expected calibration error {ece:.4f}, Brier {brier:.4f}")
    seconds = report["cost"]["links"]["seconds"]["mean"]
    say(f"learned from: {', '.join(report['origins'])}; {seconds:.0f} s a seed")
