"""The benchmark as a whole: every model, processes of their own, what is kept and what is left out."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gnn.evaluation import job
from gnn.evaluation.benchmark import Results, benchmark
from gnn.evaluation.job import Job, Outcome
from gnn.evaluation.plan import Planned, planned, read_tuned, settings
from gnn.evaluation.plots import draw
from gnn.evaluation.report import Report
from gnn.split import Split, split
from kg.dataset import ShopData
from kg.errors import ModelError
from tests.gnn.fake import fake_shop

GNN = "gnn:dim=16;max_epochs=3;text_k=3;bought_k=5"
ALL = [
    "popularity", "item-knn", "ease", "ials:factors=8", "bpr:factors=8;max_epochs=40",
    "lightgcn:dim=8;max_epochs=20", "content-knn", GNN,
]  # fmt: skip


def given() -> tuple[ShopData, Split]:
    data = fake_shop()
    return data, split(data, "given", with_test=True)


def test_the_report_has_every_model_and_all_that_is_asked(tmp_path: Path) -> None:
    data, parts = given()
    results = benchmark(data, parts, planned(ALL), 2, (5, 10), tmp_path, runner=job.run)
    report = Report(data, parts, results, (5, 10))
    whole = json.loads(json.dumps(report.as_json()))
    assert list(whole["models"]) == ALL
    names = {"recall", "ndcg", "hr", "mrr", "map", "coverage", "gini", "novelty"}
    for label, of in whole["models"].items():
        metrics = {k: v for k, v in of.items() if isinstance(v, dict)}
        assert {m.split("@")[0] for m in metrics} == names
        drawn = label.split(":")[0] in ("gnn", "ials", "bpr", "lightgcn")
        assert len(of["epochs"]) == (2 if drawn else 1)
        assert drawn == any(v["std"] > 0 for v in metrics.values())
    # Two kinds of people, two halves of the catalogue: who looks at the user beats popularity clearly.
    recall = {label: of["recall@10"]["mean"] for label, of in whole["models"].items()}
    assert recall[GNN] > 1.2 * recall["popularity"]
    assert [set(one) for one in whole["comparisons"][:1]] == [
        {"model", "against", "metric", "difference", "low", "high", "p"}
    ]
    against = {one["against"]: one for one in whole["comparisons"] if one["metric"] == "recall@10"}
    assert list(against) == ALL[:-1]
    assert against["popularity"]["difference"] == pytest.approx(recall[GNN] - recall["popularity"])
    users = report.by_user()
    mean = users[users["model"] == GNN].groupby("run")["recall@10"].mean().mean()
    assert mean == pytest.approx(recall[GNN])
    assert [len(of) for of in whole["curves"].values()] == [2, 2, 2, 2]
    pictures = draw({"dataset": "fake", "split": "given", **whole}, (5, 10), tmp_path)
    assert [path.name for path in pictures] == ["slices.png", "pareto.png", "curves.png"]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in pictures)


def test_a_run_in_a_process_of_its_own_gives_the_same_and_its_own_peak() -> None:
    data, parts = given()
    ballast = np.ones(2**27)  # 1 GB in this process alone
    outcomes = [
        benchmark(data, parts, planned(["ease"]), 1, (5,), runner=runner).outcomes["ease"][0]
        for runner in (job.run_apart, job.run)
    ]
    assert ballast.sum() == 2**27
    assert np.array_equal(outcomes[0].rankings["main"], outcomes[1].rankings["main"])
    assert outcomes[0].peak_mb < outcomes[1].peak_mb - 900


def test_finished_runs_are_kept_and_others_are_not_taken_for_them(tmp_path: Path) -> None:
    data = fake_shop()
    done: list[tuple[str, int]] = []

    def watched(one: Job) -> Outcome:
        done.append((one.model, one.seed))
        if len(done) == 3:
            raise KeyboardInterrupt
        return job.run(one)

    def run(models: list[str], of: ShopData = data, ks: tuple[int, ...] = (5,)) -> Results:
        return benchmark(of, split(of, "given", with_test=True), planned(models), 2, ks, tmp_path, watched)

    with pytest.raises(KeyboardInterrupt):
        run(["popularity", GNN])
    again = run(["popularity", GNN])
    assert done == [("popularity", 0), ("gnn", 0), ("gnn", 1), ("gnn", 1)]
    assert {label: len(of) for label, of in again.outcomes.items()} == {"popularity": 1, GNN: 2}
    assert run(["popularity", GNN]).outcomes[GNN][0].curve == again.outcomes[GNN][0].curve
    assert len(done) == 4
    run(["popularity"], ks=(7,))
    run(["popularity"], of=fake_shop(seed=1))
    run(["ease"])
    run(["ease:penalty=7"])
    assert done[4:] == [("popularity", 0), ("popularity", 0), ("ease", 0), ("ease", 0)]


def test_a_model_that_fails_is_named_and_left_out() -> None:
    data = fake_shop(with_text=False)
    parts = split(data, "random", with_test=True)
    results = benchmark(data, parts, planned(["content-knn", "ease"]), 1, (5,), runner=job.run)
    assert list(results.outcomes) == ["ease"]
    assert "needs item texts" in results.left_out["content-knn"]
    with pytest.raises(ModelError, match="No model is left: content-knn: content-knn needs item texts"):
        benchmark(data, parts, planned(["content-knn"]), 1, (5,), runner=job.run)


def test_why_a_process_failed_is_said(tmp_path: Path) -> None:
    shop = tmp_path / "shop.pkl"
    data = fake_shop(with_text=False)
    shop.write_bytes(pickle.dumps((data, split(data, "random", with_test=True))))
    with pytest.raises(ModelError, match="content-knn needs item texts"):
        job.run_apart(Job("content-knn", 0, {}, 5, shop, None))


def test_repeat_purchases_are_reported_apart_with_a_rival_of_their_own() -> None:
    data = fake_shop()
    events = data.interactions.sort_values(["user", "order"]).reset_index(drop=True)
    # Time runs for all users at once; each buys their first item twice at first, and once more at the end.
    events["order"] = events.groupby("user").cumcount()
    first = events.drop_duplicates("user")
    again, new = first.assign(order=10_000), first.assign(order=10_001, item=(first["item"] + 1) % 39)
    events = pd.concat([events, first, first, again, new], ignore_index=True)
    data = data._replace(interactions=events)
    parts = split(data, "time", share=0.2, with_test=True)
    results = benchmark(data, parts, planned(["popularity", "ease"]), 1, (1, 5), runner=job.run)
    whole = Report(data, parts, results, (1, 5)).as_json()
    assert set(whole["models"]) == {"popularity", "ease"}
    repeats = whole["repeats"]
    assert set(repeats["models"]) == {"popularity", "ease", "frequency"}
    assert repeats["models"]["frequency"]["recall@1"]["mean"] > 0.5
    recall = {name: of["recall@1"]["mean"] for name, of in repeats["models"].items()}
    assert recall["frequency"] > recall["popularity"]


def test_new_users_are_given_their_ids_back() -> None:
    data = fake_shop()
    parts = split(data, "new-users", given=2, with_test=True)
    results = benchmark(data, parts, planned(["ease"]), 1, (5,), runner=job.run)
    by_user = Report(data, parts, results, (5,)).by_user()
    assert parts.test is not None
    sizes = parts.test.groupby("user").size()
    assert dict(zip(by_user["user"], by_user["targets"], strict=True)) == {
        str(data.users[user]): size for user, size in sizes.items()
    }
    assert (by_user["history"] == 2).all()


def test_a_hidden_test_part_is_refused() -> None:
    data = fake_shop()
    with pytest.raises(ModelError, match="without its test part"):
        benchmark(data, split(data, "given"), planned(["popularity"]), 1, (5,), runner=job.run)


def test_parameters_come_from_the_label_then_the_command_then_the_search(tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.json"
    searched = {"gnn": {"params": {"dim": 8, "temperature": 0.2}}, "ease": {"params": {"penalty": 9.0}}}
    tuned.write_text(json.dumps({"models": searched}))
    rows = planned(
        ["gnn:dim=32", "gnn", "ease"], {"temperature": "0.3", "relations": True}, read_tuned(tuned)
    )
    assert [(row.label, row.model) for row in rows] == [
        ("gnn:dim=32", "gnn"),
        ("gnn", "gnn"),
        ("ease", "ease"),
    ]
    assert [row.params.get("dim") for row in rows] == [32, 8, None]
    assert rows[0].params["temperature"] == 0.3
    assert rows[0].params["relations"] is True
    assert rows[2] == Planned("ease", "ease", {"penalty": 9.0})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("x", "No model x; there are: popularity, item-knn, ease, ials, bpr, lightgcn, content-knn, gnn"),
        ("ease:lambda=5", "ease has no parameter lambda; it has: penalty"),
        ("ease:penalty=-1", "ease: penalty is '-1': input should be greater than 0"),
        ("ease:penalty", "'penalty' is not NAME=VALUE"),
        ("popularity:x=1", "popularity has no parameter x; it has: none"),
    ],
)
def test_bad_models_and_parameters_are_refused(asked: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        planned([asked])


def test_a_file_that_is_no_search_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ModelError, match="is no result of shopgraph gnn tune"):
        read_tuned(tmp_path / "x.json")
    assert settings([]) == {}
