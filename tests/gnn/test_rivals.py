"""Rivals: formulas by hand, published figures, and that each learns what there is to learn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from gnn.config import TrainConfig
from gnn.evaluation.baselines import content_knn, ease, frequency, item_knn, popularity
from gnn.evaluation.evaluate import Asked, evaluate, judgement
from gnn.evaluation.judgements import test_judgement as asked_of
from gnn.evaluation.params import checked
from gnn.evaluation.rivals import RIVALS, fit_model, parameters
from gnn.histories import histories
from gnn.pipeline import fit_twice
from gnn.split import split
from gnn.train import fit
from kg.errors import ModelError
from tests.gnn.fake import fake_shop
from tests.gnn.known import known

TRAIN = sp.csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1]], dtype=np.float32))
SMALL = {
    "ials": {"factors": 8},
    "bpr": {"factors": 8, "max_epochs": 60},
    "lightgcn": {"dim": 8, "max_epochs": 40, "learning_rate": 0.02, "batch": 64},
}


def asks(*rows: list[int], users: list[int] | None = None) -> Asked:
    weights = sp.csr_matrix(np.array(rows, dtype=np.float32))
    return Asked(np.array(users or [-1] * len(rows)), *known(weights))


def test_item_knn_is_the_cosine_of_user_sets() -> None:
    # Items 0 and 1 share two users of 3 and 2; items 0 and 2 share two of 3 and 3.
    scores = item_knn(TRAIN)(asks([1, 0, 0, 0]))
    np.testing.assert_allclose(scores, [[0, 2 / np.sqrt(6), 2 / 3, 0]], rtol=1e-6)
    shrunk = item_knn(TRAIN, neighbours=1, shrink=1)(asks([1, 0, 0, 0]))
    np.testing.assert_allclose(shrunk, [[0, 2 / (np.sqrt(6) + 1), 0, 0]], rtol=1e-6)


def test_ease_is_the_closed_form() -> None:
    train = sp.csr_matrix(np.random.default_rng(0).integers(0, 2, (40, 7)).astype(np.float32))
    inverse = np.linalg.inv((train.T @ train).toarray() + 5 * np.eye(7))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(ease(train, 5)(asks(*np.eye(7).tolist())), expected, rtol=1e-4, atol=1e-6)


def test_ease_refuses_a_catalogue_that_does_not_fit() -> None:
    with pytest.raises(ModelError, match="70,000 items, 60,000 at most"):
        ease(sp.csr_matrix((2, 70_000), dtype=np.float32))


def test_content_knn_is_the_cosine_of_texts() -> None:
    text = np.array([[1, 0], [0.6, 0.8], [0, 1], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(content_knn(text)(asks([1, 0, 1, 0])), [[1, 1.4, 1, 0]], rtol=1e-6)
    np.testing.assert_allclose(content_knn(text, 1)(asks([1, 0, 1, 0])), [[0, 1.4, 0, 0]], rtol=1e-6)


def test_frequency_goes_by_times_then_by_the_latest_and_knows_no_stranger() -> None:
    times = sp.csr_matrix(np.array([[0, 2, 1, 2]], dtype=np.float32))
    last = sp.csr_matrix(np.array([[0, 0.5, 0.75, 0.25]], dtype=np.float32))
    scores = frequency(times, last)(asks([0, 1, 1, 1], [1, 0, 0, 0], users=[0, -1]))
    assert scores.tolist() == [[0, 2.5, 1.75, 2.25], [0, 0, 0, 0]]


@pytest.mark.parametrize("name", [name for name in RIVALS if name != "content-knn"])
def test_every_rival_but_popularity_finds_the_user_s_half_of_the_catalogue(name: str) -> None:
    data = fake_shop(200)
    parts = split(data, "random", with_test=True)
    params = checked(parameters(name), SMALL.get(name, {}), name)
    scorer = fit_model(name, data, parts, params, seed=0).scorer
    judged = asked_of(data, parts)
    half = (np.arange(len(data.items)) >= 20)[None, :]
    for asked in (judged.asked, judged.asked._replace(users=np.full(len(judged.asked.users), -1))):
        scores = np.array(scorer(asked), dtype=float)
        mine = judged.asked.users[:, None] % 2 == half
        mine[:, [19, 39]] = scores[:, [19, 39]] = False  # hardly anybody bought these
        inside = (scores * mine).sum(axis=1) > (scores * ~mine).sum(axis=1)
        assert (inside.mean() < 0.7) if name == "popularity" else (inside.mean() > 0.9)


@pytest.mark.parametrize("name", list(SMALL))
def test_a_rival_that_draws_gives_the_same_with_the_same_seed(name: str) -> None:
    data = fake_shop()
    parts = split(data, "random", with_test=True)
    params = checked(parameters(name), SMALL[name], name)
    asked = asked_of(data, parts).asked
    scores = [fit_model(name, data, parts, params, seed).scorer(asked) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_the_validation_part_is_trained_on_unless_it_is_told_as_history_only() -> None:
    data = fake_shop()
    parts = split(data, "leave-one-out", with_test=True)
    config = TrainConfig(dim=8, max_epochs=1, precision="float32", fit_valid=False)
    _, train_alone = fit_twice(data, parts, config)
    _, both = fit_twice(data, parts, config.model_copy(update={"fit_valid": True}))
    _, blind = fit_twice(data, parts._replace(test=None), config)
    assert torch.equal(train_alone.tensors["target"], blind.tensors["target"])
    chosen = train_alone.blend  # also how new items count, which shows in their targets
    expected = fit(data, parts.train, config, order=parts.order, epochs=1, blend=chosen).tensors["target"]
    # A new item's target is added up in another order where a validation part judges.
    torch.testing.assert_close(train_alone.tensors["target"], expected, rtol=0, atol=1e-6)
    assert not torch.allclose(both.tensors["target"], expected, atol=1e-2)


def test_epochs_are_chosen_on_validation_and_the_curve_says_so() -> None:
    data = fake_shop()
    parts = split(data, "random", with_test=True)
    params = checked(parameters("lightgcn"), SMALL["lightgcn"], "lightgcn")
    chosen = fit_model("lightgcn", data, parts, params, seed=0)
    best = max(chosen.curve, key=lambda line: line["ndcg@20"])
    assert chosen.epochs == best["epoch"]


def test_content_knn_says_that_it_needs_texts() -> None:
    data = fake_shop(with_text=False)
    parts = split(data, "random", with_test=True)
    with pytest.raises(ModelError, match="needs item texts"):
        fit_model("content-knn", data, parts, checked(parameters("content-knn"), {}, "content-knn"), 0)


@pytest.mark.data
def test_the_rivals_reach_the_published_figures_on_beauty(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "beauty" / "interactions.csv.gz")
    user, item = pd.factorize(rows["user"])[0], pd.factorize(rows["asin"])[0]
    rows = pd.DataFrame({"user": user, "item": item, "type": "rating", "part": rows["split_pgpr_cafe"]})
    rows["order"] = 0
    sizes = int(user.max()) + 1, int(item.max()) + 1
    train = histories(rows[rows["part"] == "train"], *sizes)
    judged = judgement(train, histories(rows[rows["part"] == "test"], *sizes).weight)
    figures = {
        scorer.__name__: [round(100 * table[m], 3) for m in ("recall@10", "ndcg@10", "hr@10")]
        for scorer in (popularity, item_knn, ease)
        for table in [evaluate(scorer(train.weight), judged, ks=(10,))]
    }
    # DATA.md's table; ties in popularity and the kNN may fall differently.
    assert figures["popularity"] == pytest.approx([2.091, 1.194, 3.568], abs=0.01)
    assert figures["item_knn"] == pytest.approx([7.827, 5.631, 13.464], abs=0.02)
    assert figures["ease"] == pytest.approx([10.773, 7.767, 18.159], abs=0.01)
