import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kg.checksum import measure
from kg.driver import Connection, Graph
from kg.errors import IngestError
from kg.ingest import Report, ingest
from kg.loading import Change
from kg.queries import load, parse
from tests.conftest import empty
from tests.kg.made_up import PRODUCTS, SALES, write_csv, write_shop

READ = parse(
    "reading",
    """
// name: edge
// One edge with everything on it.
// params: user (str), item (str)
// returns: type, properties
MATCH (:User {userId: $user})-[r]->(:Item {itemId: $item})
RETURN type(r) AS type, properties(r) AS properties
ORDER BY type

// name: item
// An item and what it is linked to.
// params: id (str)
// returns: properties, links
MATCH (i:Item {itemId: $id})
OPTIONAL MATCH (i)-[r:MADE_BY|IN_CATEGORY]->(x)
WITH i, type(r) AS type, coalesce(x.categoryId, x.name) AS name
ORDER BY type, name
RETURN properties(i) AS properties, collect([type, name]) AS links

// name: tree
// The category tree.
// params:
// returns: child, parent
MATCH (c:Category)-[:CHILD_OF]->(p:Category)
RETURN c.categoryId AS child, p.categoryId AS parent
ORDER BY child

// name: last_transaction
// The number of the last transaction that wrote something.
// params:
// returns: id
SHOW DATABASE neo4j YIELD lastCommittedTxn
RETURN lastCommittedTxn AS id
""",
)


def run(graph: Graph, folder: Path, home: Path, **keys: Any) -> Report:
    return ingest(graph, folder, home, **keys)


def test_a_shop_becomes_a_graph(graph: Graph, tmp_path: Path) -> None:
    report = run(graph, write_shop(tmp_path / "shop"), tmp_path)
    edges = report.changes["interactions"].created
    assert report.changes == {
        "items": Change(created=20),
        "users": Change(created=40),
        "interactions": Change(created=edges),
        "relations": Change(created=40),
        "queries": Change(),
        "intents": Change(),
    }
    found = measure(graph)
    assert found.nodes == {"Brand": 7, "Category": 6, "Item": 20, "User": 40}
    kinds = found.relationships
    assert kinds["BOUGHT"] + kinds["VIEWED"] == edges
    assert {k: kinds[k] for k in ("BOUGHT_WITH", "VIEWED_WITH", "CHILD_OF", "MADE_BY", "IN_CATEGORY")} == {
        "BOUGHT_WITH": 20, "VIEWED_WITH": 20, "CHILD_OF": 5, "MADE_BY": 20, "IN_CATEGORY": 20,
    }  # fmt: skip
    (item,) = graph.read(READ["item"], id="p3")
    item["properties"].pop("rowHash")
    assert item == {
        "properties": {
            "itemId": "p3", "title": "Product 3", "brand": "Maker 3", "price": 3.5,
            "categories": ["All", "Shelf 3"],
        },
        "links": [["IN_CATEGORY", "All > Shelf 3"], ["MADE_BY", "Maker 3"]],
    }  # fmt: skip
    assert graph.read(READ["tree"])[0] == {"child": "All > Shelf 0", "parent": "All"}


@pytest.mark.parametrize("force", [False, True])
def test_a_second_run_writes_nothing_but_its_own_note(graph: Graph, tmp_path: Path, force: bool) -> None:
    folder = write_shop(tmp_path / "shop")
    run(graph, folder, tmp_path)
    before = measure(graph)
    report = run(graph, folder, tmp_path, force=force)
    assert set(report.changes.values()) <= {Change()}
    assert (report.already_loaded, measure(graph)) == (not force, before)


