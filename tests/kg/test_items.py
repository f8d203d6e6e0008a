"""Items that are deleted by hand, and what files say of them afterwards."""

from pathlib import Path

import pytest
from neo4j import ManagedTransaction

from kg.driver import Graph
from kg.errors import IngestError
from kg.files.staging import stage
from kg.ingest import ingest
from kg.live.items import Deletion, ItemWrite, checked, discard, remove, store
from kg.loading import Change, steps
from kg.queries import parse
from kg.schema import make_keys
from tests.kg.made_up import write_csv

SHOWN = parse(
    "shown",
    """
// name: items
// The items that are not hidden.
// params:
// returns: id
MATCH (i:Item)
WHERE i.hidden IS NULL
RETURN i.itemId AS id
ORDER BY id

// name: bought
// What was bought.
// params:
// returns: item
MATCH (:User)-[:BOUGHT]->(i:Item)
RETURN i.itemId AS item
ORDER BY item
""",
)


@pytest.fixture
def folder(graph: Graph, tmp_path: Path) -> Path:
    """The files of a shop with three items that were bought, loaded."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.toml").write_text(
        'name = "shop"\nitems = {files = "items.csv", id = "id", title = "title"}\n'
        '[[interactions]]\nfiles = "events.csv"\nuser = "user"\nitem = "item"\ntype = "type"\n'
    )
    write_csv(folder / "events.csv", ["user", "item", "type"], [["ann", item, "purchase"] for item in "abc"])
    make_keys(graph)
    load_files(graph, folder, "first")
    return folder


def load_files(graph: Graph, folder: Path, title: str) -> None:
    """All rows, each item's title being another one."""
    write_csv(folder / "items.csv", ["id", "title"], [[item, f"{title} {item}"] for item in "abc"])
    ingest(graph, folder, folder.parent / "home", force=True)


def shown(graph: Graph) -> list[str]:
    return [row["id"] for row in graph.read(SHOWN["items"])]


def delete(graph: Graph, *item_ids: str) -> list[str]:
    deletions = [Deletion(item_id) for item_id in item_ids]
    return [one.status for one in graph.transact("deletions", lambda tx: discard(tx, deletions))]


def write(graph: Graph, item_id: str, *, hidden: bool, whole: bool) -> str:
    (row,) = checked([{"item_id": item_id}])
    assert isinstance(row, dict)
    item = ItemWrite(row if whole else {"item_id": item_id}, whole, hidden)
    (stored,) = graph.transact("items", lambda tx: store(tx, [item]))
    return stored.status


def test_a_file_brings_back_hidden_what_was_deleted_until_it_is_stored_or_shown(
    graph: Graph, folder: Path
) -> None:
    assert delete(graph, "a", "b", "none") == ["deleted", "deleted", "unknown"]
    assert shown(graph) == ["c"]
    for title in ("second", "third"):
        load_files(graph, folder, title)
        assert shown(graph) == ["c"]
    assert [row["item"] for row in graph.read(SHOWN["bought"])] == ["a", "b", "c"]
    assert delete(graph, "a") == ["deleted"]
    assert write(graph, "a", hidden=False, whole=False) == "unknown"

    assert write(graph, "a", hidden=False, whole=True) == "created"
    assert write(graph, "b", hidden=False, whole=False) == "changed"

    for title in ("fourth", "fifth"):
        assert shown(graph) == ["a", "b", "c"]
        load_files(graph, folder, title)


def test_what_files_took_back_comes_back_with_them(graph: Graph, folder: Path) -> None:
    graph.transact("prune", lambda tx: remove(tx, ["a"]))
    load_files(graph, folder, "second")
    assert shown(graph) == ["a", "b", "c"]


def test_new_rows_of_a_deleted_item_load_without_it(graph: Graph, folder: Path) -> None:
    write_csv(folder / "events.csv", ["user", "item", "type"], [["bea", item, "purchase"] for item in "ab"])
    staged = stage(folder, folder / "shop.toml", folder.parent / "home")

    def bought_too(tx: ManagedTransaction) -> int:
        found = Change()
        for step in (step for step in steps([]) if step.name in ("users", "interactions")):
            for batch in staged.batches(f"FROM {step.table}"):
                found = step.load(tx, batch)
        return found.created

    delete(graph, "a")
    assert graph.transact("edges", bought_too) == 1
    assert [row["item"] for row in graph.read(SHOWN["bought"])] == ["b", "b", "c"]

    graph.transact("pruned", lambda tx: remove(tx, ["b"]))
    with pytest.raises(IngestError, match=r"^1 rows name users or items that have left the graph"):
        graph.transact("edges", bought_too)
