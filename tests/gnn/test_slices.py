"""Slices of the test part, counted by hand."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from rich.console import Console

from gnn.evaluation.evaluate import judgement
from gnn.evaluation.judgements import AMONG_NEW, MAIN
from gnn.evaluation.judgements import test_judgements as all_asked
from gnn.evaluation.slices import Slice, figures, slices
from gnn.evaluation.tables import slice_table
from gnn.split import Split
from kg.dataset import ShopData
from tests.gnn.fake import fake_shop
from tests.gnn.known import known as histories_of


def rows(*pairs: tuple[int, int]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["user", "item"]).assign(type="purchase", order=0)


def shop(n_users: int, n_items: int) -> ShopData:
    data = fake_shop()
    return data._replace(items=data.items[:n_items], users=data.users[:n_users], text=None)


def made() -> tuple[Split, list[Slice], dict[str, str]]:
    """Item 0 has 3 users, 1 has 2, 2 has 1; 3 and 4 are new. Item 1: c0, c1, kids; 2 and 4: c0."""
    train = rows((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 2))
    parts = Split("made", train, rows()[:0], train, rows((0, 2), (0, 3), (1, 2), (2, 1), (2, 4)))
    data = shop(3, 5)
    found = slices(data, parts, all_asked(data, parts))
    return parts, found, {one.name: one.of for one in found}


def test_which_slices_there_are() -> None:
    _, _, judged_by = made()
    assert judged_by == {
        "items: new": MAIN,
        "items: new among new": AMONG_NEW,
        "items: others": MAIN,
        "users: known": MAIN,
        "activity: 2": MAIN,
        "popularity: torso": MAIN,
        "popularity: tail": MAIN,
        "category: c0": MAIN,
        "category: c1": MAIN,
        "category: kids": MAIN,
    }


def test_the_figures_of_a_slice() -> None:
    parts, found, _ = made()
    asked = all_asked(shop(3, 5), parts)
    rankings = {
        MAIN: np.array([[2, 4], [3, 2], [4, 3]], dtype=np.int32),
        AMONG_NEW: np.array([[4, 3], [4, 3]], dtype=np.int32),
    }
    of = {one.name: figures(one, asked, rankings, (1, 2)) for one in found}
    # New: user 0 wanted 3 and got 2 4, user 2 wanted 4 and got it first.
    assert of["items: new"]["users"] == 2
    assert of["items: new"]["recall@2"] == 0.5
    assert of["items: new among new"]["recall@1"] == 0.5
    assert of["items: new among new"]["recall@2"] == 1
    # Others: 0 found 2 first, 1 found 2 second, 2 did not find 1.
    assert of["items: others"]["recall@1"] == 1 / 3
    assert of["items: others"]["recall@2"] == 2 / 3
    assert of["items: others"]["ndcg@2"] == (1 + 1 / np.log2(3)) / 3
    assert of["popularity: tail"]["recall@2"] == 1
    assert of["category: c0"]["targets"] == 4


def test_a_name_is_shown_as_it_is() -> None:
    values = {"users": 3, "recall@20": 0.5}
    console = Console(width=120)
    with console.capture() as shown:
        console.print(slice_table({"gnn": {"category: x[/b] [old]": values}}, "recall@20"))
    assert "category: x[/b] [old]" in shown.get()


def test_bins_of_activity_cover_every_history_once() -> None:
    from gnn.evaluation.slices import _by_activity

    lengths = np.array([1, 2, 3, 4, 5, 6, 10, 11, 20, 21, 50, 51, 400])
    placed = [(one.name, lengths[one.rows].tolist()) for one in _by_activity(lengths)]
    assert placed == [
        ("activity: 1", [1]),
        ("activity: 2", [2]),
        ("activity: 3", [3]),
        ("activity: 4–5", [4, 5]),
        ("activity: 6–10", [6, 10]),
        ("activity: 11–20", [11, 20]),
        ("activity: 21–50", [21, 50]),
        ("activity: 51+", [51, 400]),
    ]


def test_the_judgement_of_strangers_is_a_slice() -> None:
    known, targets = sp.eye_array(2, 3, format="csr"), sp.csr_matrix(np.array([[0, 0, 1], [0, 0, 1]]))
    asked = {MAIN: judgement(histories_of(sp.csr_matrix(known)), targets, np.array([1]))}
    train = rows((0, 0), (0, 2))
    found = slices(shop(2, 3), Split("made", train, train[:0], train, train[:0]), asked)
    assert {one.name: one.rows.tolist() for one in found if one.name.startswith("users")} == {
        "users: new": [1],
        "users: known": [0],
    }