def test_a_loaded_folder_is_known_without_a_single_write(graph: Graph, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    run(graph, folder, tmp_path)
    (before,) = graph.read(READ["last_transaction"])
    run(graph, folder, tmp_path)
    assert graph.read(READ["last_transaction"]) == [before]


def test_new_events_are_united_with_those_on_the_edge(graph: Graph, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    first, second = 1_600_000_000, 1_600_086_400
    write_csv(folder / "sales.csv", SALES, [["u", "p1", "purchase", second, 2, "r2", "train"]])
    run(graph, folder, tmp_path)
    delta = [
        ["u", "p1", "purchase", first, 1, "r1", "train"],
        ["u", "p1", "purchase", second, 2, "r2", "train"],
    ]
    write_csv(folder / "sales.csv", SALES, delta[:1])
    assert run(graph, folder, tmp_path).changes["interactions"] == Change(changed=1)
    (edge,) = graph.read(READ["edge"], user="u", item="p1")
    ends = [edge["properties"].pop(name).iso_format() for name in ("firstAt", "lastAt")]
    assert edge == {
        "type": "BOUGHT",
        "properties": {
            "count": 2, "weight": 3.0, "times": [first, second], "baskets": ["r1", "r2"],
            "split_time": "train",
        },
    }  # fmt: skip
    assert ends == ["2020-09-13T12:26:40.000000000+00:00", "2020-09-14T12:26:40.000000000+00:00"]
    total = measure(graph)
    for rows in (delta, delta[1:], delta[:1]):
        write_csv(folder / "sales.csv", SALES, list(rows))
        assert run(graph, folder, tmp_path, force=True).changes["interactions"] == Change()
    assert measure(graph) == total


def test_a_corrected_weight_and_split_arrive(graph: Graph, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    row: list[object] = ["u", "p1", "purchase", 1_600_000_000, 2, "r", "train"]
    write_csv(folder / "sales.csv", SALES, [row])
    run(graph, folder, tmp_path)
    write_csv(folder / "sales.csv", SALES, [[*row[:4], 5, "r", "test"]])
    assert run(graph, folder, tmp_path).changes["interactions"] == Change(changed=1)
    (edge,) = graph.read(READ["edge"], user="u", item="p1")
    assert (edge["properties"]["weight"], edge["properties"]["split_time"]) == (5.0, "test")


def test_a_changed_item_changes_alone(graph: Graph, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    run(graph, folder, tmp_path)
    rows: list[list[object]] = [
        [f"p{n}", f"Product {n}", f"Maker {n % 7}", n + 0.5, f"All/Shelf {n % 5}"] for n in range(20)
    ]
    rows[3] = ["p3", "Product 3", "", 9, "All/Shelf 1"]
    write_csv(folder / "products.csv", PRODUCTS, rows)
    report = run(graph, folder, tmp_path)
    assert report.changes["items"] == Change(created=0, changed=1, deleted=2)
    (item,) = graph.read(READ["item"], id="p3")
    assert item["links"] == [["IN_CATEGORY", "All > Shelf 1"]]
    assert "brand" not in item["properties"]
    assert item["properties"]["price"] == 9.0


def test_equal_graphs_whatever_the_order_of_the_files(graph: Graph, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    run(graph, folder, tmp_path)
    expected = measure(graph)
    empty(graph)
    for name in ("sales.csv", "products.csv", "together.csv"):
        head, *lines = (folder / name).read_text().splitlines()
        random.Random(3).shuffle(lines)
        (folder / name).write_text("\n".join([head, *lines]) + "\n")
    run(graph, folder, tmp_path)
    assert measure(graph) == expected


HUGE = "x" * 1_000_001
BAD_PRODUCTS = {  # reason -> line of products.csv
    "item_id is missing": b",No id,M,1,A\n",
    "duplicate item_id": b"good0,Again,M,1,A\n",
    "price is not a finite number: 'NaN'": b"n1,NaN price,M,NaN,A\n",
    "price is not a finite number: 'inf'": b"n2,Infinite price,M,inf,A\n",
    "price is less than 0: '-1'": b"n3,Negative price,M,-1,A\n",
    "price is not a number: 'cheap'": b"n4,Wrong type,M,cheap,A\n",
    "ragged line: 2 cells": b"n5,Short\n",
    "ragged line: 6 cells": b"n6,Long,M,1,A,more\n",
    "broken encoding": b"n7,Br\xff\xfeken,M,1,A\n",
    "a NUL byte": b"n8,N\0L,M,1,A\n",
    "a cell of 1,000,001 characters": f"n9,{HUGE},M,1,A\n".encode(),
    "a quote that is never closed": b'n10,"Open,M,1,A\n',
    "item_id is longer than 1,000 characters": b"y" * 1_001 + b",Long id,M,1,A\n",
}
BAD_SALES = {  # reason -> line of sales.csv
    "unknown item: nothing": b"u,nothing,view,1600000000,1,r,train\n",
    "neither user_id nor basket is given": b",good1,view,1600000000,1,,train\n",
    "item_id is missing": b"u,,view,1600000000,1,r,train\n",
    "time is in the future: '4102444800'": b"u,good1,view,4102444800,1,r,train\n",
    "time is not a time: 'noon'": b"u,good1,view,noon,1,r,train\n",
    "time is missing": b"u,good1,view,,1,r,train\n",
    "time is before 1970-01-01: '-86400'": b"u,good1,view,-86400,1,r,train\n",
    "type is none of view, cart, purchase, rating: 'lick'": b"u,good1,lick,1600000000,1,r,train\n",
    "weight is not a number: 'many'": b"u,good1,view,1600000000,many,r,train\n",
    "weight is less than 0: '-2'": b"u,good1,view,1600000000,-2,r,train\n",
    "split_time is none of train, valid, test: 'exam'": b"u,good1,view,1600000000,1,r,exam\n",
}


def write_bad_shop(folder: Path) -> dict[tuple[str, int], str]:
    """A shop with a good row between every two bad ones; what must be reported, by file and row."""
    write_shop(folder)
    expected: dict[tuple[str, int], str] = {}
    for name, bad, good in (
        ("products.csv", BAD_PRODUCTS, "good{},Good,M,1,A\n"),
        ("sales.csv", BAD_SALES, "v{0},good{0},view,1600000000,1,r,train\n"),
    ):
        lines = [(folder / name).read_bytes().splitlines(keepends=True)[0]]
        for n, (reason, line) in enumerate(bad.items()):
            lines.append(good.format(n).encode())
            lines.append(line)
            expected[name, len(lines)] = reason
        lines.append(good.format(len(bad)).encode())
        (folder / name).write_bytes(b"".join(lines))
    write_csv(
        folder / "together.csv",
        ["how", "one", "other"],
        [["bought", "good1", "good2"], ["smelled", "good1", "good2"], ["seen", "good1", "nothing"]],
    )
    expected["together.csv", 3] = "relation is none of the manifest's kinds (bought, seen): 'smelled'"
    expected["together.csv", 4] = "unknown item: known, nothing"
    return expected


def test_every_kind_of_bad_row_is_reported_and_every_good_row_loads(graph: Graph, tmp_path: Path) -> None:
    expected = write_bad_shop(tmp_path / "shop")
    assert len(set(expected.values())) >= 20
    report = run(graph, tmp_path / "shop", tmp_path, max_rejects=0.9, rejects=tmp_path / "out" / "bad.csv")
    with (tmp_path / "out" / "bad.csv").open(newline="") as file:
        found = {(row["file"], int(row["row"])): row["reason"] for row in csv.DictReader(file)}
    assert found.keys() == expected.keys()
    assert {key for key, reason in expected.items() if not found[key].startswith(reason)} == set()
    assert report.changes["items"] == Change(created=len(BAD_PRODUCTS) + 1)
    assert report.changes["interactions"] == Change(created=len(BAD_SALES) + 1)
    assert report.changes["relations"] == Change(created=1)


def test_too_many_bad_rows_stop_before_anything_is_written(graph: Graph, tmp_path: Path) -> None:
    write_bad_shop(tmp_path / "shop")
    (before,) = graph.read(READ["last_transaction"])
    with pytest.raises(IngestError, match=r"13 of 27 rows of items were rejected, more than the 5%"):
        run(graph, tmp_path / "shop", tmp_path)
    assert graph.read(READ["last_transaction"]) == [before]


def test_chinese_words_are_found_in_running_text(graph: Graph, tmp_path: Path) -> None:
    folder = Path(__file__).parents[1] / "data" / "zh"
    run(graph, folder, tmp_path)

    def search(words: str) -> list[str]:
        return sorted(row["item_id"] for row in graph.read(load("evaluate").full_text, words=words, k=10))

    assert search('"早餐"') == ["z07", "z08"]
    assert search('"茶壶"') == ["z04", "z05"]
    assert search('"儿童" AND "早餐"') == ["z07"]
    assert search('"山泉"') == ["z01", "z02"]


def test_another_language_makes_the_text_index_again(graph: Graph, tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    run(graph, folder, tmp_path)
    assert graph.read(load("ingest").item_text_analyzer) == [{"analyzer": "english"}]
    manifest = folder / "shop.toml"
    manifest.write_text('language = "ja"\n' + manifest.read_text())
    run(graph, folder, tmp_path)
    assert graph.read(load("ingest").item_text_analyzer) == [{"analyzer": "cjk"}]


@pytest.mark.data
def test_intents_and_queries_become_nodes(graph: Graph, shared_data: Path, tmp_path: Path) -> None:
    report = run(graph, shared_data / "intents" / "food", tmp_path)
    assert report.changes["intents"] == Change(created=6_393)
    again = run(graph, shared_data / "intents" / "food", tmp_path, force=True)
    assert set(again.changes.values()) == {Change()}
    assert measure(graph).nodes["Intent"] == 1_783


def start_command(connection: Connection, folder: Path, home: Path) -> "subprocess.Popen[bytes]":
    settings = {
        "SHOPGRAPH_NEO4J_URI": connection.uri,
        "SHOPGRAPH_NEO4J_USER": connection.user,
        "SHOPGRAPH_NEO4J_PASSWORD": connection.password,
        "SHOPGRAPH_HOME": str(home),
    }
    program = Path(sys.executable).with_name("shopgraph")
    return subprocess.Popen(
        [program, "graph", "ingest", str(folder)],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_loader_goes_on_to_the_same_graph(
    graph: Graph, neo4j_connection: Connection, tmp_path: Path
) -> None:
    folder = write_shop(tmp_path / "shop", users=2_000, items=500)
    started = time.monotonic()
    assert start_command(neo4j_connection, folder, tmp_path / "clean").wait(120) == 0
    seconds = time.monotonic() - started
    expected = measure(graph)
    empty(graph)
    chance = random.Random(5)
    for _ in range(4):
        process = start_command(neo4j_connection, folder, tmp_path / "killed")
        time.sleep(chance.uniform(0.3, 0.9) * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert start_command(neo4j_connection, folder, tmp_path / "killed").wait(120) == 0
    assert measure(graph) == expected
    assert sorted(expected.nodes.items()) == [("Brand", 7), ("Category", 6), ("Item", 500), ("User", 2_000)]
