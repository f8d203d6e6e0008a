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


def test_what_comes_later_is_scored_as_if_it_were_alone_and_stands_for_what_was_before() -> None:
    random = np.random.default_rng(0)
    words = ["green", "black", "tea", "tin", "garden", "spade", "leaf"]
    texts = [" ".join(random.choice(words, 4)) for _ in range(20)]
    lexicon, idle = Lexicon(texts), Lexicon(texts)
    for _ in range(30):
        n = len(texts) + int(random.integers(3))
        numbers = sorted({int(i) for i in random.integers(n, size=4)} | set(range(len(texts), n)))
        texts += [""] * (n - len(texts))
        for number in numbers:
            texts[number] = " ".join(random.choice([*words, "quokka"], int(random.integers(6))))
        lexicon = lexicon.placed(numbers, [texts[number] for number in numbers], n)
        # Frequencies stay as they were: a lexicon that takes all texts at once says the same.
        at_once = idle.placed(range(n), texts, n)
        assert lexicon.known("quokka tea zebra") == at_once.known("quokka tea zebra")
        for query in ("green tea", "quokka", "tin tin spade", "zebra"):
            np.testing.assert_allclose(lexicon.scores(query), at_once.scores(query), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            lexicon.common({0: 1.0, n - 1: 2.0}), at_once.common({0: 1.0, n - 1: 2.0}), rtol=1e-5, atol=1e-6
        )
    assert idle.known("quokka") == []


def test_texts_that_did_not_change_cost_nothing_and_few_segments_hold_many_changes() -> None:
    texts = [f"green tea {n}" for n in range(50)]
    lexicon = Lexicon(texts)
    assert lexicon.placed(range(50), texts, 50)._segments == ()
    for n in range(200):
        lexicon = lexicon.placed([n % 50], [f"black tea {n}"], 50)
    assert 1 <= len(lexicon._segments) <= 8
    np.testing.assert_array_equal(lexicon.scores("green"), np.zeros(50))
    assert lexicon.scores("199")[49] > 0 == lexicon.scores("149")[49]


def test_items_have_in_common_what_both_are_written_in() -> None:
    texts = ["green tea tin", "green tea tin", "black tea", "garden spade", ""]
    lexicon = Lexicon(texts)
    alike = lexicon.pairs([0, 2, 4, -1], [0, 1, 2, 3, 4])

    assert alike[0, :2].tolist() == pytest.approx([1, 1])
    assert 0 < alike[0, 2] < 0.5
    assert alike[0, 3] == 0
    assert alike[2:].tolist() == [[0] * 5] * 2
    own = lexicon.scores(texts[0])
    np.testing.assert_allclose(alike[0], own / own[0], rtol=1e-5)
    np.testing.assert_allclose(
        lexicon.common({0: 2.0, 2: 0.5, 4: 1.0}), np.array([2, 0.5, 1, 0]) @ alike, rtol=1e-5
    )
    later = lexicon.placed([3, 5], ["green tea quokka", "quokka"], 6)
    np.testing.assert_allclose(later.pairs([3], range(6))[0], later.common({3: 1.0}), rtol=1e-5, atol=1e-7)
    assert later.common({5: 1.0})[[3, 5]].tolist() == pytest.approx([later.pairs([5], [3])[0, 0], 1])
    assert later.common({3: 1.0})[0] > 0
