"""Products with the item–item adjacency of each relation, in the form training needs them.

Every adjacency here is symmetric and normalised (D^-1/2 A D^-1/2), so the backward product uses the same
matrix: torch would transpose a CSR matrix at every step otherwise, many times slower.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from gnn.device import moved
from gnn.graphs import BOUGHT_WITH, INTERACTED

_SHRINK = 2.0  # as in kg.neighbours.co_occurrence


class _Product(torch.autograd.Function):
    """matrix @ x, with the backward matrix given."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, x: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ grad


class Neighbours:
    """One relation: x [n_items, d] -> Â x, the weighted sum of each item's neighbours."""

    own = 0.0

    def __init__(self, adjacency: sp.csr_matrix, device: torch.device, *, learned: bool = False) -> None:
        self.matrix, self.learned = _tensor(adjacency, device), learned

    def __call__(self, x: Tensor) -> Tensor:
        return _product(self.matrix, self.matrix, x)


class Shared:
    """Items that share a brand or category: x -> B Bᵀ x through the label nodes, B normalised."""

    learned = False

    def __init__(self, labels: sp.csr_matrix, device: torch.device) -> None:
        normal = _scale(_degree(labels, 1)) @ labels @ _scale(_degree(labels, 0))
        self.own = moved(normal.power(2).sum(axis=1)[:, None], device, np.float32)
        self.to_item, self.to_label = _tensor(normal.tocsr(), device), _tensor(normal.T.tocsr(), device)

    def __call__(self, x: Tensor) -> Tensor:
        return _product(self.to_item, self.to_label, _product(self.to_label, self.to_item, x))


class BoughtWith:
    """Co-occurrence that can be had without some users, so that what a batch is asked for stays hidden."""

    def __init__(self, graph: HeteroData, device: torch.device) -> None:
        n_items = graph["item"].num_nodes
        bought = graph["bought"]
        group, item = bought.group.numpy(), bought.item.numpy()
        self.device = device
        self.member = _ones(group, item, (int(group.max()) + 1, n_items))
        owner = _ones(bought.user.numpy(), group, (graph["user"].num_nodes, self.member.shape[0]))
        self.groups_of = owner
        ends = graph[BOUGHT_WITH].edge_index.numpy()
        pattern = _ones(ends[0], ends[1], (n_items, n_items))
        pattern = (pattern + pattern.T).tocsr()
        pattern.sort_indices()
        self.indptr, self.column = pattern.indptr, pattern.indices
        self.row = np.repeat(np.arange(n_items), np.diff(pattern.indptr))
        self.count, self.frequency = self._counted(self.member)
        self.whole = self._adjacency(self.count, self.frequency)

    def without(self, users: npt.NDArray[np.integer]) -> "Neighbours":
        """The relation as it would be if these users had bought nothing."""
        hidden = self.member[np.unique(self.groups_of[users].indices)]
        count, frequency = self._counted(hidden)
        return self._adjacency(self.count - count, self.frequency - frequency)

    def _counted(self, member: sp.csr_matrix) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """For each kept edge the groups that hold both ends, and for each item the groups that hold it."""
        together = (member.T @ member).tocsr()
        count = np.asarray(together[self.row, self.column], dtype=np.float32).ravel()
        return count, np.asarray(member.sum(axis=0), dtype=np.float32).ravel()

    def _adjacency(self, count: npt.NDArray[np.float32], frequency: npt.NDArray[np.float32]) -> "Neighbours":
        chance = np.maximum(frequency[self.row] * frequency[self.column], 1)
        score = count / np.sqrt(chance) * count / (count + _SHRINK)
        shape = (len(frequency), len(frequency))
        adjacency = normalised(sp.csr_matrix((score, self.column, self.indptr), shape))
        return Neighbours(adjacency, self.device, learned=True)


class Relations:
    """All relations of a graph, in a fixed order, as functions of item vectors."""

    def __init__(self, graph: HeteroData, device: torch.device) -> None:
        self.names: list[str] = []
        self._fixed: list[Neighbours | Shared | BoughtWith] = []
        n_items = graph["item"].num_nodes
        for edge in graph.edge_types:
            if edge == INTERACTED:
                continue
            ends = graph[edge].edge_index.numpy()
            weight = graph[edge].edge_weight.numpy()
            self.names.append(edge[1])
            if edge == BOUGHT_WITH:
                self._fixed.append(BoughtWith(graph, device))
            elif edge[2] == "item":
                adjacency = sp.csr_matrix((weight, (ends[0], ends[1])), (n_items, n_items))
                both = adjacency.maximum(adjacency.T)
                self._fixed.append(Neighbours(normalised(both), device))
            else:
                labels = _ones(ends[0], ends[1], (n_items, graph[edge[2]].num_nodes))
                self._fixed.append(Shared(labels, device))

    def all(self) -> "Sequence[Neighbours | Shared]":
        """For serving and evaluation: everything the training part knows."""
        return [r.whole if isinstance(r, BoughtWith) else r for r in self._fixed]

    def without(self, users: npt.NDArray[np.integer]) -> "Sequence[Neighbours | Shared]":
        """For a training step: nothing that these users did."""
        return [r.without(users) if isinstance(r, BoughtWith) else r for r in self._fixed]


def normalised(adjacency: sp.csr_matrix) -> sp.csr_matrix:
    """D^-1/2 A D^-1/2 with D the row sums; rows without edges stay empty."""
    scale = _scale(_degree(adjacency, 1))
    return sp.csr_matrix(scale @ adjacency @ scale)


def _degree(matrix: sp.csr_matrix, axis: int) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel()


def _scale(degree: npt.NDArray[np.float64]) -> sp.dia_array:
    return sp.diags_array(np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1e-12)), 0.0))


def _ones(
    row: npt.NDArray[np.integer], column: npt.NDArray[np.integer], shape: tuple[int, int]
) -> sp.csr_matrix:
    matrix = sp.csr_matrix((np.ones(len(row), dtype=np.float32), (row, column)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _tensor(matrix: sp.csr_matrix, device: torch.device) -> Tensor:
    matrix = matrix.tocsr()
    matrix.sort_indices()
    indptr, index = moved(matrix.indptr, device, np.int64), moved(matrix.indices, device, np.int64)
    values = moved(matrix.data, device, np.float32)
    return torch.sparse_csr_tensor(indptr, index, values, matrix.shape, check_invariants=False)


def _product(matrix: Tensor, transposed: Tensor, x: Tensor) -> Tensor:
    product: Tensor = _Product.apply(matrix, transposed, x)
    return product
