"""What a refresh takes for its source: also a folder that has moved, but nothing else of the same name."""

import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kg.checksum import measure
from kg.driver import Graph
from kg.errors import ShrinkError
from kg.ingest import check_only, ingest
from kg.live.events import Event
from kg.live.events import store as tell
from kg.live.items import ItemWrite, store
from kg.queries import parse
from kg.refresh import stages
from kg.refresh.job import Options
from kg.refresh.source import load_changes, remember
from kg.schema import make_keys
from tests.kg.made_up import PRODUCTS, SALES, read_csv, write_csv, write_shop
from tests.kg.test_refresh import Q, run

LOADED = Options(until="prune", retrain=False)


@pytest.fixture
def shop(tmp_path: Path, graph: Graph) -> Path:
    make_keys(graph)
    return write_shop(tmp_path / "shop", users=20, items=10)


def delta_of(shop: Path) -> Path:
    """A folder of the shop's next day alone, under its name."""
    folder = shop.with_name("delta")
    shutil.copytree(shop, folder)
    write_csv(folder / "products.csv", PRODUCTS, [["late", "Late thing", "Maker", 5, "All/Shelf 1"]])
    write_csv(folder / "sales.csv", SALES, [["u1", "late", "purchase", 1_700_900_000, 1, "r-late", "train"]])
    write_csv(folder / "together.csv", ["how", "one", "other"], [])
    return folder


def lose_item(folder: Path) -> None:
    for name, header in (("products", PRODUCTS), ("sales", SALES), ("together", ["how", "one", "other"])):
        path = folder / f"{name}.csv"
        write_csv(path, header, [row for row in read_csv(path) if "p7" not in row])


def items(graph: Graph) -> set[str]:
    return {row["id"] for row in graph.read(Q["items"])}


@pytest.mark.parametrize("remembered_first", [True, False])
def test_what_another_folder_brought_is_not_pruned(
    graph: Graph, shop: Path, tmp_path: Path, remembered_first: bool
) -> None:
    if remembered_first:
        remember(graph, shop, None)
        run(graph, tmp_path / "home", LOADED)
    else:
        ingest(graph, shop, tmp_path / "home")
    ingest(graph, delta_of(shop), tmp_path / "home")
    before = measure(graph)
    remember(graph, shop, None)
    done = run(graph, tmp_path / "home", LOADED)
    assert done.stages["prune"]["madeup"] == {}
    assert measure(graph) == before
    assert "late" in items(graph)
    lose_item(shop)
    assert run(graph, tmp_path / "home", LOADED).stages["prune"]["madeup"]["items"] == 1
    assert "late" in items(graph)


def test_what_was_only_checked_never_was_in_the_source(graph: Graph, shop: Path, tmp_path: Path) -> None:
    remember(graph, shop, None)
    run(graph, tmp_path / "home", LOADED)
    event = Event("e1", "purchase", "live", "p1", datetime.fromtimestamp(1_700_900_000, tz=UTC))
    graph.transact("event", lambda tx: tell(tx, [event]))
    sales = read_csv(shop / "sales.csv")
    write_csv(shop / "sales.csv", SALES, [*sales, ["live", "p1", "purchase", 1_700_900_000, 1, "", "train"]])
    check_only(shop, tmp_path / "home")
    write_csv(shop / "sales.csv", SALES, sales)
    run(graph, tmp_path / "home", LOADED)
    edges = {(row["user"], row["item"]) for row in graph.read(Q["edges"])}
    assert ("live", "p1") in edges


def test_a_source_that_has_moved_is_pruned_of_what_it_lost(graph: Graph, shop: Path, tmp_path: Path) -> None:
    remember(graph, shop, None)
    run(graph, tmp_path / "home", LOADED)
    moved = shop.rename(tmp_path / "moved")
    lose_item(moved)
    remember(graph, moved, None)
    assert run(graph, tmp_path / "home", LOADED).stages["prune"]["madeup"]["items"] == 1
    assert "p7" not in items(graph)


