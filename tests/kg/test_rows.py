import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kg.files.manifest import Interactions, Items, Queries, Relations, Table
from kg.files.rows import Checked, check
from kg.files.sources import Chunk

NOW = 1_700_000_000.0
NESTED = {"separator": "],[", "remove": "[]", "path_pattern": ",(?! )"}


def checked(table: Table, frame: pd.DataFrame) -> Checked:
    return check(Chunk("f.csv", np.arange(2, 2 + len(frame)), frame, []), table, NOW)


def text(**columns: list[str | None]) -> pd.DataFrame:
    """Columns as a CSV gives them."""
    return pd.DataFrame(columns, dtype="str")


def items(frame: pd.DataFrame, **keys: Any) -> Checked:
    return checked(Items.model_validate({"files": "f.csv", "id": "id", **keys}), frame)


def events(frame: pd.DataFrame, **keys: Any) -> Checked:
    table = {"files": "f.csv", "user": "u", "item": "i", "type": {"value": "purchase"}, **keys}
    return checked(Interactions.model_validate(table), frame)


def column(done: Checked, name: str) -> list[Any]:
    return [None if np.ndim(v) == 0 and pd.isna(v) else v for v in done.frame[name]]


def test_prices_must_be_finite_and_not_negative() -> None:
    cells = ["1.5", "", "NaN", "inf", "-1", "abc", "1e400", " 2 "]
    done = items(text(id=list("abcdefgh"), price=cells), price="price")
    assert column(done, "price") == [1.5, None, 2.0]
    assert done.bad == [
        (4, "price is not a finite number: 'NaN'"),
        (5, "price is not a finite number: 'inf'"),
        (6, "price is less than 0: '-1'"),
        (7, "price is not a number: 'abc'"),
        (8, "price is not a finite number: '1e400'"),
    ]


def test_numbers_of_parquet_may_be_null_but_not_nan() -> None:
    table = pa.table({"id": [1, 2, 3], "price": [1.0, None, math.nan]})
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    done = items(frame, price={"column": "price", "scale": 0.01})
    assert (column(done, "item_id"), column(done, "price")) == (["1", "2"], [0.01, None])
    assert done.bad == [(4, "price is not a finite number: nan")]


def test_a_price_in_words_may_be_left_empty() -> None:
    done = items(
        text(id=["a", "b", "c"], price=["$1,299.50", ".a-box", "$5"]),
        price={"column": "price", "remove": "$,", "on_bad": "empty"},
    )
    assert (column(done, "price"), done.bad) == ([1299.5, None, 5.0], [])


def test_ids_must_be_there_and_fit_an_index() -> None:
    done = items(text(id=["a", " ", "x" * 1001]))
    assert column(done, "item_id") == ["a"]
    assert [reason.split(":")[0] for _, reason in done.bad] == [
        "item_id is missing",
        "item_id is longer than 1,000 characters",
    ]


@pytest.mark.parametrize(
    ("cell", "keys", "paths"),
    [
        ("A|B|A", {"separator": "|"}, [["A"], ["B"]]),
        ("A > B", {"path": ">"}, [["A", "B"]]),
        ("A/B|C", {"separator": "|", "path": "/"}, [["A", "B"], ["C"]]),
        ("[[G,Coffee, Tea],[H]]", NESTED, [["G", "Coffee, Tea"], ["H"]]),
        (["A", "B"], {}, [["A"], ["B"]]),
        (["A", "B &amp; C"], {"levels": True, "html": True}, [["A", "B & C"]]),
        ([["A", "B"], ["C"]], {}, [["A", "B"], ["C"]]),
        ('[["A", "B"]]', {"parse": "json"}, [["A", "B"]]),
        (None, {}, []),
    ],
)  # fmt: skip
def test_categories_are_paths_however_they_are_written(
    cell: Any, keys: dict[str, Any], paths: list[list[str]]
) -> None:
    frame = pd.DataFrame({"id": ["a"], "c": pd.Series([cell], dtype=object)})
    assert list(items(frame, categories={"column": "c", **keys}).frame["categories"]) == [paths]


