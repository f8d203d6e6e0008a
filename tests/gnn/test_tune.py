"""The search for parameters: on validation alone, within its budget, taken up again."""

import json
from pathlib import Path
from typing import Any

import pytest

from gnn.config import TrainConfig
from gnn.evaluation.params import EaseParams
from gnn.evaluation.plan import planned, read_tuned
from gnn.evaluation.rivals import MODELS, Chosen, parameters, try_model
from gnn.evaluation.tune import space, tune
from gnn.histories import Order
from gnn.split import split
from kg.errors import ModelError
from tests.gnn.fake import fake_shop


def test_every_range_is_of_a_parameter_and_makes_it_valid() -> None:
    for model in MODELS:
        kind = parameters(model)
        for order in Order:
            ranges = space(model, order=order)
            assert set(ranges) <= set(kind.model_fields)
            for end in ("low", "high"):
                kind.model_validate({name: getattr(within, end) for name, within in ranges.items()})
    assert set(space("ease", order=Order.NONE)) == {"penalty"}


def test_only_what_a_training_reads_is_searched_and_the_default_is_within() -> None:
    any_, next_ = space("gnn", order=Order.LOOSE), space("gnn", order=Order.STRICT)
    assert set(any_) - set(next_) == {"shown_share"}
    assert set(next_) - set(any_) == {"next_items", "fade"}
    for name, (low, high, _) in (any_ | next_).items():
        assert low <= getattr(TrainConfig(), name) <= high


def test_every_model_has_the_same_number_of_trials(tmp_path: Path) -> None:
    data = fake_shop()
    fixed = {"max_epochs": 1, "dim": 8}
    parts = split(data, "leave-one-out")
    found = tune(data, parts, MODELS, 3, 5, tmp_path / "t.json", fixed=fixed)
    assert set(found["models"]) == set(MODELS) - {"popularity"}
    for name, of in found["models"].items():
        assert len(of["trials"]) == 3, name
    searched = found["models"]["gnn"]["searched"]
    assert set(searched) == set(space("gnn", order=parts.order)) - {"dim"}
    assert len({trial["params"]["batch_users"] for trial in found["models"]["gnn"]["trials"]}) > 1


def test_the_first_trial_is_the_defaults_and_the_best_is_chosen(tmp_path: Path) -> None:
    data = fake_shop()
    parts = split(data, "random")
    assert parts.test is None
    found = tune(data, parts, ["popularity", "ease", "item-knn"], 4, 5, tmp_path / "tuned.json")
    assert json.loads((tmp_path / "tuned.json").read_text()) == found
    assert found["budget"] == {"trials": 4, "minutes": 5, "seed": 0}
    assert set(found["models"]) == {"ease", "item-knn"}  # popularity has nothing to search
    for of in found["models"].values():
        assert len(of["trials"]) == 4
        assert of["value"] == max(trial["value"] for trial in of["trials"])
        assert of["first"] == of["trials"][0]["value"]
    assert found["models"]["ease"]["trials"][0]["params"] == {"penalty": EaseParams().penalty}
    assert len({trial["params"]["penalty"] for trial in found["models"]["ease"]["trials"]}) == 4
    rows = planned(["ease"], tuned=read_tuned(tmp_path / "tuned.json"))
    assert rows[0].params == found["models"]["ease"]["params"]


def test_a_search_is_taken_up_again_and_its_trials_count(tmp_path: Path) -> None:
    data = fake_shop()
    parts, path = split(data, "random"), tmp_path / "tuned.json"
    first = tune(data, parts, ["ease"], 2, 5, path)["models"]["ease"]["trials"]
    more = tune(data, parts, ["ease"], 3, 5, path)["models"]["ease"]["trials"]
    assert more[:2] == first
    assert len(more) == 3
    assert tune(data, parts, ["ease"], 3, 5, path)["models"]["ease"]["trials"] == more


def test_a_search_that_was_cut_off_in_its_first_trial_begins_with_the_defaults_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fake_shop()
    parts, path = split(data, "random"), tmp_path / "tuned.json"

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("gnn.evaluation.tune.try_model", cut)
        with pytest.raises(KeyboardInterrupt):
            tune(data, parts, ["ease"], 2, 5, path)
    found = tune(data, parts, ["ease"], 2, 5, path)["models"]["ease"]
    assert found["trials"][0]["params"] == {"penalty": EaseParams().penalty}
    assert len(found["trials"]) == 2


def test_a_trial_that_fails_costs_no_more_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fake_shop()
    parts, path = split(data, "random"), tmp_path / "tuned.json"

    def fails(*arguments: Any) -> Chosen:
        if arguments[3] != EaseParams():
            raise ModelError("not a number")
        return try_model(*arguments)

    monkeypatch.setattr("gnn.evaluation.tune.try_model", fails)
    found = tune(data, parts, ["ease"], 3, 5, path)["models"]["ease"]
    assert [trial["params"] for trial in found["trials"]] == [EaseParams().model_dump()]
    monkeypatch.setattr("gnn.evaluation.tune.try_model", lambda *_: fails(*range(4)))
    left_out = tune(data, parts, ["item-knn"], 2, 5, path)["left_out"]
    assert left_out == {"item-knn": "none of its trials ended: not a number"}


def test_the_gnn_keeps_what_is_fixed(tmp_path: Path) -> None:
    data = fake_shop()
    fixed = {"relations": True, "dim": 8, "max_epochs": 1}
    found = tune(data, split(data, "random"), ["gnn"], 1, 5, tmp_path / "t.json", fixed=fixed)
    assert fixed.items() <= found["models"]["gnn"]["params"].items()


def test_a_model_that_cannot_be_searched_is_left_out_and_an_unknown_one_refused(tmp_path: Path) -> None:
    data = fake_shop(with_text=False)
    parts = split(data, "random")
    found = tune(data, parts, ["content-knn", "ease"], 1, 5, tmp_path / "t.json")
    assert set(found["models"]) == {"ease"}
    assert "needs item texts" in found["left_out"]["content-knn"]
    with pytest.raises(ModelError, match="No model x"):
        tune(data, parts, ["x"], 1, 5, tmp_path / "t.json")
