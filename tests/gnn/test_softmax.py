"""The loss and its gradient, against autograd's."""

import pytest
import torch

from gnn.softmax import FullSoftmax, Rows

SHOWN = Rows(torch.tensor([0, 0, 2, 4]), torch.tensor([1, 2, 3, 0]), torch.ones(4))
WANTED = Rows(
    torch.tensor([0, 1, 1, 3, 4]), torch.tensor([3, 4, 5, 0, 8]), torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
)


def plain(users: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    logits = users @ target.T / 0.12
    hidden = logits.index_put((SHOWN.user, SHOWN.item), torch.tensor(-torch.inf))
    each = hidden.logsumexp(dim=1)[WANTED.user] - logits[WANTED.user, WANTED.item]
    return (WANTED.weight * each).sum()


def vectors() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(5, 4, requires_grad=True), torch.randn(9, 4, requires_grad=True)


@pytest.mark.parametrize("cells", [1000, 18, 1])
def test_loss_and_gradient_are_those_of_autograd_whatever_the_chunk(cells: int) -> None:
    users, target = vectors()
    loss = FullSoftmax.apply(users, target, SHOWN, WANTED, 0.12, cells, torch.float32)
    expected = plain(users, target)
    torch.testing.assert_close(loss, expected)
    found = torch.autograd.grad(3 * loss, (users, target))
    for one, other in zip(found, torch.autograd.grad(3 * expected, (users, target)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_close() -> None:
    users, target = vectors()
    loss = FullSoftmax.apply(users, target, SHOWN, WANTED, 0.12, 1000, torch.bfloat16)
    expected = plain(users, target)
    assert loss.item() == pytest.approx(expected.item(), rel=0.02)
    found = torch.cat([g.ravel() for g in torch.autograd.grad(loss, (users, target))])
    exact = torch.cat([g.ravel() for g in torch.autograd.grad(expected, (users, target))])
    assert torch.nn.functional.cosine_similarity(found, exact, dim=0) > 0.999