def test_several_columns_are_one_path_or_one_text() -> None:
    frame = text(id=["a", "b"], x=["X", "X"], y=["Y", None])
    done = items(frame, categories={"columns": ["x", "y"]}, description={"columns": ["x", "y"]})
    assert list(done.frame["categories"]) == [[["X", "Y"]], [["X"]]]
    assert column(done, "description") == ["X Y", "X"]


def test_an_attribute_may_be_a_list() -> None:
    told = [["S", " M ", ["M+"]], ["L"], [], [{"name": "colour", "value": "red"}, {"name": "x"}]]
    done = items(pd.DataFrame({"id": list("abcd"), " size ": told}), attributes=["*size*"])
    found = [v and json.loads(v) for v in column(done, "attributes")]
    assert found == [
        {"size": ["S", "M", "M+"]},
        {"size": "L"},
        None,
        {"size": ["name colour value red", "name x"]},
    ]


def test_a_list_of_parquet_keeps_its_numbers() -> None:
    table = pa.table(
        {
            "id": ["a"],
            "n": pa.array([[1, 2]]),
            "x": pa.array([[0.5, None, 1.5]], pa.list_(pa.float32())),
            "yes": pa.array([[True, False]]),
        }
    )
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    (found,) = column(items(frame, attributes=["n", "x", "yes"]), "attributes")
    assert json.loads(found) == {"n": [1, 2], "x": [0.5, 1.5], "yes": [True, False]}


def test_a_price_that_no_item_has_is_refused() -> None:
    done = items(text(id=["a", "b"], price=["4.5", "9999999999999999"]), price="price")
    assert column(done, "price") == [4.5]
    assert done.bad == [(3, "price is more than 1e+12: '9999999999999999'")]


def test_attributes_are_the_further_columns_that_have_a_value() -> None:
    frame = text(id=["a", "b"], attr_n=["5", None], size=["XL", ""])
    done = items(frame, attributes=["attr_*", "size"])
    assert [v and json.loads(v) for v in column(done, "attributes")] == [{"attr_n": "5", "size": "XL"}, None]


def test_tags_and_entities_go() -> None:
    done = items(
        text(id=["a", "b"], t=["Tea &amp; <b>Milk</b>", '<span class="a"']),
        title={"column": "t", "html": True},
    )
    assert column(done, "title") == ["Tea & Milk", None]


def test_stock_is_a_word_or_an_amount() -> None:
    done = items(text(id=list("abcde"), s=["yes", "0", "12", "", "maybe"]), in_stock="s")
    assert column(done, "in_stock") == [True, False, True, None]
    assert done.bad == [(6, "in_stock is neither true nor false: 'maybe'")]


@pytest.mark.parametrize(
    ("cells", "keys", "seconds"),
    [
        (["1600000000"], {}, 1_600_000_000),
        (["1600000000123"], {"unit": "ms"}, 1_600_000_000),
        (["2020-09-13T12:26:40Z"], {}, 1_600_000_000),
        (["2020-09-13 14:26:40+02:00"], {}, 1_600_000_000),
        (["2020-09-13"], {}, 1_599_955_200),
        (["13.09.2020"], {"format": "%d.%m.%Y"}, 1_599_955_200),
        (pd.to_datetime(["2020-09-13 12:26:40"]).astype("timestamp[ns][pyarrow]"), {}, 1_600_000_000),
        (pd.array([1_600_000_000], dtype="int64[pyarrow]"), {}, 1_600_000_000),
    ],
)
def test_times_in_many_forms(cells: Any, keys: dict[str, Any], seconds: int) -> None:
    cell = pd.Series(cells, dtype="str") if isinstance(cells, list) else pd.Series(cells)
    done = events(pd.DataFrame({"u": ["u"], "i": ["i"], "t": cell}), time={"column": "t", **keys})
    assert (column(done, "time"), done.bad) == ([seconds], [])


