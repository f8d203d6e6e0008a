"""The model: items from ID, text and neighbours over typed edges; users from their items.

    x_j   = e_j + W·text_j                                        one set for each tower
    h_j   = x_j + Σ_r a_r (Â_r x)_j                               one hop, one learned weight a relation
    c_j   = exp(l_j) · h_j / ‖h_j‖   (context tower)              what a past item says about its user
    t_j   = exp(l'_j) · h_j / ‖h_j‖  (target tower)               what an item looks like as a recommendation
    score(u, j) = (Σ_i w_i c_i)·t_j / ‖Σ_i w_i c_i‖               i over the items of u

The score is a sum over the user's past items: it needs no user embedding, and it is its own explanation.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from sklearn.utils.extmath import randomized_svd
from torch import Tensor, nn
from torch.nn.functional import normalize

from gnn.softmax import FullSoftmax, Rows


class Relation(Protocol):
    """A product with one relation's adjacency: x [n_items, 2d] -> Â x."""

    learned: bool  # counted from interactions, so that a new item has none of it

    @property
    def own(self) -> Tensor | float:
        """How much of an item comes back to it, [n_items, 1]."""
        ...

    def __call__(self, x: Tensor) -> Tensor: ...


class ItemVectors(NamedTuple):
    """All items as the score needs them."""

    context: Tensor  # [n_items, d]; the length says how much the item tells about its user
    target: Tensor  # [n_items, d]; the length says how much it is wanted, whoever asks


class Examples(NamedTuple):
    """A batch of users, each with the items shown to the model and the items it has to find."""

    context: tuple[Tensor, Tensor, Tensor]  # user in the batch, ascending, item, event weight; each [n]
    target: tuple[Tensor, Tensor, Tensor]  # the same
    n_users: int


