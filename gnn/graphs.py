"""A shop and the training part of its interactions as a PyTorch Geometric graph.

Only the training part makes edges: neither counts nor popularity ever see a held-out interaction.
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch_geometric.data import HeteroData

from gnn.histories import LONGEST, histories
from kg.dataset import ShopData
from kg.neighbours import co_occurrence, text_neighbours

Ints = npt.NDArray[np.int64]

INTERACTED: Final = ("user", "interacted", "item")
SIMILAR_TO: Final = ("item", "similar_to", "item")
BOUGHT_WITH: Final = ("item", "bought_with", "item")
MADE_BY: Final = ("item", "made_by", "brand")
IN_CATEGORY: Final = ("item", "in_category", "category")


def shop_graph(
    data: ShopData,
    train: pd.DataFrame,
    *,
    relations: bool = False,
    text_k: int = 10,
    bought_k: int = 30,
    bought_least: int = 2,
) -> HeteroData:
    """Nodes user, item (x: text), brand and category, with the edges that training may know.

    Args:
        data: the shop; its interactions outside `train` are not looked at.
        train: rows of data.interactions.
        relations: whether the item–item relations that the shop declared become edges too.
        text_k: text neighbours of an item.
        bought_k: items that an item keeps as bought with it, counted over baskets where there are any that
            hold several, and over what a user has besides.
        bought_least: pairs bought together less often are no edge.
    """
    graph = HeteroData()
    n_items = len(data.items)
    graph["user"].num_nodes = len(data.users)
    graph["item"].num_nodes = n_items
    _interactions(graph, train)
    if data.text is not None:
        graph["item"].x = torch.from_numpy(np.ascontiguousarray(data.text, dtype=np.float32))
        edges = text_neighbours(data.text, text_k)
        _edges(graph, SIMILAR_TO, edges.source, edges.target, edges.score)
    group, item, user = _groups(train)
    counted = co_occurrence(group, item, n_items, bought_k, least=bought_least)
    _edges(graph, BOUGHT_WITH, counted.source, counted.target, counted.score)
    # Kept so that training can take a batch's own purchases out of the counts.
    graph["bought"].group, graph["bought"].item = torch.tensor(group), torch.tensor(item)
    graph["bought"].user = torch.tensor(user)
    _labels(graph, MADE_BY, data.items["brand"].map(lambda b: [b] if isinstance(b, str) and b else []))
    _labels(graph, IN_CATEGORY, data.items["categories"])
    if relations:
        for relation, rows in data.relations.groupby("relation"):
            edge = ("item", "declared_" + re.sub(r"\W", "_", str(relation)), "item")
            _edges(graph, edge, rows["source"].to_numpy(), rows["target"].to_numpy())
    return graph


def _interactions(graph: HeteroData, train: pd.DataFrame) -> None:
    pairs = histories(train, graph["user"].num_nodes, graph["item"].num_nodes).weight.tocoo()
    _edges(graph, INTERACTED, pairs.row, pairs.col, pairs.data)


def _groups(train: pd.DataFrame) -> tuple[Ints, Ints, Ints]:
    """Group, item and user number of each training row that tells what is bought together.

    Orders of one item each say nothing, so where most items are in such orders all are taken for loose ones.
    """
    basket = train.groupby(["user", "basket"], sort=False).ngroup().fillna(-1).to_numpy(np.int64)
    size = np.bincount(basket[basket >= 0])
    n_baskets = len(size)
    told = (basket >= 0) & (size[size > 1].sum() >= size.sum() / 2)
    user, item = (train[name].to_numpy(np.int64) for name in ("user", "item"))
    group = np.where(told, basket, user + n_baskets)
    newest = pd.Series(group).groupby(group).cumcount(ascending=False).to_numpy() < LONGEST
    return group[newest], item[newest], user[newest]


def _labels(graph: HeteroData, edge: tuple[str, str, str], labels: "pd.Series[list[str]]") -> None:
    """Nodes for the labels that at least two items carry, and edges to them."""
    exploded = labels.reset_index(drop=True).explode().dropna()
    exploded = exploded[exploded.duplicated(keep=False)]
    number, names = pd.factorize(exploded)
    graph[edge[2]].num_nodes = len(names)
    _edges(graph, edge, exploded.index.to_numpy(), number)


def _edges(
    graph: HeteroData,
    edge: tuple[str, str, str],
    source: npt.NDArray[np.integer],
    target: npt.NDArray[np.integer],
    weight: npt.NDArray[np.floating] | None = None,
) -> None:
    """Edges of one type; a type without edges is left out."""
    if not len(source):
        return
    ends = np.stack([source, target]).astype(np.int64)
    graph[edge].edge_index = torch.from_numpy(ends)
    values = np.ones(len(source)) if weight is None else weight
    graph[edge].edge_weight = torch.from_numpy(np.array(values, dtype=np.float32))