def test_times_that_cannot_be() -> None:
    cells = ["yesterday", "2099-01-01", "-5", "", "1700050000"]
    done = events(text(u=["u"] * 5, i=["i"] * 5, t=cells), time="t")
    assert column(done, "time") == [1_700_050_000]
    assert done.bad == [
        (2, "time is not a time: 'yesterday'"),
        (3, "time is in the future: '2099-01-01'"),
        (4, "time is before 1970-01-01: '-5'"),
        (5, "time is missing"),
    ]


def test_words_are_mapped_and_unknown_ones_are_bad() -> None:
    done = events(
        text(u=["u"] * 3, i=["i"] * 3, e=["buy", "look", "steal"]),
        type={"column": "e", "map": {"buy": "purchase", "look": "view"}},
    )
    assert column(done, "type") == ["purchase", "view"]
    assert done.bad == [(4, "type is not in the manifest's map (buy, look): 'steal'")]


def test_a_session_without_a_user_is_anonymous() -> None:
    done = events(text(u=["u1", None, ""], i=["i"] * 3, b=["s1", "s2", None]), basket="b")
    assert column(done, "user_id") == ["u1", "session:s2"]
    assert done.bad == [(4, "neither user_id nor basket is given")]


def test_splits_weights_and_positions() -> None:
    frame = text(
        u=list("aaaaa"),
        i=list("ijklm"),
        s=["train", "", "tset", "test", "test"],
        w=["2", "", "1", "-1", "1"],
        p=["1", "2", "3", "4", "5.5"],
    )
    done = events(frame, splits={"x": "s"}, weight="w", position="p")
    assert column(done, "split_x") == ["train", None]
    assert (column(done, "weight"), column(done, "position")) == ([2.0, 1.0], [1, 2])
    assert done.bad == [
        (4, "split_x is none of train, valid, test: 'tset'"),
        (5, "weight is less than 0: '-1'"),
        (6, "position is not a whole number: 5.5"),
    ]


def test_lists_become_rows() -> None:
    done = events(
        text(u=["a", "b", "c"], i=["[3, 4]", "nothing", "[]"]),
        item={"column": "i", "parse": "json", "explode": True},
    )
    assert done.frame[["user_id", "item_id", "position", "row"]].values.tolist() == [
        ["a", "3", 0, 2],
        ["a", "4", 1, 2],
    ]
    assert (done.bad, done.read) == ([(3, "i is not a list: 'nothing'")], 3)


def test_relations_and_queries() -> None:
    relations = Relations.model_validate(
        {"files": "f", "relation": "r", "source": "a", "target": "b", "kinds": {"also": "BOUGHT_WITH"}}
    )
    done = checked(relations, text(r=["also", "not"], a=["1", "1"], b=["2", "2"]))
    assert done.frame.values.tolist() == [["also", "BOUGHT_WITH", "1", "2", 2]]
    assert done.bad == [(3, "relation is none of the manifest's kinds (also): 'not'")]
    queries = Queries.model_validate({"files": "f", "query": "q", "item": "i", "rating": "r"})
    done = checked(queries, text(q=["tea", "tea", "tea"], i=["1", "2", "3"], r=["3", "good", ""]))
    assert done.frame.values.tolist() == [["tea", "1", 3.0, 2]]
    assert done.bad == [(3, "rating is not a number: 'good'"), (4, "rating is missing")]


def test_values_of_a_wrong_type_in_json() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c", 12.0], "price": [True, [1], {"v": 1}, "3"]}, dtype=object)
    done = items(frame, price="price")
    assert (column(done, "item_id"), column(done, "price")) == (["12"], [3.0])
    assert [reason for _, reason in done.bad] == [
        "price is not a number: True",
        "price is not a number: [1]",
        "price is not a number: {'v': 1}",
    ]


def test_a_decimal_comma_is_read_where_the_manifest_says_so() -> None:
    cells = ["12,50 €", "1.299,00", "7", "12,5,0"]
    price = {"column": "price", "remove": "€ ", "decimal": ","}
    done = items(text(id=list("abcd"), price=cells), price=price)
    assert column(done, "price") == [12.5, 1299.0, 7.0]
    assert done.bad == [(5, "price is not a number: '12,5,0'")]
