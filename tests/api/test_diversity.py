"""Maximal marginal relevance, worked out by hand."""

import numpy as np
import pytest

from api.ranking.diversity import diversified

ITEMS = np.array([7, 3, 5, 9])
SCORES = np.array([10.0, 9.0, 6.0, 2.0], dtype=np.float32)  # relevance 1, 0.875, 0.5, 0
# the cosines of 7 with 3, 5, 9 are 1, 0, 0.6; of 3 the same; of 5 with 9 it is 0.8
VECTORS = np.array([[2, 0], [1, 0], [0, 1], [3, 4]], dtype=np.float32)


@pytest.mark.parametrize(
    ("diversity", "expected"),
    [
        (0.0, [7, 3, 5, 9]),
        # after 7: 3 gains .9*.875-.1*1=.6875, 5 gains .9*.5-.1*0=.45, 9 gains 0-.1*.6=-.06
        (0.1, [7, 3, 5, 9]),
        # after 7: 3 gains .4375-.5=-.0625, 5 gains .25, 9 gains -.3; after 5: 3 -.0625, 9 -.4
        (0.5, [7, 5, 3, 9]),
        # after 7: 3 gains .175-.8=-.625, 5 gains .1, 9 gains -.48; after 5: 3 -.625, 9 -.8*.8=-.64
        (0.8, [7, 5, 3, 9]),
        # after 7: 3 gains -1, 5 gains 0, 9 gains -.6; after 5: 3 -1, 9 -.8
        (1.0, [7, 5, 9, 3]),
    ],
)
def test_by_hand(diversity: float, expected: list[int]) -> None:
    assert diversified(ITEMS, SCORES, VECTORS, diversity).tolist() == expected


def test_equal_scores_zero_vectors_and_no_items() -> None:
    same, nothing = np.ones(4, dtype=np.float32), np.zeros((4, 2), dtype=np.float32)

    assert diversified(ITEMS, same, nothing, 0.5).tolist() == [7, 3, 5, 9]
    assert diversified(ITEMS[:0], same[:0], nothing[:0], 0.5).tolist() == []
