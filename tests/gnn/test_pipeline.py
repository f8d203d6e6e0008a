"""`gnn train` as a whole, saved models, and the benchmark."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from gnn.baselines import ease, item_knn, popularity
from gnn.benchmark import MODELS, benchmark
from gnn.config import TrainConfig
from gnn.evaluate import evaluate, judgement
from gnn.fake import fake_shop
from gnn.graphs import history
from gnn.pipeline import train_and_save
from gnn.split import split
from gnn.store import load, run_folder
from kg.errors import ModelError

SMALL = TrainConfig(dim=16, max_epochs=3, text_k=3, bought_k=5)


def test_a_trained_model_is_saved_with_all_that_made_it(tmp_path: Path) -> None:
    data = fake_shop()
    about = train_and_save(data, tmp_path, SMALL, "random")
    saved = load(tmp_path)
    assert saved.about == about
    assert saved.about.item_ids == data.items["item_id"].tolist()
    assert saved.tensors["context"].shape == saved.tensors["target"].shape == (len(data.items), 16)
    assert set(about.metrics) == {"gnn", "popularity", "item-knn", "ease"}
    assert TrainConfig(**about.config) == SMALL
    assert about.serving == {
        "temperature": SMALL.temperature,
        "event_weights": {"view": 0.3, "cart": 0.6, "purchase": 1.0, "rating": 1.0},
    }
    names = {path.name for path in (tmp_path / "models" / about.version).iterdir()}
    assert names == {"run.json", "model.json", "model.safetensors"}


def test_a_killed_run_is_taken_up_again_and_a_finished_one_is_found(tmp_path: Path) -> None:
    data = fake_shop()
    plan = {"split": "random"}
    first = run_folder(tmp_path, data, plan)
    assert not first.resumed
    assert run_folder(tmp_path, data, plan) == (first.path, True, False)
    assert not run_folder(tmp_path, data, {"split": "time"}).resumed
    assert not run_folder(tmp_path, fake_shop(seed=1), plan).resumed
    (first.path / "model.json").write_text("{}")
    assert run_folder(tmp_path, data, plan) == (first.path, True, True)
    assert run_folder(tmp_path, data, plan, force=True).path != first.path


def test_a_finished_training_is_not_repeated_unless_forced(tmp_path: Path) -> None:
    first = train_and_save(fake_shop(), tmp_path, SMALL, "random", refit=False)
    assert train_and_save(fake_shop(), tmp_path, SMALL, "random", refit=False) == first
    again = train_and_save(fake_shop(), tmp_path, SMALL, "random", refit=False, force=True)
    assert again.version != first.version
    assert again.metrics == first.metrics


def test_no_model_and_a_broken_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No model in"):
        load(tmp_path)
    about = train_and_save(fake_shop(), tmp_path, SMALL, "random", refit=False)
    with pytest.raises(ModelError, match="No model 'x'"):
        load(tmp_path, "x")
    (tmp_path / "models" / about.version / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="is broken"):
        load(tmp_path)


def test_training_twice_gives_the_same_vectors(tmp_path: Path) -> None:
    data = fake_shop()
    for home in ("one", "two"):
        train_and_save(data, tmp_path / home, SMALL, "random")
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    assert torch.equal(one.tensors["target"], two.tensors["target"])


def test_the_benchmark_reports_every_model() -> None:
    data = fake_shop()
    results = benchmark(data, split(data, "given", with_test=True), SMALL, MODELS, seeds=2, ks=(5, 10))
    assert list(results) == ["gnn", "popularity", "item-knn", "ease"]
    for name, of_model in results.items():
        metrics = {k: v for k, v in of_model.items() if isinstance(v, dict)}
        assert {m.split("@")[0] for m in metrics} == {"recall", "ndcg", "hr", "mrr", "map", "coverage"}
        if name != "gnn":
            assert all(v["std"] == 0 for v in metrics.values())
    # Two kinds of people, two halves of the catalogue: who looks at the user beats popularity clearly.
    assert results["gnn"]["recall@10"]["mean"] > 1.2 * results["popularity"]["recall@10"]["mean"]


def test_the_benchmark_refuses_unknown_models_and_a_hidden_test_part() -> None:
    data = fake_shop()
    with pytest.raises(ModelError, match="No model x"):
        benchmark(data, split(data, "given", with_test=True), SMALL, ["x"], 1, (5,))
    with pytest.raises(ModelError, match="without its test part"):
        benchmark(data, split(data, "given"), SMALL, ["popularity"], 1, (5,))


@pytest.mark.data
def test_the_rivals_reach_the_published_figures_on_beauty(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "beauty" / "interactions.csv.gz")
    user, item = pd.factorize(rows["user"])[0], pd.factorize(rows["asin"])[0]
    rows = pd.DataFrame({"user": user, "item": item, "type": "rating", "part": rows["split_pgpr_cafe"]})
    sizes = int(user.max()) + 1, int(item.max()) + 1
    known = history(rows[rows["part"] == "train"], *sizes)
    judged = judgement(known, history(rows[rows["part"] == "test"], *sizes))
    figures = {
        scorer.__name__: [round(100 * table[m], 3) for m in ("recall@10", "ndcg@10", "hr@10")]
        for scorer in (popularity, item_knn, ease)
        for table in [evaluate(scorer(known), judged, ks=(10,))]
    }
    # DATA.md's table; ties in popularity and the kNN may fall differently.
    assert figures["popularity"] == pytest.approx([2.091, 1.194, 3.568], abs=0.01)
    assert figures["item_knn"] == pytest.approx([7.827, 5.631, 13.464], abs=0.02)
    assert figures["ease"] == pytest.approx([10.773, 7.767, 18.159], abs=0.01)
