"""The parts of fine-tuning that need neither a graph nor weights."""

import math
from pathlib import Path

import numpy as np
import pytest

from kg.errors import EncoderError
from kg.settings import Settings
from kg.tuning.adoption import adopt, adopted, undo
from kg.tuning.judge import Change, Compared, Found, compare, measure, rated, task_of
from kg.tuning.pairs import Kind, Pair
from kg.tuning.run import verdict
from kg.tuning.split import HELD, split


def together(n_items: int, step: int = 1) -> Kind:
    """A ring in which each item goes with the `step` ones after it."""
    text = [f"item {n}" for n in range(n_items)]
    ends = [(n, (n + s) % n_items) for n in range(n_items) for s in range(1, step + 1)]
    pairs = [
        Pair(text[a], text[b], f"{n}", need=f"{n}")
        for n, (one, other) in enumerate(ends)
        for a, b in ((one, other), (other, one))
    ]
    return Kind("together", pairs, text)


def titles(n_items: int) -> Kind:
    pairs = [Pair(f"item {n}", f"about {n}", f"k{n}") for n in range(n_items)]
    return Kind("descriptions", pairs, [pair.positive for pair in pairs])


def test_what_has_one_key_is_on_one_side_of_the_split():
    parts = split([together(2_000, 3), titles(2_000)])
    train = [pair for part in parts.values() for pair in part.train]
    held = [pair for part in parts.values() for pair in (*part.stop, *part.judge)]
    assert {p.key for p in train}.isdisjoint(p.key for p in held)
    assert len(parts["descriptions"].train) == pytest.approx(2_000 * (1 - HELD), rel=0.1)
    assert len(parts["together"].judge) == pytest.approx(12_000 * HELD * 0.75, rel=0.1)
    for part in parts.values():
        assert not {p.key for p in part.stop} & {p.key for p in part.judge}


def test_two_items_of_a_held_out_need_train_no_other_kind():
    ring = together(200)
    asked = [Pair(f"words {n}", p.positive, f"w{n}", beside=p.anchor) for n, p in enumerate(ring.pairs)]
    parts = split([Kind("needs", asked, []), ring])
    assert len(parts["needs"].train) < len(asked) * (1 - HELD)
    for one, other in (("needs", "together"), ("together", "needs")):
        held = {frozenset((p.beside or p.anchor, p.positive)) for p in (*parts[one].stop, *parts[one].judge)}
        train = {frozenset((p.beside or p.anchor, p.positive)) for p in parts[other].train}
        assert train
        assert held.isdisjoint(train)


def test_judged_queries_judge_and_never_train():
    words = [f"words {n}" for n in range(100)]
    searches = Kind("searches", [Pair(w.upper(), f"item {w}", w) for w in words], [])
    judged = Kind("judged", [Pair(words[n], "item", words[n]) for n in range(50)], [])
    parts = split([searches, judged])
    assert parts["judged"] == ([], [], judged.pairs)
    assert {p.key for p in parts["searches"].train} < set(words[50:])
    assert len(split([searches])["searches"].train) > 40


def test_names_of_categories_guard_and_count_for_nothing():
    names = Kind("names", [Pair(f"item {n}", f"about {n}", f"w{n}") for n in range(9)], [])
    assert split([titles(300), names])["descriptions"] == split([titles(300)])["descriptions"]
    names = titles(60)._replace(name="names")
    tasks = {
        "names": task_of(names, names.pairs, 100, 0),
        "descriptions": task_of(titles(60), names.pairs, 100, 0),
    }
    bad, good = Found(np.zeros(60), np.zeros(60)), Found(np.ones(60), np.ones(60))
    found = compare({"names": bad, "descriptions": bad}, {"names": good, "descriptions": bad}, tasks)
    assert (found["names"].ndcg.after, found["mean"].ndcg.after, found["mean"].anchors) == (1, 0, 60)
    found = compare({"names": good, "descriptions": bad}, {"names": bad, "descriptions": good}, tasks)
    assert found["mean"].recall.low == 1
    assert verdict(found)[1].startswith("clearly worse in names")


def test_the_split_is_the_same_when_the_shop_grows():
    before, after = (split([titles(n)])["descriptions"] for n in (100, 200))
    assert set(before.train) <= set(after.train)
    assert set(before.judge) <= set(after.judge)


def test_figures_by_hand():
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.9, 0.8, 0.7, 0.1]])
    found = rated(scores, right=[[1], [0, 3]], left_out=[[0], []])
    # first anchor: 0 is left out, so the right one leads; second: ranks 1 and 4 of 2
    assert found.ndcg == pytest.approx([1, (1 + 1 / math.log2(5)) / (1 + 1 / math.log2(3))])
    assert found.recall.tolist() == [1, 1]
    many = rated(-np.arange(30.0)[None], right=[[0, 25]], left_out=[[]])
    assert many.recall.tolist() == [0.5]
    assert many.ndcg == pytest.approx([1 / (1 + 1 / math.log2(3))])


