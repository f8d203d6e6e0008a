"""The commands `shopgraph api learn` and `shopgraph api gate`."""

from typing import TYPE_CHECKING, Annotated

import typer

from kg.console import emit_json, out, say

if TYPE_CHECKING:
    from api.learning.learn import Outcome


def learn(
    undo: Annotated[bool, typer.Option("--undo", help="Rank by the built-in weights again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be adopted, and stop.")] = False,
    trees: Annotated[
        bool, typer.Option("--trees", help="Judge boosted trees on the same features beside.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Draws the halves of the shoppers, each judged by the other's fit.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Learn from past choices how much popularity, trend and the rest should count in for_you.

    Needs the twin that `shopgraph gnn train` keeps under SHOPGRAPH_HOME: a model that has not seen the
    choices it is asked about. Adopted only if NDCG@20 of shoppers that were not learned from is clearly
    better; every API process follows within two seconds, and the weights of scenarios come before.

    Example: shopgraph api learn --trees
    """
    from api.learning.learn import learn as run
    from api.learning.learn import undo as take_back
    from api.learning.trees import trees as boosted
    from kg.driver import connect
    from kg.settings import load_settings

    settings = load_settings()
    with connect(settings) as graph:
        if undo:
            dropped = take_back(graph)
            say("The built-in weights rank again." if dropped else "Nothing was learned: nothing to undo.")
            return
        found = run(graph, settings, adopt=not dry_run, seed=seed, others=boosted if trees else None)
    if as_json:
        emit_json(found._asdict())
        return
    _show(found)


def gate(
    version: Annotated[str, typer.Argument(help="A model that was trained here and is not live.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Compare a model with the live one as both would answer, and keep the verdict.

    `gnn gate` compares the models alone; this asks with the learned weights, words and all that ranks beside
    them, on choices that neither knows. A refresh asks both and publishes what is better by both.

    Example: shopgraph api gate 20261124-030000-000-ab12cd
    """
    from api.learning.gate import gate as run
    from kg.driver import connect
    from kg.settings import load_settings

    settings = load_settings()
    with connect(settings) as graph:
        found = run(graph, settings, version)
    if as_json:
        emit_json(found._asdict())
        return
    say(f"{found.cases:,} choices of {found.users:,} shoppers.")
    out.print(f"{'may be published' if found.publish else 'refused'}: {found.reason}", highlight=False)


def _show(found: "Outcome") -> None:
    from rich.table import Table

    table = Table("ranking", "NDCG@20 %")
    for name, value in found.ndcg.items():
        table.add_row(name, f"{100 * value:.2f}")
    if found.ndcg:
        out.print(table)
    weights = Table("weight", "present", "learned")
    for name, value in found.present.items():
        learned = found.weights.get(name)
        weights.add_row(name, f"{value:g}", "not to be learned here" if learned is None else f"{learned:g}")
    if found.weights:
        out.print(weights)
    if found.beside_words < 1 and "words" not in found.weights:
        say(f"Beside words trend, novelty and the like count {found.beside_words:.2f} times that.")
    fitted, judged = found.cases
    say(
        f"{fitted:,} choices fitted; {judged:,} of {found.users:,} shoppers judged, by the fit to the others."
    )
    say(f"{'Adopted' if found.adopted else 'Not adopted'}: {found.reason}.")
