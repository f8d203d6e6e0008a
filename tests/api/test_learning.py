"""The ranking that is learned from what shoppers went on to choose, on shops where that is known."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from api.encoder import QueryEncoder
from api.evaluation.measure import Case as Asked
from api.evaluation.measure import ndcg as plain_ndcg
from api.learning.cases import cases_of, held_out
from api.learning.judge import gains
from api.learning.learn import learn, undo
from api.learning.logit import Choices, fit
from api.learning.timeline import Timeline
from api.learning.twin import Twin, as_judged, load_twin
from api.ranking.learned import learned_from
from api.ranking.weights import DEFAULT
from api.state.loading import load_snapshot
from gnn.split import split
from kg.dataset import ShopData, from_graph
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load
from kg.refresh.job import Done, Job, Options
from kg.refresh.lease import Lease
from kg.refresh.run import _one
from kg.refresh.stages import STAGES
from kg.schema import make_keys
from kg.settings import Settings
from tests.api import learnable
from tests.api.test_recommendations import ask, wait_for
from tests.api.test_scenarios import put
from tests.gnn.fake import fake_shop


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose models are in a folder of their own; answers wait for the history on a busy machine."""
    return settings.model_copy(update={"home": tmp_path, "history_timeout": 10.0})


@pytest.fixture
def running(graph: Graph, home: Settings) -> Iterator[TestClient]:
    """The API on a shop whose shoppers follow the trend."""
    learnable.write(graph, home.home, learnable.by_trend)
    with TestClient(create_app(home)) as client:
        yield client


def test_what_is_chosen_by_is_learned_adopted_followed_and_taken_back(
    running: TestClient, graph: Graph, home: Settings
) -> None:
    before = ask(running, user_id="u001", limit=5)
    assert before["ranking"] is None

    found = learn(graph, home)

    assert found.adopted
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.ndcg["learned"] > 1.5 * found.ndcg["present"]
    assert found.weights["trend"] > found.weights["popularity"]
    assert found.weights["trend"] > 0.3
    assert "words" not in found.weights  # nobody searched
    wait_for(lambda: ask(running, user_id="u001")["ranking"] == found.learned_at, seconds=3)
    after = ask(running, user_id="u001", limit=5)
    for item in after["items"]:
        assert sum(r["contribution"] for r in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)
    assert any(r["type"] == "trend" for r in after["items"][0]["reasons"])
    nobody = ask(running)["fallback_used"]
    assert nobody["reason"] == "The request names no user, items or words to go by."
    assert nobody["to"] == "popular"  # what was learned beside a past says nothing of who has none
    assert ask(running)["ranking"] is None

    put(running, "quiet", weights=dict.fromkeys(found.weights, 0.0))
    wait_for(
        lambda: ask(running, user_id="u001", scenario="quiet", limit=5)["scenario"] == "quiet", seconds=2
    )
    plain = ask(running, user_id="u001", scenario="quiet", limit=5)
    assert [i["item_id"] for i in plain["items"]] == [i["item_id"] for i in before["items"]]

    again = learn(graph, home)
    assert not again.adopted
    assert again.ndcg["learned"] == pytest.approx(again.ndcg["present"], rel=0.02)

    assert undo(graph)
    assert not undo(graph)
    wait_for(lambda: ask(running, user_id="u001")["ranking"] is None, seconds=3)
    assert ask(running, user_id="u001", limit=5)["items"] == before["items"]


def test_shoppers_who_keep_to_a_category_are_understood(graph: Graph, home: Settings) -> None:
    learnable.write(graph, home.home, learnable.by_category)
    found = learn(graph, home, adopt=False)
    assert found.ndcg["learned"] > 1.5 * found.ndcg["present"]
    spread = np.log(1 + learnable.ITEMS / learnable.CATEGORIES)
    assert found.weights["category"] / spread > 3 * found.weights["trend"]
    assert not graph.read(load("ranking").every)


def test_words_that_led_to_choices_tell_how_much_words_count(
    graph: Graph, settings: Settings, query_encoder: QueryEncoder
) -> None:
    learnable.write(graph, settings.home, learnable.at_random, query_encoder)
    found = learn(graph, settings, adopt=False)
    assert (
        found.weights["words"] > 1
    )  # the model tells nothing, and each choice is among the eight of its word
    assert found.ndcg["learned"] > 0.3  # at random among the eight it would be 0.5, among all 0.1