def test_an_item_and_its_other_partners_do_not_take_part():
    ends = ["ab", "ba", "ac", "ca", "bd", "db"]
    kind = Kind("together", [Pair(a, b, min(a + b, b + a)) for a, b in ends], ["a", "b", "c", "d", "e"])
    task = task_of(kind, kind.pairs[:2], most_candidates=100, seed=0)
    assert task.anchors == [("a",), ("b",)]  # either asks for the other
    names = [[task.candidates[n] for n in some] for some in task.right]
    assert names == [["b"], ["a"]]
    assert [{task.candidates[n] for n in some} for some in task.left_out] == [{"a", "c"}, {"b", "d"}]


def test_anchors_are_as_many_as_the_candidates_leave_room_for():
    wide = [Pair("everything", f"about {n}", "w") for n in range(200)]
    kind = Kind("names", [*wide, *titles(150).pairs], titles(300).candidates)
    task = task_of(kind, kind.pairs, most_candidates=180, seed=0)
    assert len(task.candidates) == 180
    assert ("everything",) not in task.anchors
    assert len(task.anchors) == 150


def test_the_better_of_two_encoders_is_told():
    texts = [f"item {n}" for n in range(60)]
    rng = np.random.default_rng(0)
    place = dict(zip(texts, rng.normal(size=(60, 8)), strict=True))

    def encode(noise):
        def vectors(some):
            rows = np.array([place[t.replace("about", "item")] for t in some])
            rows = rows + noise * np.random.default_rng(1).normal(size=rows.shape)
            return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

        return vectors

    kind = titles(60)
    tasks = {"descriptions": task_of(kind, kind.pairs, 100, 0)}
    good, bad = measure(encode(0.1), tasks), measure(encode(2.0), tasks)
    found = compare(bad, good, tasks)
    assert verdict(found)[0]
    assert found["mean"].recall.low > 0.2
    assert not verdict(compare(good, bad, tasks))[0]
    same = compare(good, good, tasks)
    assert same["mean"].ndcg[2:] == (0, 0, 1)
    assert not verdict(same)[0]


def test_a_kind_that_is_clearly_worse_speaks_against_it():
    better, unclear = Change(0.5, 0.6, 0.05, 0.2, 1.0), Change(0.5, 0.4, -0.2, 0.01, 0.03)
    worse = unclear._replace(high=-0.05, p_worse=0.001)
    mean = Compared(90, 100, better, better)
    for metric, name in (("ndcg", "NDCG"), ("recall", "Recall")):
        kind = mean._replace(**{metric: worse})
        assert verdict({"searches": kind, "mean": mean}) == (
            False,
            f"clearly worse in searches: {name}@20 0.5000 before, 0.4000 after",
        )
        assert verdict({"searches": mean._replace(**{metric: unclear}), "mean": mean})[0]
    told, why = verdict({"mean": mean._replace(recall=unclear)})
    assert not told
    assert why.startswith("not clearly better: mean Recall@20 0.5000 before")


def test_what_counts_is_the_setting_then_the_adopted_then_the_default(tmp_path, monkeypatch):
    monkeypatch.delenv("SHOPGRAPH_ENCODER", raising=False)
    assert Settings(home=tmp_path).encoder == "all-MiniLM-L6-v2"
    adopt(tmp_path, "one")
    adopt(tmp_path, "two")
    assert Settings(home=tmp_path).encoder == str(tmp_path / "encoders" / "two")
    assert not Settings(home=tmp_path).encoder_is_set
    monkeypatch.setenv("SHOPGRAPH_ENCODER", "mine")
    assert Settings(home=tmp_path).encoder == "mine"
    assert Settings(home=tmp_path).encoder_is_set


def test_undo_takes_back_one_adoption_after_the_other(tmp_path):
    adopt(tmp_path, "one")
    adopt(tmp_path, "two")
    assert undo(tmp_path, "plain") == ("two", str(tmp_path / "encoders" / "one"))
    assert undo(tmp_path, "plain") == ("one", "plain")
    assert undo(tmp_path, "plain") == (None, "plain")
    assert adopted(tmp_path) is None


def test_an_adopted_encoder_that_is_gone_is_named(tmp_path):
    from kg.encoder import Encoder

    adopt(tmp_path, "gone")
    with pytest.raises(EncoderError, match=r"no encoder in .*gone.*fine-tune --undo"):
        Encoder(Settings(home=tmp_path).encoder)


def test_the_adopted_encoder_of_a_relative_home_is_a_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    adopt(Path("home"), "one")
    assert Settings(home=Path("home")).encoder == str(tmp_path / "home" / "encoders" / "one")
