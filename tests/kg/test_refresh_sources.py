"""What a refresh takes for its source: also a folder that has moved, but nothing else of the same name."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kg.checksum import measure
from kg.driver import Graph
from kg.events import Event
from kg.events import store as tell
from kg.ingest import check_only, ingest
from kg.refresh.job import Options
from kg.refresh.source import remember
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
