"""What only a vanished row had is pruned with it, and the graph is that of a rebuild."""

from pathlib import Path

import pytest

from kg.checksum import GraphSum, measure
from kg.driver import Graph
from kg.ingest import ingest
from kg.refresh.job import Options
from kg.refresh.source import remember
from kg.schema import make_keys
from tests.conftest import empty
from tests.kg.made_up import MANIFEST, PRODUCTS, read_csv, write_csv, write_shop
from tests.kg.test_refresh import run

LOADED = Options(until="prune", retrain=False, allow_shrink=True)
JUDGED = """
[[queries]]
files = "judged.csv"
query = "words"
item = "sku"
rating = "stars"

[[intents]]
files = "needs.csv"
id = "need"
text = "words"
item = "sku"
"""
HEADERS = {"judged": ["words", "sku", "stars"], "needs": ["need", "words", "sku"], "products": PRODUCTS}


@pytest.fixture
def shop(tmp_path: Path, graph: Graph) -> Path:
    """A loaded shop in which p9, of a brand and a category of its own, is all that some words found."""
    folder = write_shop(tmp_path / "shop", users=10, items=10)
    (folder / "shop.toml").write_text(MANIFEST + JUDGED)
    products = read_csv(folder / "products.csv")
    write(folder, "products", [*products[:-1], ["p9", "Product 9", "Lone", 9.5, "Far/Off/Away"]])
    write(folder, "judged", [["both", "p1", 2], ["both", "p9", 1], ["lone", "p9", 2], ["none", "p2", 0]])
    write(folder, "needs", [["n1", "both", "p1"], ["n1", "both", "p9"], ["n2", "lone", "p9"]])
    make_keys(graph)
    remember(graph, folder, None)
    run(graph, tmp_path / "home", LOADED)
    return folder


def write(folder: Path, table: str, rows: list[list[object]]) -> None:
    write_csv(folder / f"{table}.csv", HEADERS[table], rows)


def leave_out(folder: Path, table: str, value: str) -> None:
    """Drop the rows of a file that hold a value."""
    path = folder / f"{table}.csv"
    header = path.read_text().splitlines()[0].split(",")
    write_csv(path, header, [row for row in read_csv(path) if value not in row])


def pruned(graph: Graph, folder: Path, home: Path) -> dict[str, int]:
    """What a refresh deletes; it leaves what a rebuild would make."""
    done: dict[str, int] = run(graph, home, LOADED).stages["prune"]["madeup"]
    found = measure(graph)
    assert found == rebuilt(graph, folder, home.with_name("other"))
    return done


def rebuilt(graph: Graph, folder: Path, home: Path) -> GraphSum:
    empty(graph)
    ingest(graph, folder, home)
    return measure(graph)


def test_an_item_takes_with_it_what_it_alone_had(graph: Graph, shop: Path, tmp_path: Path) -> None:
    before = measure(graph).nodes
    for table in ("products", "sales", "together", "judged", "needs"):
        leave_out(shop, table, "p9")
    done = pruned(graph, shop, tmp_path / "home")
    assert (done["items"], done["brands"], done["categories"]) == (1, 1, 3)
    assert (done["queries"], done["intents"]) == (2, 2)
    gone = {"Item": 1, "Brand": 1, "Category": 3, "Query": 1, "Intent": 1}
    after = measure(graph).nodes
    assert {label: n - after[label] for label, n in before.items() if n != after[label]} == gone


@pytest.mark.parametrize(
    ("table", "kind", "label", "edge"),
    [("judged", "queries", "Query", "JUDGED"), ("needs", "intents", "Intent", "SATISFIED_BY")],
)
def test_rows_go_where_their_item_stays(
    graph: Graph, shop: Path, tmp_path: Path, table: str, kind: str, label: str, edge: str
) -> None:
    before = measure(graph)
    leave_out(shop, table, "p9")
    assert pruned(graph, shop, tmp_path / "home") == {kind: 2}
    after = measure(graph)
    assert before.nodes[label] - after.nodes[label] == 1
    assert before.relationships[edge] - after.relationships[edge] == 2


def test_an_item_that_moves_leaves_no_empty_brand_or_category(
    graph: Graph, shop: Path, tmp_path: Path
) -> None:
    products = read_csv(shop / "products.csv")
    write(shop, "products", [*products[:-1], ["p9", "Product 9", "Maker 1", 9.5, "Far/Near"]])
    assert pruned(graph, shop, tmp_path / "home") == {"brands": 1, "categories": 2}
