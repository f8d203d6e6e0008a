import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kg.errors import IngestError, ManifestError
from kg.files.manifest import Table
from kg.files.sources import Wanted, read_table

ROWS = [["a", "1"], ["b", "2"]]


def read(folder: Path, columns: str = "id n", **table: Any) -> tuple[list[list[Any]], list[tuple[int, str]]]:
    """All good rows as [row number, cells...], and all bad ones."""
    wanted = [Wanted(f"items[0].{name}", name) for name in columns.split()]
    chunks = list(read_table(folder, Table.model_validate(table), "items[0]", wanted))
    good = [
        [int(row), *cells]
        for chunk in chunks
        for row, cells in zip(
            chunk.rows, chunk.frame[columns.split()].astype(object).values.tolist(), strict=True
        )
    ]
    return good, [bad for chunk in chunks for bad in chunk.bad]


@pytest.mark.parametrize(
    ("name", "pack"),
    [("t.csv", bytes), ("t.csv.gz", gzip.compress), ("t.csv.bz2", bz2.compress), ("t.csv.xz", lzma.compress)],
)
def test_csv_is_read_packed_and_unpacked(tmp_path: Path, name: str, pack: Any) -> None:
    (tmp_path / name).write_bytes(pack(b"\xef\xbb\xbfid,n,x\r\na,1,\r\n\r\nb,2,\r\n"))
    assert read(tmp_path, files=name) == ([[2, "a", "1"], [4, "b", "2"]], [])


def test_a_zip_must_hold_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.json.zip", "w") as archive:
        archive.writestr("a.json", '[{"id": "a", "n": 1}]')
    assert read(tmp_path, files="t.json.zip") == ([[1, "a", 1]], [])
    with zipfile.ZipFile(tmp_path / "t.json.zip", "a") as archive:
        archive.writestr("b.json", "[]")
    with pytest.raises(IngestError, match="must hold one file, but holds 2"):
        read(tmp_path, files="t.json.zip")


def test_tsv_json_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("id\tn\na\t1\nb\t2\n")
    (tmp_path / "t.jsonl").write_text('{"id": "a", "n": "1"}\n\n{"id": "b", "n": "2"}\n')
    (tmp_path / "t.json").write_text(json.dumps({"a": {"n": "1"}, "b": {"n": "2"}}))
    pq.write_table(pa.table({"id": ["a", "b"], "n": ["1", "2"], "other": [1, 2]}), tmp_path / "t.parquet")
    assert read(tmp_path, files="t.tsv") == ([[2, *ROWS[0]], [3, *ROWS[1]]], [])
    assert read(tmp_path, files="t.jsonl") == ([[1, *ROWS[0]], [3, *ROWS[1]]], [])
    assert read(tmp_path, files="t.json", columns="$key n") == ([[1, *ROWS[0]], [2, *ROWS[1]]], [])
    assert read(tmp_path, files="t.parquet") == ([[1, *ROWS[0]], [2, *ROWS[1]]], [])


def test_the_delimiter_of_the_manifest_splits_the_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id;n\na;1,5\n")
    (tmp_path / "t.tsv").write_text("id|n\na|1\t5\n")
    assert read(tmp_path, files="t.csv", delimiter=";") == ([[2, "a", "1,5"]], [])
    assert read(tmp_path, files="t.tsv", delimiter="|") == ([[2, "a", "1\t5"]], [])


