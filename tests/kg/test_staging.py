import csv
from pathlib import Path
from typing import Any

import pytest

from kg.errors import IngestError
from kg.files.sources import find_manifest
from kg.files.staging import Staged, TableCount, remove_others, stage
from tests.kg.made_up import PRODUCTS, SALES, write_csv, write_shop


def staged(folder: Path, home: Path, **keys: Any) -> Staged:
    return stage(folder, folder / "shop.toml", home, **keys)


def rejects(found: Staged) -> list[tuple[str, str, int, str]]:
    with found.rejects.open(newline="") as file:
        return [(r["table"], r["file"], int(r["row"]), r["reason"]) for r in csv.DictReader(file)]


def test_a_shop_becomes_tables(tmp_path: Path) -> None:
    found = staged(write_shop(tmp_path / "shop"), tmp_path)
    assert found.counts == {
        "items": TableCount(read=20, kept=20),
        "interactions": TableCount(read=480, kept=480),
        "relations": TableCount(read=40, dropped=0, kept=40),
        "queries": TableCount(),
        "intents": TableCount(),
    }
    assert found.table("items").iloc[3][["item_id", "title", "price", "categories"]].to_list() == [
        "p3", "Product 3", 3.5, [["All", "Shelf 3"]],
    ]  # fmt: skip
    assert list(found.table("interactions").columns) == [
        "user_id", "item_id", "type", "time", "position", "weight", "basket", "split_time",
    ]  # fmt: skip
    assert (found.users, len(found.table("users"))) == (40, 40)


def test_the_same_files_are_staged_once_and_changed_files_again(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    first, second = staged(folder, tmp_path), staged(folder, tmp_path)
    assert (second, second.seconds) == (first.__class__(**{**vars(first), "seconds": 0.0}), 0.0)
    write_shop(folder, seed=2)
    third = staged(folder, tmp_path)
    assert third.folder != first.folder
    remove_others(third)
    assert [path.name for path in (tmp_path / "staging").iterdir()] == [third.folder.name]


def test_equal_events_are_one_and_an_edge_holds_all_its_events(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    write_csv(
        folder / "sales.csv",
        SALES,
        [
            ["u", "p1", "purchase", 1_600_000_200, 2, "r2", "test"],
            ["u", "p1", "purchase", 1_600_000_100, 1, "r1", "train"],
            ["u", "p1", "purchase", 1_600_000_100, 5, "r1", "valid"],  # the same event
            ["u", "p1", "view", 1_600_000_100, 1, "", "train"],
        ],
    )
    found = staged(folder, tmp_path)
    assert found.counts["interactions"] == TableCount(read=4, duplicates=1, kept=3)
    edges = found.table("edges")[
        ["type", "count", "weight", "first", "last", "times", "baskets", "split_time"]
    ]
    assert edges.astype(object).values.tolist()[0] == [
        "purchase", 2, 3.0, 1_600_000_100, 1_600_000_200,
        [1_600_000_100, 1_600_000_200], ["r1", "r2"], "test",
    ]  # fmt: skip
    events = found.table("interactions").query("type == 'purchase'")
    assert events[["time", "split_time"]].values.tolist() == [
        [1_600_000_100, "valid"],
        [1_600_000_200, "test"],
    ]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000)])
def test_times_are_in_the_unit_of_the_manifest(tmp_path: Path, unit: str, factor: int) -> None:
    folder = write_shop(tmp_path / "shop")
    manifest = folder / "shop.toml"
    manifest.write_text(
        manifest.read_text().replace('time = "at"', f'time = {{ column = "at", unit = "{unit}" }}')
    )
    write_csv(folder / "sales.csv", SALES, [["u", "p1", "view", 1_600_000_000 * factor, 1, "", ""]])
    found = staged(folder, tmp_path)
    assert rejects(found) == []
    assert found.table("interactions")["time"].tolist() == [1_600_000_000]


def test_many_buckets_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_shop(tmp_path / "shop")
    one = staged(folder, tmp_path / "one")
    monkeypatch.setattr("kg.files.stagedb.BUCKET_ROWS", 50)
    many = staged(folder, tmp_path / "many")
    assert many.counts == one.counts
    keys = ["user_id", "type", "item_id"]
    tables = [s.table("edges").sort_values(keys, ignore_index=True) for s in (one, many)]
    assert tables[0].equals(tables[1])


