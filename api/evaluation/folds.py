"""Needs asked of a shop that never heard of them: what its encoder learned, it learned from other sessions.

The needs are dealt into folds by their session. Of each fold words and choices are taken out of the graph,
the encoder is fine-tuned on those of the other folds by the public command, the items are encoded again, and
the fold's needs are asked. So no need is asked of an encoder that saw its session.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from kg.console import say
from kg.driver import Graph
from kg.queries import load

FOLDS: Final = 4
_Q = load("evaluate")
Command = Callable[..., None]  # runs `shopgraph` with these arguments on the graph


def held_out(graph: Graph, run: Command) -> Iterator[list[str]]:
    """Ids of one fold's needs after the other, while the graph serves without them.

    Args:
        run: `graph fine-tune` and `graph encode` are run by it.
    """
    folds: list[list[str]] = [[] for _ in range(FOLDS)]
    for row in graph.read(_Q.sessions):
        folds[fold_of(row["session"] or row["intent_id"])].append(row["intent_id"])
    for n, ids in enumerate(folds, start=1):
        if not ids:
            continue
        say(f"fold {n} of {FOLDS}: {len(ids):,} needs, asked of an encoder that learns from the others")
        graph.write(_Q.hide, intent_ids=ids)
        try:
            run("graph", "fine-tune", "--undo")
            run("graph", "fine-tune", "--full")
            run("graph", "encode")
            yield ids
        finally:
            graph.write(_Q.show, intent_ids=ids)


def fold_of(session: str) -> int:
    """The same fold for a session in every run."""
    return int.from_bytes(hashlib.sha256(session.encode()).digest()[:4]) % FOLDS
