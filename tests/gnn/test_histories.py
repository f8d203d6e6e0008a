"""What is known of users."""

import numpy as np
import pandas as pd
import pytest

from gnn.histories import Order, histories, order_of


def rows(*events: tuple[int, int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(events, columns=["user", "item", "order", "type"])


def test_weights_are_of_the_strongest_event_and_ages_of_the_last() -> None:
    one = (1, 4, 10, "purchase"), (1, 2, 20, "view"), (1, 4, 30, "view"), (1, 0, 25, "cart")
    known = histories(rows(*one, (3, 1, 5, "view")), 5, 6)
    np.testing.assert_allclose(
        known.weight.toarray()[[1, 3]], [[0.6, 0, 0.3, 0, 1.0, 0], [0, 0.3, 0, 0, 0, 0]], rtol=1e-6
    )
    assert known.age.nnz == 4  # zeros stand there too, in the same places as the weights
    assert (known.age.indices == known.weight.indices).all()
    assert (known.age.indptr == known.weight.indptr).all()
    assert known.age[[1]].data.tolist() == [1, 2, 0]  # items 0, 2, 4
    assert np.diff(known.weight.indptr).tolist() == [0, 3, 0, 1, 0]


def test_the_old_fades() -> None:
    known = histories(rows((0, 0, 1, "purchase"), (0, 1, 2, "purchase"), (0, 2, 3, "view")), 1, 3)
    faded = known.faded(0.5).toarray()[0]
    np.testing.assert_allclose(faded, [np.exp(-1.0), np.exp(-0.5), 0.3], rtol=1e-6)
    assert known.faded(0.0) is known.weight


def test_rows_in_any_order_give_the_same() -> None:
    rng = np.random.default_rng(0)
    events = pd.DataFrame(
        {
            "user": rng.integers(9, size=80),
            "item": rng.integers(7, size=80),
            "order": rng.integers(5, size=80),
        }
    ).assign(type="view")
    one, other = histories(events, 9, 7), histories(events.sample(frac=1, random_state=1), 9, 7)
    assert (one.age != other.age).nnz == (one.weight != other.weight).nnz == 0
    for user in range(9):
        n = one.age.indptr[user + 1] - one.age.indptr[user]
        assert sorted(one.age[[user]].data) == list(range(n))


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        ((5, 6, 7), Order.STRICT),
        ((5, 1, 1), Order.NONE),
        ((3, 3, 3), Order.NONE),
        ((3, 3, 5), Order.LOOSE),
        ((3, 1, 5), Order.NONE),
    ],
)
def test_how_far_what_is_held_out_comes_after(orders: tuple[int, int, int], found: Order) -> None:
    train = rows(*((user, 0, 3, "view") for user in range(3)))
    held_out = rows(*((user, 1, order, "view") for user, order in enumerate(orders)))
    assert order_of(held_out, train) is found
    assert order_of(rows((9, 1, 99, "view")), train) is Order.NONE  # of nobody that train knows