def test_duplicate_and_unknown_items_and_self_loops(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    write_csv(
        folder / "products.csv",
        PRODUCTS,
        [["a", "A", "", 1, ""], ["b", "", "", 2, ""], ["a", "A2", "", 3, ""]],
    )
    write_csv(
        folder / "sales.csv",
        SALES,
        [["u", "a", "view", 1_600_000_000, 1, "", ""], ["u", "x", "view", 1_600_000_000, 1, "", ""]],
    )
    write_csv(
        folder / "together.csv",
        ["how", "one", "other"],
        [["bought", "a", "b"], ["bought", "a", "b"], ["seen", "a", "a"], ["seen", "a", "y"]],
    )
    found = staged(folder, tmp_path)
    assert rejects(found) == [
        ("items", "products.csv", 4, "duplicate item_id: a is also in products.csv row 2"),
        ("interactions", "sales.csv", 3, "unknown item: x"),
        ("relations", "together.csv", 5, "unknown item: known, y"),
    ]
    assert found.counts["items"] == TableCount(read=3, rejected=1, kept=2)
    assert found.counts["interactions"] == TableCount(read=2, rejected=1, kept=1)
    assert found.counts["relations"] == TableCount(read=4, rejected=1, duplicates=1, dropped=1, kept=1)
    with pytest.raises(IngestError) as error:
        found.check_rejects(0.3)
    assert "1 of 3 rows of items were rejected, more than the 30%" in str(error.value)
    found.check_rejects(0.5)


def test_items_in_the_graph_are_known(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    (folder / "shop.toml").write_text(
        'name = "d"\n[[interactions]]\nfiles = "sales.csv"\nuser = "customer"\nitem = "sku"\ntype = "what"\n'
    )
    alone = staged(folder, tmp_path)
    assert (alone.counts["interactions"].rejected, alone.needs_graph) == (480, True)
    known = staged(folder, tmp_path, known_items=lambda: [f"p{n}" for n in range(20)])
    assert (known.counts["interactions"].rejected, known.counts["interactions"].kept > 200) == (0, True)


def test_joined_files_add_their_columns(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(
        'name = "j"\n[items]\nfiles = "t.csv"\nid = "id"\ntitle = "title"\nbrand = "maker"\n'
        'join = [{files = "m.csv", left = "m", right = "number"}]\n'
    )
    write_csv(tmp_path / "t.csv", ["id", "title", "m"], [["a", "A", 1], ["b", "B", 2], ["c", "C", ""]])
    write_csv(tmp_path / "m.csv", ["number", "maker"], [[1, "One"], [1, "Other"], [3, "Three"]])
    table = staged(tmp_path, tmp_path).table("items")
    brands = dict(zip(table["item_id"], table["brand"].fillna("-"), strict=True))
    assert brands == {"a": "One", "b": "-", "c": "-"}


def test_a_killed_staging_leaves_nothing_that_is_mistaken_for_one(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    (tmp_path / "staging" / ".madeup-0123.999999").mkdir(parents=True)
    found = staged(folder, tmp_path)
    remove_others(found)
    assert [path.name for path in (tmp_path / "staging").iterdir()] == [found.folder.name]


EXPECTED = {  # rows read, kept, users
    "beauty": ({"items": 12_101, "interactions": 198_502, "relations": 403_715}, 22_363),
    "office": ({"items": 3_459, "interactions": 21_188}, 3_231),
    "intents/electronic": ({"items": 3_499, "interactions": 5_042, "intents": 6_165}, 1_035),
    "intents/food": ({"items": 3_767, "interactions": 5_181, "intents": 6_393}, 1_022),
    "icecat": ({"items": 19_406, "queries": 2_352}, 0),
    "gowalla": ({"items": 40_981, "interactions": 1_027_370}, 29_858),
    "amazon-mini": ({"items": 3_867, "interactions": 5_236, "relations": 27_770}, 804),
}


@pytest.mark.data
@pytest.mark.parametrize("name", EXPECTED)
def test_every_example_stages_its_real_data(shared_data: Path, tmp_path: Path, name: str) -> None:
    folder = shared_data / name
    found = stage(folder, find_manifest(folder), tmp_path)
    kept = {kind: count.kept for kind, count in found.counts.items() if count.kept}
    assert (found.name, kept, found.users) == (folder.name, *EXPECTED[name])
    found.check_rejects(0.001)
