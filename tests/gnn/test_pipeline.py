"""`gnn train` as a whole, and saved models."""

from pathlib import Path

import pytest
import torch

from gnn.config import TrainConfig
from gnn.pipeline import train_and_save
from gnn.store import load, run_folder
from kg.errors import ModelError
from tests.gnn.fake import fake_shop

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
        "fade": 0.0,
        "linear": about.curve[-1][3][1],
        **{name: about.serving[name] for name in ("lift", "popularity", "doubt")},
    }
    assert saved.linear.shape == (len(data.items), len(data.items))
    assert saved.linear.nnz
    names = {path.name for path in (tmp_path / "models" / about.version).iterdir()}
    assert names == {"run.json", "model.json", "model.safetensors", "twin.safetensors"}


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
    for about in (first, again):
        assert load(tmp_path, about.version[:-1]).about.version == about.version
    with pytest.raises(ModelError, match="More than one model '2'"):
        load(tmp_path, "2")


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


def test_texts_that_know_what_is_held_out_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = SMALL.model_copy(update={"max_epochs": 1})
    for encoder, told in (("all-MiniLM-L6-v2@1", False), ("tuned-20261125-172412@2", True)):
        train_and_save(fake_shop()._replace(encoder=encoder), tmp_path, small, "random", refit=False)
        assert ("fine-tuned on what is held out" in capsys.readouterr().err.replace("\n", " ")) == told
