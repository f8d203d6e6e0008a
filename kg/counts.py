"""What the last `graph build` read and made, kept on disk, so that the next one reads what has changed.

It is thrown away before the first edge is written and saved after the last, and is used only while the
graph's newest build is the one that it is of: after a kill, on another machine, or with a restored database
everything is read again.
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from kg.driver import Graph
from kg.queries import load

EVENTS = ("user", "item", "time", "basket")  # ids, seconds, basket id or null
EDGES = ("source", "target", "count", "lift", "score")
_FORMAT = 1


class Now(NamedTuple):
    """How far the graph is, by the turns that its writers have taken."""

    run_id: str | None  # of the newest build; None where it did not end
    turns: int
    removed: int  # turn in which items were last deleted
    erased: int  # turn in which a user was last erased
    revision: int  # of items that were written one by one


class State(NamedTuple):
    """The data of one build."""

    run_id: str
    turns: int
    revision: int
    params: dict[str, Any]
    texts: pd.DataFrame  # itemId, textHash, textModel, in the order of `vectors`
    vectors: npt.NDArray[np.float32]
    events: dict[str, pd.DataFrame]  # interaction -> EVENTS, a row an event
    edges: dict[str, pd.DataFrame]  # kind -> EDGES


def now(graph: Graph) -> Now:
    """How far the graph is."""
    return Now(**graph.read(load("build").counting)[0])


def find(home: Path, at: Now, params: dict[str, Any]) -> State | None:
    """What the newest build left, if it was counted with the same parameters."""
    folder = _folder(home)
    if at.run_id is None or not (folder / "about.json").is_file():
        return None
    about = json.loads((folder / "about.json").read_text())
    wanted = {"format": _FORMAT, "run_id": at.run_id, "params": params}
    if {name: about.get(name) for name in wanted} != wanted or about["turns"] > at.turns:
        return None
    tables = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
    events, edges = ({n[2:]: t for n, t in tables.items() if n.startswith(kind)} for kind in ("r-", "e-"))
    vectors = np.load(folder / "vectors.npy")
    return State(
        at.run_id, about["turns"], about["revision"], params, tables["texts"], vectors, events, edges
    )


def forget(home: Path) -> None:
    """Before edges are written: what is on disk is true no longer."""
    shutil.rmtree(_folder(home), ignore_errors=True)


def save(home: Path, state: State) -> None:
    """After the last edge."""
    draft = _folder(home).with_suffix(".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for prefix, tables in (("r", state.events), ("e", state.edges)):
        for name, table in tables.items():
            table.to_parquet(draft / f"{prefix}-{name}.parquet")
    state.texts.to_parquet(draft / "texts.parquet")
    np.save(draft / "vectors.npy", state.vectors)
    about = {"format": _FORMAT, "run_id": state.run_id, "params": state.params}
    about |= {"turns": state.turns, "revision": state.revision}
    (draft / "about.json").write_text(json.dumps(about))
    forget(home)
    draft.rename(_folder(home))


def settled(graph: Graph, home: Path, params: dict[str, Any]) -> bool:
    """Whether another build would find nothing to do."""
    at = now(graph)
    state = find(home, at, params)
    if state is None or max(at.removed, at.erased) > state.turns or at.revision != state.revision:
        return False
    if graph.read(load("build").any_changed, since=state.turns):
        return False
    return texts(graph).equals(state.texts)


def texts(graph: Graph) -> pd.DataFrame:
    """Which text each item's vector is of, in the order of their ids; items without one too."""
    rows = list(graph.stream(load("build").texts))
    return pd.DataFrame(rows, columns=["itemId", "textHash", "textModel"]).astype("str")


def _folder(home: Path) -> Path:
    return home / "counts"