def test_without_quoting_a_quote_is_a_character(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,n\n"a,24" screen\n"b",2\n')
    assert read(tmp_path, files="t.csv", quoting=False) == ([[2, '"a', '24" screen'], [3, '"b"', "2"]], [])


def test_a_file_without_a_header_line_begins_with_its_first_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,x,1\nb,y,2\nc,3\n")
    found = read(tmp_path, files="t.csv", header=["id", "other", "n"])
    assert found == ([[1, *ROWS[0]], [2, *ROWS[1]]], [(3, "ragged line: 2 cells where the header has 3")])


def test_an_adjacency_line_is_a_user_and_their_items(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"u1 a b\nu2\nu\xff3 c\nu4 d\n")
    good, bad = read(tmp_path, files="t.txt", format="adjacency", columns="user item")
    assert good == [[1, "u1", "a"], [1, "u1", "b"], [4, "u4", "d"]]
    assert bad == [(3, "broken encoding")]


def test_an_open_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,n\n"a\nb,2\n"c\nd",4\ne,"5\n5"\nf,6\n')
    good, bad = read(tmp_path, files="t.csv")
    assert good == [[3, "b", "2"], [4, "c\nd", "4"], [6, "e", "5\n5"], [8, "f", "6"]]
    assert bad == [(2, "a quote that is never closed")]


def test_an_open_quote_at_the_end_of_a_long_file(tmp_path: Path) -> None:
    lines = [f"k{n},{n}" for n in range(3_000)]
    lines[10] = '"' + lines[10]
    (tmp_path / "t.csv").write_text("id,n\n" + "\n".join(lines) + "\n")
    good, bad = read(tmp_path, files="t.csv")
    assert bad == [(12, "a quote that is never closed")]
    assert [row[1] for row in good] == [f"k{n}" for n in range(3_000) if n != 10]


def test_bad_lines_of_csv_are_numbered(tmp_path: Path) -> None:
    huge = "x" * 1_000_001
    (tmp_path / "t.csv").write_bytes(
        f"id,n\na,1\nb\nc,3,3\nd,\0\n{huge},5\nf,6\n".encode() + b"\xff\xfe,7\nh,8\n"
    )
    good, bad = read(tmp_path, files="t.csv")
    assert good == [[2, "a", "1"], [7, "f", "6"], [9, "h", "8"]]
    assert sorted(bad) == [
        (3, "ragged line: 1 cells where the header has 2"),
        (4, "ragged line: 3 cells where the header has 2"),
        (5, "a NUL byte"),
        (6, "a cell of 1,000,001 characters (limit 1,000,000)"),
        (8, "broken encoding"),
    ]


def test_bad_lines_of_json_are_numbered(tmp_path: Path) -> None:
    huge = "x" * 1_000_001
    lines = [
        b'{"id": "a", "n": 1}', b"{", b"[1]", b'{"id": "\\u0000", "n": 1}', b'{"id": "\xff", "n": 1}',
        b'{"id": "\\ud800", "n": 1}',
        f'{{"id": "{huge}", "n": 1}}'.encode(), b'{"id": "\\ud83d\\ude00", "n": 2}',
    ]  # fmt: skip
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(lines))
    good, bad = read(tmp_path, files="t.jsonl")
    assert good == [[1, "a", 1], [8, "😀", 2]]
    assert [row for row, _ in bad] == [2, 3, 4, 5, 6, 7]
    assert [reason.split(":")[0] for _, reason in bad] == [
        "not JSON", "not a JSON object but a list", "a NUL byte", "broken encoding", "broken encoding",
        "a cell of 1,000,001 characters (limit 1,000,000)",
    ]  # fmt: skip


def test_bad_texts_of_parquet_are_numbered(tmp_path: Path) -> None:
    raw = pa.array([b"a", b"\xff", b"c\0", b"x" * 1_000_001, b"e"], pa.binary())
    broken = pa.StringArray.from_buffers(5, raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"id": broken, "n": [1, 2, 3, 4, 5]}), tmp_path / "t.parquet")
    good, bad = read(tmp_path, files="t.parquet")
    assert good == [[1, "a", 1], [5, "e", 5]]
    assert bad == [(2, "broken encoding"), (3, "a NUL byte"), (4, "a cell over the limit of 1,000,000")]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_missing_column_is_named_with_its_key_and_a_suggestion(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"item_id": ["a"], "n": [1]})
    {
        "t.csv": lambda p: frame.to_csv(p, index=False),
        "t.jsonl": lambda p: frame.to_json(p, orient="records", lines=True),
        "t.parquet": frame.to_parquet,
    }[name](tmp_path / name)
    with pytest.raises(ManifestError) as error:
        read(tmp_path, files=name, columns="itemid n")
    assert "items[0].itemid names the column 'itemid'" in str(error.value)
    assert "(did you mean 'item_id'?); there are: item_id, n." in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty: it has no columns"), ("sku,name\n1,Tea\n".encode("utf-16"), "is written in UTF-16")],
)
def test_a_file_that_is_no_table_of_text_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "items.csv").write_bytes(content)
    with pytest.raises(ManifestError, match=f"items.csv {told}"):
        read(tmp_path, columns="sku name", files="items.csv")


def test_a_glob_without_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,n\n")
    with pytest.raises(ManifestError, match=r"matches 'item\.csv' \(did you mean 'items\.csv'\?\)"):
        read(tmp_path, files="item.csv")


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"id,n\n" + b"a,1\n" * 10_000)[:-20])
    with pytest.raises(IngestError, match=r"t\.csv\.gz is damaged"):
        read(tmp_path, files="t.csv.gz")
