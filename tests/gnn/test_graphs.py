"""The graph that training sends messages over: which edges there are, and which there may not be."""

import pandas as pd
import pytest
import torch

from gnn.graphs import BOUGHT_WITH, INTERACTED, SIMILAR_TO, shop_graph
from gnn.split import split
from tests.gnn.fake import fake_shop


@pytest.mark.parametrize("with_baskets", [True, False])
def test_no_held_out_edge_is_among_the_message_edges(with_baskets: bool) -> None:
    data = fake_shop(with_baskets=with_baskets)
    parts = split(data, "random", share=0.2, with_test=True)
    graph = shop_graph(data, parts.train, bought_k=100, bought_least=1)
    train = set(zip(parts.train["user"].tolist(), parts.train["item"].tolist(), strict=True))
    assert set(zip(*graph[INTERACTED].edge_index.tolist(), strict=True)) == train
    together = {
        (a, b)
        for _, rows in parts.train.groupby(["user", "basket"] if with_baskets else ["user"])
        for a in rows["item"]
        for b in rows["item"]
        if a != b
    }
    assert set(zip(*graph[BOUGHT_WITH].edge_index.tolist(), strict=True)) == together


def test_orders_of_one_item_each_are_taken_for_loose_purchases() -> None:
    data = fake_shop()
    single = data.interactions.assign(basket=[f"o{n}" for n in range(len(data.interactions))])
    alone = shop_graph(data, single, bought_least=1)["item", "bought_with", "item"]
    loose = shop_graph(data, single.assign(basket=None), bought_least=1)["item", "bought_with", "item"]
    assert alone.edge_index.shape[1] > 0
    assert torch.equal(alone.edge_index, loose.edge_index)


def test_purchases_without_a_basket_count_beside_those_with_one() -> None:
    rows = [
        (0, 0, "b"),
        (0, 1, "b"),
        (0, 2, None),
        (0, 3, None),
        (1, 2, None),
        (1, 3, None),
        (1, 1, "c"),
        (1, 0, "c"),
    ]
    events = pd.DataFrame(rows, columns=["user", "item", "basket"]).assign(order=range(8), type="purchase")
    data = fake_shop()
    ends = shop_graph(data, events)["item", "bought_with", "item"].edge_index
    assert {frozenset(pair) for pair in ends.T.tolist()} == {frozenset({0, 1}), frozenset({2, 3})}


def test_of_an_account_that_has_everything_the_newest_items_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gnn.graphs.LONGEST", 3)
    events = pd.DataFrame([(0, item) for item in range(9)], columns=["user", "item"])
    graph = shop_graph(fake_shop(), events.assign(order=range(9), type="purchase", basket=None))
    assert graph["bought"].item.tolist() == [6, 7, 8]


def test_declared_relations_are_message_edges_only_when_asked() -> None:
    data = fake_shop()
    plain = shop_graph(data, data.interactions)
    asked = shop_graph(data, data.interactions, relations=True)
    assert set(asked.edge_types) - set(plain.edge_types) == {("item", "declared_also_bought", "item")}
    assert SIMILAR_TO in plain.edge_types
