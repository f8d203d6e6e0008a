"""Cross-entropy under a softmax over all items, with its gradient made in the same pass.

The loss is a number, so what the backward pass will need is known up to a factor as soon as a chunk of
logits is: no logits are kept and none are computed twice (compare Wijmans et al., Cut Your Losses in
Large-Vocabulary Language Models, 2024).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """Numbers at (user, item), ordered by user; each [n]."""

    user: Tensor
    item: Tensor
    weight: Tensor

    def of(self, first: int, last: int) -> "Rows":
        """Those of the users first..last - 1, numbered from 0."""
        start, stop = torch.searchsorted(self.user, self.user.new_tensor([first, last])).tolist()
        return Rows(self.user[start:stop] - first, self.item[start:stop], self.weight[start:stop])


class FullSoftmax(torch.autograd.Function):
    """loss = Σ_(u,j) weight_uj · (log Σ_i exp(s_ui) - s_uj), over the items i that are not shown to u.

    s = users · targetᵀ / temperature.
    """

    @staticmethod
    def forward(
        ctx: Any,
        users: Tensor,
        target: Tensor,
        shown: Rows,
        wanted: Rows,
        temperature: float,
        cells: int,
        dtype: torch.dtype,
    ) -> Tensor:
        """The loss, a scalar.

        Args:
            users: [b, d].
            target: [n_items, d].
            shown: what takes no part in the softmax.
            wanted: what is to be found.
            cells: logits in memory at once; users are taken in chunks.
            dtype: of the three products; all else is in single precision.
        """
        items = target.to(dtype)
        grad_users, grad_target = torch.empty_like(users), torch.zeros_like(target)
        loss = users.new_zeros(())
        step = max(1, cells // len(target))
        for first in range(0, len(users), step):
            last = min(first + step, len(users))
            hidden, found = shown.of(first, last), wanted.of(first, last)
            some = (users[first:last] / temperature).to(dtype)
            logits = (some @ items.T).float()
            at_found = logits[found.user, found.item]
            logits[hidden.user, hidden.item] = -torch.inf
            highest = logits.amax(dim=1, keepdim=True)
            total = logits.sub_(highest).exp_().sum(dim=1, keepdim=True)
            each = (highest + total.log()).squeeze(1)[found.user] - at_found
            loss += (found.weight * each).sum()
            # d loss / d logits = (weights of the user) · softmax - weight at what is to be found
            asked = total.new_zeros(last - first).index_add(0, found.user, found.weight)
            logits *= asked[:, None] / total
            logits.index_put_((found.user, found.item), -found.weight, accumulate=True)
            rest = logits.to(dtype)
            grad_users[first:last] = (rest @ items).float() / temperature
            grad_target += (rest.T @ some).float()
        ctx.save_for_backward(grad_users, grad_target)
        return loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None, None, None]:
        grad_users, grad_target = ctx.saved_tensors
        return grad * grad_users, grad * grad_target, None, None, None, None, None
