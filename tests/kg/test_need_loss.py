"""What a training on needs sees, and what it minimises."""

import random
from collections import Counter

import pytest
import torch
from torch import nn, tensor
from torch.nn.functional import cross_entropy, normalize

from kg.tuning.judge import measure, task_of
from kg.tuning.pairs import Kind, Pair, drawn_for
from kg.tuning.train import NeedLoss
from kg.tuning.watch import SCALE


class Plain(nn.Module):
    """An encoder whose texts are their vectors."""

    def forward(self, texts):
        return {"sentence_embedding": texts["vectors"]}


def test_words_an_item_and_both_each_find_the_text():
    generator = torch.Generator().manual_seed(0)
    words, item, right = (torch.randn(5, 8, generator=generator) for _ in range(3))
    unit = [normalize(some, dim=1) for some in (words, item, right)]
    numbers = torch.arange(5)
    anchors = (unit[0], unit[1], normalize(unit[0] + unit[1], dim=1))
    expected = sum(cross_entropy(SCALE * anchor @ unit[2].T, numbers) for anchor in anchors)
    loss = NeedLoss(Plain())([{"vectors": some} for some in (words, item, right)], tensor([]))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert NeedLoss(Plain())([{"vectors": right}] * 3, tensor([])).item() < loss.item()


def needs(n_needs: int) -> list[Pair]:
    """Needs of three items, each looked at for each other."""
    return [
        Pair(f"words {n}", f"item {n} {b}", f"{n}", beside=f"item {n} {a}", need=f"{n}")
        for n in range(n_needs)
        for a in range(3)
        for b in range(3)
        if a != b
    ]


def test_one_pair_of_each_need_is_seen_an_epoch_and_not_always_the_same():
    pairs = needs(40)
    drawn = drawn_for(pairs, epochs=3, most=1_000, chance=random.Random(0))
    assert set(Counter(pair.need for pair in drawn).values()) == {3}
    assert len(set(drawn)) > 60
    assert len(drawn_for(pairs, epochs=1.5, most=1_000, chance=random.Random(0))) == 60
    assert len(drawn_for(pairs, epochs=2, most=30, chance=random.Random(0))) == 60
    plain = [pair._replace(need="") for pair in pairs]
    assert sorted(drawn_for(plain, epochs=1, most=1_000, chance=random.Random(0))) == sorted(plain)


def test_a_need_is_judged_by_the_sum_of_its_words_and_the_item():
    pairs = [Pair("w", "c", "w", beside="a", need="1")]
    task = task_of(Kind("needs", pairs, ["a", "b", "c"]), pairs, most_candidates=10, seed=0)
    assert task.anchors == [("w", "a")]
    vectors = {"w": [1.0, 0, 0], "a": [0, 1.0, 0], "b": [0.8, -0.6, 0], "c": [0.6, 0.6, 0.52915]}

    def encode(texts):
        return tensor([vectors[text] for text in texts]).numpy()

    found = measure(encode, {"needs": task})["needs"]
    assert found.ndcg.tolist() == [1.0]  # the words alone would find b, and the item alone itself
    assert encode(["w"])[0] @ encode(["b"])[0] > encode(["w"])[0] @ encode(["c"])[0]