class ItemGraphModel(nn.Module):
    """Link prediction between users and items.

    Args:
        start: first ID embeddings, [n_items, d] (see `spectral`).
        text: unit-length rows, [n_items, d_text], or None.
        n_relations: number of relations that will be handed to `forward`, always in the same order.
        id_dropout: share of the items that are treated as new in a training step: without ID embedding,
            learned length and what was counted from interactions, so that text and declared edges alone can
            carry them.
        temperature: cosines are divided by it before the softmax.
        relation_weight: first weight of each relation.
        new: which items have a text and no interactions, bool [n_items]. They have that and declared
            edges alone, and are no negatives: that nobody bought them says nothing, since nobody could.
    """

    def __init__(
        self,
        start: Tensor,
        text: Tensor | None,
        n_relations: int,
        id_dropout: float = 0.1,
        temperature: float = 0.1,
        relation_weight: float = 1.0,
        new: Tensor | None = None,
    ) -> None:
        super().__init__()
        n_items, self.dim = start.shape
        self.id_dropout, self.temperature = id_dropout, temperature
        # Both towers side by side, [., 2d], so that a hop is one sparse product.
        self.id = nn.Parameter(start.repeat(1, 2))
        self.log_length = nn.Parameter(torch.zeros(n_items, 2))
        self.relation = nn.Parameter(torch.full((n_relations, 2), relation_weight))
        new = torch.zeros(n_items, dtype=torch.bool, device=start.device) if new is None else new
        self.known: Tensor  # [n_items, 1], ones and zeros
        self.register_buffer("known", (~new)[:, None].to(start.dtype), persistent=False)
        self.text: Tensor | None
        self.register_buffer("text", text, persistent=False)
        if text is not None:
            project = torch.randn(text.shape[1], self.dim, device=start.device) * start.std()
            self.project = nn.Parameter(project.repeat(1, 2))

    def forward(self, relations: Sequence[Relation], dtype: torch.dtype = torch.float32) -> ItemVectors:
        """Vectors of all items.

        Args:
            relations: in the order of their weights.
            dtype: of the product with the texts; all else is in single precision.
        """
        known = self.known
        if self.training and self.id_dropout:
            known = known * (torch.rand_like(known) >= self.id_dropout)
        h = x = self.id * known + self._read(dtype)
        for relation, weight in zip(relations, self.relation, strict=True):
            message = relation(x) * weight.repeat_interleave(self.dim)
            h = h + (message * known if relation.learned else message)
        context, target = normalize(h[:, : self.dim]), normalize(h[:, self.dim :])
        length = (self.log_length * known).exp()
        return ItemVectors(context * length[:, :1], target * length[:, 1:])

    def new_targets(self, relations: Sequence[Relation]) -> Tensor:
        """Targets as if each item, it alone, were new: by its text and declared edges, [n_items, d]."""
        h, told = self._read(torch.float32), self.id * self.known
        x = told + h
        for relation, weight in zip(relations, self.relation, strict=True):
            if not relation.learned:
                h = h + (relation(x) - relation.own * told) * weight.repeat_interleave(self.dim)
        return normalize(h[:, self.dim :])

    def _read(self, dtype: torch.dtype) -> Tensor:
        """What the texts say, [n_items, 2d]."""
        if self.text is None:
            return torch.zeros_like(self.id)
        return (self.text.to(dtype) @ self.project.to(dtype)).float()

    def loss(
        self,
        vectors: ItemVectors,
        examples: Examples,
        *,
        cells: int = 2**24,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Cross-entropy of each user's targets under a softmax over all items, mean over users.

        The shown items take no part in the softmax, as they take none in a recommendation, and
        neither do new ones. Users are taken in chunks of at most `cells` logits, so memory stays bounded;
        `dtype` is of the products with all items.
        """
        users = user_vectors(vectors.context, *examples.context, examples.n_users)
        user, item, weight = examples.target
        each = weight.new_zeros(examples.n_users).index_add(0, user, weight).clamp(min=1e-9)
        among, place = self.known[:, 0].nonzero()[:, 0], self.known[:, 0].cumsum(0).long() - 1
        shown_user, shown, told = examples.context
        loss: Tensor = FullSoftmax.apply(
            users,
            vectors.target[among],
            Rows(shown_user, place[shown], told),
            Rows(user, place[item], weight / each[user] / examples.n_users),
            self.temperature,
            cells,
            dtype,
        )
        return loss


def user_vectors(context: Tensor, user: Tensor, item: Tensor, weight: Tensor, n_users: int) -> Tensor:
    """Σ_i w_i c_i of each user, unit length, [n_users, d]."""
    total = context.new_zeros(n_users, context.shape[1])
    return normalize(total.index_add(0, user, context[item] * weight[:, None]))


def spectral(pairs: sp.csr_matrix, dim: int, scale: float, seed: int) -> npt.NDArray[np.float32]:
    """Right singular vectors of the normalised user–item matrix, times √σ, with standard deviation `scale`.

    What the linear models start from; the ID embeddings start there too. Columns beyond the rank are small
    noise, and so are items that nobody has: at zero they would have no direction, and none would be learned.
    """
    by_user, by_item = np.asarray(pairs.sum(axis=1)).ravel(), np.asarray(pairs.sum(axis=0)).ravel()
    normal = (
        sp.diags_array(np.maximum(by_user, 1) ** -0.5)
        @ pairs
        @ sp.diags_array(np.maximum(by_item, 1) ** -0.5)
    )
    rank = min(dim, *(n - 1 for n in pairs.shape))
    # In single precision: five times as fast, and only a start.
    _, values, vectors = randomized_svd(
        normal.astype(np.float32), rank, n_oversamples=16, n_iter=4, random_state=seed
    )
    start = np.random.default_rng(seed).standard_normal((pairs.shape[1], dim)) * 1e-3
    had = by_item > 0
    start[had, :rank] = vectors.T[had] * np.sqrt(values)
    return np.asarray(start / start.std() * scale, dtype=np.float32)
