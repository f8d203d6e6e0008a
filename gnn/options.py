"""Options that several commands of the model take."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SplitName = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="time, leave-one-out, random, new-items, new-users, or a split column of the shop. "
        "Default: the first of time, leave-one-out and random that has at least 100 users to judge by.",
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
Parameters = Annotated[
    list[str] | None, typer.Option("--set", help="NAME=VALUE: a parameter of the gnn. Repeatable.")
]
Tuned = Annotated[
    Path | None,
    typer.Option(
        help="Parameters that `gnn tune` chose.", envvar="SHOPGRAPH_TUNED", exists=True, dir_okay=False
    ),
]
Ks = Annotated[str, typer.Option("--k", help="Cut-offs of the metrics, separated by commas.")]
Version = Annotated[
    str | None, typer.Argument(help="A model's version, or how it begins. Default: the newest.")
]


def numbers(text: str) -> list[int]:
    """Cut-offs of the metrics."""
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or found[0] < 1:
        raise typer.BadParameter(f"--k {text!r}: give whole numbers from 1 on, for example 10,20")
    return found
