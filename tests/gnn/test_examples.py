"""How users' items are divided into those shown and those asked for."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from gnn.examples import Division, batches
from gnn.histories import Histories, histories
from tests.gnn.fake import fake_shop

CPU = torch.device("cpu")
HALF = Division(0.5)


def test_every_user_with_two_items_is_seen_once_with_all_their_items() -> None:
    data = fake_shop()
    known = histories(data.interactions, len(data.users), len(data.items))
    seen = []
    for batch in batches(known, 7, HALF, np.random.default_rng(0), CPU):
        for user, item, _ in (batch.examples.context, batch.examples.target):
            seen += list(zip(batch.users[user.numpy()].tolist(), item.tolist(), strict=True))
            assert set(user.tolist()) == set(range(len(batch.users)))
    rows, columns = known.weight.nonzero()
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    assert sorted(seen) == sorted((user, item) for user, item in pairs if user != 0)


@pytest.mark.parametrize(
    ("n_users", "size", "steps"), [(60, 1024, 20), (60, 2, 30), (3_000, 100, 30), (3_000, 1, 200)]
)
def test_an_epoch_has_20_to_200_steps(n_users: int, size: int, steps: int) -> None:
    two_each = sp.csr_matrix(np.ones((n_users, 2), dtype=np.float32))
    ages = sp.csr_matrix(np.tile(np.float32([1, 2]), (n_users, 1)))
    rng = np.random.default_rng(0)
    met = [batch.users for batch in batches(Histories(two_each, ages), size, HALF, rng, CPU)]
    assert len(met) == steps
    assert sorted(np.concatenate(met)) == list(range(n_users))


def test_the_next_items_are_asked_for_and_only_older_ones_are_shown() -> None:
    data = fake_shop()
    known = histories(data.interactions, len(data.users), len(data.items))
    division = Division(0.5, next_items=2, fade=0.7)
    for batch in batches(known, 7, division, np.random.default_rng(0), CPU):
        age = known.age[batch.users].toarray()
        weight = known.weight[batch.users].toarray()
        for n in range(len(batch.users)):
            shown, asked = (
                {i.item(): w.item() for u, i, w in zip(*rows, strict=True) if u == n}
                for rows in (batch.examples.context, batch.examples.target)
            )
            oldest_asked, newest_shown = max(age[n, i] for i in asked), min(age[n, i] for i in shown)
            assert newest_shown == oldest_asked + 1
            assert len(asked) == min(2, newest_shown)
            assert len(shown) + newest_shown == np.count_nonzero(weight[n])  # all the older ones
            for item, w in shown.items():
                assert w == pytest.approx(weight[n, item] * np.exp(-0.7 * (age[n, item] - newest_shown)))
            assert all(w == pytest.approx(weight[n, item]) for item, w in asked.items())