def test_files_that_change_while_they_are_loaded_prune_nothing_more(
    graph: Graph, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is pruned is told by what was checked and loaded, not by a file that is being written."""
    remember(graph, shop, None)
    run(graph, tmp_path / "home", LOADED)
    lose_item(shop)

    def torn(*args: Any, **options: Any) -> Any:
        report = load_changes(*args, **options)
        write_csv(shop / "sales.csv", SALES, [])
        return report

    monkeypatch.setattr(stages, "load_changes", torn)
    assert run(graph, tmp_path / "home", LOADED).stages["prune"]["madeup"]["items"] == 1
    assert len(graph.read(Q["edges"])) > 50
    monkeypatch.undo()
    with pytest.raises(ShrinkError, match="madeup has 0 interactions"):
        run(graph, tmp_path / "home", LOADED)


def test_what_a_bad_row_names_is_not_pruned(graph: Graph, shop: Path, tmp_path: Path) -> None:
    remember(graph, shop, None)
    run(graph, tmp_path / "home", LOADED)
    before = measure(graph)
    products, sales = read_csv(shop / "products.csv"), read_csv(shop / "sales.csv")
    write_csv(
        shop / "products.csv", PRODUCTS, [[*r[:3], "?", *r[4:]] if r[0] == "p3" else r for r in products]
    )
    write_csv(shop / "sales.csv", SALES, [[*sales[0][:3], "one day", *sales[0][4:]], *sales[1:]])
    done = run(graph, tmp_path / "home", LOADED.model_copy(update={"max_rejects": 0.2}))
    assert done.stages["prune"]["madeup"] == {}
    assert measure(graph) == before


def test_the_first_refresh_after_an_ingest_knows_what_the_source_had(
    graph: Graph, shop: Path, tmp_path: Path
) -> None:
    ingest(graph, shop, tmp_path / "home")
    before = measure(graph)
    remember(graph, shop, None)
    write_csv(shop / "together.csv", ["how", "one", "other"], read_csv(shop / "together.csv")[:2])
    with pytest.raises(ShrinkError, match=r"madeup has 2 relations, it had \d+.*--allow-shrink"):
        run(graph, tmp_path / "home", LOADED)
    assert measure(graph) == before
    run(graph, tmp_path / "home", LOADED.model_copy(update={"allow_shrink": True}))


def test_what_another_source_has_too_stays(graph: Graph, shop: Path, tmp_path: Path) -> None:
    other = shop.with_name("other")
    shutil.copytree(shop, other)
    manifest = other / "shop.toml"
    manifest.write_text(manifest.read_text().replace("madeup", "second"))
    for folder in (shop, other):
        remember(graph, folder, None)
    run(graph, tmp_path / "home", LOADED)
    edges = graph.read(Q["edges"])
    lose_item(shop)
    assert run(graph, tmp_path / "home", LOADED).stages["prune"]["madeup"] == {}
    assert "p7" in items(graph)
    assert len(graph.read(Q["edges"])) == len(edges)
    lose_item(other)
    assert run(graph, tmp_path / "home", LOADED).stages["prune"]["second"]["items"] == 1


def test_an_item_that_was_hidden_comes_back_hidden(graph: Graph, shop: Path, tmp_path: Path) -> None:
    remember(graph, shop, None)
    run(graph, tmp_path / "home", LOADED)
    hide = [ItemWrite({"item_id": "p7"}, whole=False, hidden=True)]
    graph.transact("hide", lambda tx: store(tx, hide))
    copy = shop.with_name("copy")
    shutil.copytree(shop, copy)
    lose_item(shop)
    run(graph, tmp_path / "home", LOADED)
    assert "p7" not in items(graph)
    shutil.copytree(copy, shop, dirs_exist_ok=True)
    run(graph, tmp_path / "home", LOADED)
    shown = parse(
        "hidden",
        """
// name: hidden
// Hidden items.
// params:
// returns: id
MATCH (i:Item {hidden: true})
RETURN i.itemId AS id
""",
    )
    assert [row["id"] for row in graph.read(shown["hidden"])] == ["p7"]


def test_rows_of_an_item_that_comes_by_the_api_are_loaded_then(
    graph: Graph, shop: Path, tmp_path: Path
) -> None:
    """Though the files are what they were, and also when they change before the next refresh."""
    remember(graph, shop, None)
    sales = read_csv(shop / "sales.csv")
    rows = [["u1", item, "purchase", 1_700_900_000, 1, f"r-{item}", "train"] for item in ("x", "y")]
    write_csv(shop / "sales.csv", SALES, [*sales, *rows])
    run(graph, tmp_path / "home", LOADED)
    for come, files in (((), sales), (("x",), sales), (("y",), sales[:-1])):
        new = [ItemWrite({"item_id": item, "title": item}, whole=True) for item in come]
        graph.transact("items", partial(store, items=new))
        write_csv(shop / "sales.csv", SALES, [*files, *rows])
        run(graph, tmp_path / "home", LOADED)
        bought = {r["item"] for r in graph.read(Q["edges"]) if r["user"] == "u1"}
        assert bought >= set(come)
        assert "y" in come or "y" not in bought
