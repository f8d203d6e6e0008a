"""Words of items."""

import numpy as np
import pytest

from api.words.lexicon import Lexicon, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Headphones, HEADPHONE", ["headphon", "headphon"]),
        ("crème brûlée", ["creme", "brule"]),
        ("USB-C 2.0", ["usb", "c", "2", "0"]),
        ("黑色手机壳", ["黑色", "色手", "手机", "机壳"]),
        ("茶", ["茶"]),
        ("—", []),
    ],
)
def test_words_are_compared_without_case_accents_and_endings(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_the_scores_are_those_of_bm25() -> None:
    texts = ["green tea", "black tea tin", "garden spade"]
    found = Lexicon(texts).scores("teas for the garden")
    # By hand: idf ln(1 + (N - df + .5) / (df + .5)), k1 1.2, b .75, mean length 7 / 3.
    idf = {1: np.log(1 + 2.5 / 1.5), 2: np.log(1 + 1.5 / 2.5)}
    weight = [1 / (1 + 1.2 * (0.25 + 0.75 * n / (7 / 3))) for n in (2, 3, 2)]
    expected = [idf[2] * weight[0], idf[2] * weight[1], idf[1] * weight[2]]
    np.testing.assert_allclose(found / found.max(), np.array(expected) / max(expected), rtol=1e-5)


def test_unknown_words_and_no_items() -> None:
    lexicon = Lexicon(["green tea"])
    assert lexicon.scores("zzz").tolist() == [0.0]
    assert lexicon.known("green zzz greens") == ["green"]
    assert Lexicon([]).scores("tea").shape == (0,)
    assert Lexicon(["", ""]).scores("tea").tolist() == [0.0, 0.0]