def test_where_nothing_is_to_be_gained_nothing_is_adopted(
    graph: Graph, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnable.write(graph, home.home, learnable.at_random)
    c = graph.connection
    for name, value in {"HOME": home.home, "NEO4J_URI": c.uri, "NEO4J_PASSWORD": c.password}.items():
        monkeypatch.setenv(f"SHOPGRAPH_{name}", str(value))

    told = CliRunner().invoke(app, ["learn", "--json", "--trees"], catch_exceptions=False)

    found = json.loads(told.stdout)
    assert not found["adopted"]
    assert "not clearly better" in found["reason"]
    assert set(found["ndcg"]) == {"present", "built-in", "learned", "trees"}
    assert not graph.read(load("ranking").every)


def test_without_a_twin_it_says_what_to_run(graph: Graph, home: Settings) -> None:
    learnable.write(graph, home.home, learnable.at_random)
    folder = home.home / "models" / learnable.VERSION
    (folder / "twin.safetensors").unlink()
    with pytest.raises(ModelError, match=r"'model-1' has no twin .*Run: shopgraph gnn train"):
        learn(graph, home)
    (folder / "twin.safetensors").write_bytes(b"scraps")
    with pytest.raises(ModelError, match=r"twin.safetensors is broken"):
        learn(graph, home)
    vectors = np.ones((learnable.ITEMS, 16), np.float32)
    learnable.save_twin(home.home, vectors, vectors, split="random")
    with pytest.raises(ModelError, match=r"split 'random'.*--split time"):
        learn(graph, home)
    (folder / "model.json").unlink()
    with pytest.raises(ModelError, match=r"The model 'model-1' is not in .*Run: shopgraph gnn train"):
        learn(graph, home)


def test_a_refresh_learns_once_beside_each_model(graph: Graph, home: Settings) -> None:
    learnable.write(graph, home.home, learnable.by_trend)
    make_keys(graph)
    (stage,) = (stage for stage in STAGES if stage.name == "learn")
    twin = home.home / "models" / learnable.VERSION / "twin.safetensors"
    with Lease(graph, "test") as lease:

        def ran(job_id: str, **options: bool) -> Done:
            job = Job(graph, home, Options(**options), job_id, lease, [])
            _one(job, stage)
            return job.done["learn"]

        assert ran("not-asked-for", retrain=False).counts == {"learned": False}
        whole = twin.read_bytes()
        twin.write_bytes(b"scraps")
        assert "shopgraph api learn ended with 1" in ran("broken").counts["reason"]
        twin.write_bytes(whole)
        about = twin.with_name("model.json")
        noted = about.read_bytes()
        about.unlink()
        assert "was trained elsewhere" in ran("elsewhere").counts["reason"]
        about.write_bytes(noted)
        graph.write(load("experiments").start, name="e", compares="model", a="v", b="w", share=0.5)
        assert ran("compared").counts["reason"] == "the experiment e compares two models"
        graph.write(load("experiments").stop, name="e")
        first = ran("first")
        assert first.changed
        assert first.counts["adopted"], first.counts["reason"]
        assert first.counts["weights"]["trend"] > 0.3
        assert ran("second") == Done({"learned": False})
    (row,) = graph.read(load("ranking").every)
    assert json.loads(row["weights"]) == first.counts["weights"]


def test_where_times_tie_the_last_items_are_those_that_the_twin_was_judged_by() -> None:
    data = fake_shop()
    data = data._replace(interactions=data.interactions.assign(order=data.interactions["order"] // 40))
    none, nothing = np.zeros((0, 2), np.float32), sp.csr_matrix((0, 0))
    twin = Twin("v", "leave-one-out", None, {}, [], none, none, nothing)
    held = data.interactions[held_out(data, twin)]
    test = split(data, "leave-one-out", with_test=True).test
    assert test is not None
    asked, judged = (set(zip(of["user"], of["item"], strict=True)) for of in (held, test))
    assert len(judged) > 50
    assert asked == judged


def test_nothing_looks_ahead(graph: Graph, home: Settings) -> None:
    """Before a moment the shop looks as it did to those who asked then, whatever happens later."""
    learnable.write(graph, home.home, learnable.by_trend)
    data, twin = from_graph(graph), load_twin(home.home, learnable.VERSION)
    held = held_out(data, twin)
    order = data.interactions["order"].to_numpy()
    assert twin.judged_until is not None
    assert np.array_equal(held, order > twin.judged_until)
    assert held.any()
    assert not held.all()
    cases = cases_of(data, held, {"u001": [(0, "too early"), (int(order.max()), "tea")]})
    moment = cases[len(cases) // 2].at
    user = [data.interactions[data.interactions["user"] == case.user] for case in cases]
    for case, rows in zip(cases, user, strict=True):
        ids = [f"i{item:02d}" for item in rows["item"][rows["order"] < case.at][::-1]]
        assert [item for item, _ in case.past] == ids
        assert set(case.items) == set(rows["item"][rows["order"] == case.at]) - set(
            rows["item"][rows["order"] < case.at]
        )
    assert {case.words for case in cases} <= {None, "tea"}

    snapshot = as_judged(load_snapshot(graph), twin)
    events = snapshot.event_weights(DEFAULT.events)
    told = Timeline(data, held, snapshot, events)
    told.before(cases[0].at)
    whole = told.before(moment)
    earlier = data._replace(interactions=data.interactions[order < moment])
    cut = Timeline(earlier, held[order < moment], snapshot, events).before(moment)
    np.testing.assert_allclose(whole.activity.trend, cut.activity.trend)
    np.testing.assert_array_equal(whole.activity.first_seen, cut.activity.first_seen)
    np.testing.assert_array_equal(whole.shoppers, cut.shoppers)

    # Seasons take years: the same purchases eight times as slowly.
    slow, at = (learnable.START + (times - learnable.START) * 8 for times in (order, moment))
    years = data._replace(interactions=data.interactions.assign(order=slow))
    past = years._replace(interactions=years.interactions[slow < at])
    seasons, known = (
        Timeline(some, held[: len(some.interactions)], snapshot, events).before(at).categories.seasons
        for some in (years, past)
    )
    assert len(seasons) == len(known) == learnable.CATEGORIES
    for category, season in seasons.items():
        np.testing.assert_array_equal(season, known[category])

    graph.write(learnable.WRITES["forget"], since=moment)
    then = load_snapshot(graph)
    np.testing.assert_allclose(
        whole.activity.trend, then.activity.trend, atol=0.1
    )  # the graph is asked for 60 days
    np.testing.assert_array_equal(whole.activity.first_seen, then.activity.first_seen)
    np.testing.assert_array_equal(whole.shoppers, then.shoppers)


def test_weights_that_cannot_be_read_do_nothing() -> None:
    row = {"kind": "for_you", "learned_at": "2026", "model_version": "m", "beside_words": 0.5}
    for bad in (None, "scraps", "[1]", '{"trent": 1}', '{"trend": "1"}'):
        assert learned_from([{**row, "weights": bad}]).over(DEFAULT, "for_you") is DEFAULT
    for share in (None, "half", 1.5):
        typed = {**row, "weights": '{"trend": 1}', "beside_words": share}
        assert learned_from([typed]).over(DEFAULT, "for_you") is DEFAULT
    learned = learned_from([{**row, "weights": '{"trend": 2.5, "novelty": 0}'}])
    changed = learned.over(DEFAULT, "for_you").kinds
    assert changed["for_you"] == DEFAULT.kinds["for_you"].model_copy(update={"trend": 2.5})
    assert changed["search"] == DEFAULT.kinds["search"]
    beside = learned.over(DEFAULT, "for_you", words=True).kinds["for_you"]
    assert beside == DEFAULT.kinds["for_you"].model_copy(update={"trend": 1.25})
    assert learned.over(DEFAULT, "trending") is DEFAULT


def test_of_a_shop_without_times_the_last_pair_of_each_user_is_asked_for(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(6, 4)).astype(np.float32)
    learnable.save_twin(tmp_path, vectors, vectors, split="leave-one-out")
    rows = [(0, 1, 1), (0, 2, 2), (0, 1, 3), (0, 3, 4), (1, 2, 1), (1, 4, 2), (2, 0, 1), (2, 3, 2), (2, 5, 3)]
    frame = pd.DataFrame(rows, columns=["user", "item", "order"]).assign(type="purchase")
    items = pd.DataFrame({"item_id": [f"i{k:02d}" for k in range(6)]})
    none = pd.DataFrame()
    data = ShopData(items, np.array(["a", "b", "c"]), frame, False, none, None)

    cases = cases_of(data, held_out(data, load_twin(tmp_path, learnable.VERSION)), {"a": [(4, "tea")]})

    assert [(c.user, c.items) for c in cases] == [(2, (5,)), (0, (3,))]  # b has two items only
    assert cases[1].past == (("i01", "BOUGHT"), ("i02", "BOUGHT"))  # newest first
    assert {c.words for c in cases} == {None}


def test_the_fit_finds_the_weights_that_choices_were_drawn_by() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(4_000, 30, 4)).astype(np.float32) * np.array([1, 5, 0.2, 1], np.float32)
    truth = np.array([0.5, 0.2, 3.0, 0.0])
    p = np.exp(x @ truth)
    taken = np.array([random.choice(30, p=row / row.sum()) for row in p])
    first = np.take_along_axis(x, taken[:, None, None], axis=1)
    others = x[np.arange(30)[None, :] != taken[:, None]].reshape(len(x), 29, 4)
    rows = np.concatenate([first, others], axis=1)
    rows[:, :, 3] *= -1  # speaks against an item by chance at most
    choices = Choices(rows, np.zeros(rows.shape[:2], np.float32), np.full(len(rows), 1 / len(rows)))

    found = fit(choices)

    np.testing.assert_allclose(found[:3], truth[:3] / truth[0], rtol=0.15)
    assert found[0] == 1
    assert 0 <= found[3] < 0.1
    some = choices._replace(
        x=rows[:, :11], offset=np.tile(np.r_[0, np.full(10, np.log(2.9))], (len(rows), 1)).astype(np.float32)
    )
    np.testing.assert_allclose(fit(some)[:3], truth[:3] / truth[0], rtol=0.25)  # ten stand for 29


def test_ndcg_is_that_of_the_evaluation() -> None:
    random = np.random.default_rng(3)
    scores = random.normal(size=200).astype(np.float32)
    order = [str(n) for n in np.argsort(-scores)]
    for taken in (np.argsort(-scores)[[0, 4, 19]], np.arange(30), np.array([int(order[20])])):
        case = Asked("", {str(n): 1.0 for n in taken})
        assert gains(scores, taken).sum() == pytest.approx(plain_ndcg(order, case, 20))
    tied = np.zeros(30, np.float32)
    assert gains(tied, np.array([1])).sum() == pytest.approx(1 / np.log2(3))
