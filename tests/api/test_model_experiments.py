"""Experiments of two models over HTTP: both answer side by side, and neither can be replaced meanwhile."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
import scipy.sparse as sp
from fastapi.testclient import TestClient

from api.ranking.screen import Codes
from api.state.challenger import Learned
from kg.driver import Graph
from kg.errors import ModelError, SettingsError
from kg.feedback.experiments import Experiment
from kg.models import promote
from tests.api import shop
from tests.api.test_cli import environment  # noqa: F401 - a fixture
from tests.api.test_experiments import run  # noqa: F401 - a fixture
from tests.api.test_items import NEW, client  # noqa: F401 - a fixture
from tests.api.test_items import put as write
from tests.api.test_recommendations import ask, ids, wait_for
from tests.api.test_scenarios import put
from tests.api.test_search import explain
from tests.kg.test_models import FORGET

MODELS = Experiment("models", "model", "model-1", "model-2", 0.5, datetime.now(UTC))
SESSIONS = {MODELS.arm_of(f"session:{n}"): str(n) for n in range(20)}  # one on each side


def test_two_models_share_the_shoppers(filled: Graph, client: TestClient, run) -> None:  # noqa: F811 - fixtures
    """Each answers with its own vectors; items that come meanwhile are found by both."""
    shop.publish(filled, "model-2", "green", seed=2, leads_to=[("tea-0", "coffee-3", 9.0)])
    promote(filled, "model-1")
    for name in ("home", "other"):
        put(client, name)
    with pytest.raises(SettingsError, match="expected the one that is live, model-1"):
        run("start", "models", "--a", "model:model-2", "--b", "model:model-1")
    assert run("start", "models", "--a", "model:model-1", "--b", "model:model-2").exit_code == 0
    wait_for(lambda: ask(client, user_id="x", limit=1)["experiment"] == "models", seconds=3)
    with pytest.raises(SettingsError, match="'models' runs, and one of models takes all shoppers"):
        run("start", "y", "--a", "scenario:home", "--b", "scenario:other")
    with pytest.raises(ModelError, match="shopgraph experiment stop models"):
        promote(filled, "model-2")

    request = {"session_items": ["tea-0", "coffee-2"], "limit": 16}
    answers = {arm: ask(client, session_id=shopper, **request) for arm, shopper in SESSIONS.items()}
    assert {arm: a["model_version"] for arm, a in answers.items()} == {"a": "model-1", "b": "model-2"}
    assert answers["a"]["graph_version"] == answers["b"]["graph_version"]
    assert ids(answers["b"])[0] == "coffee-3"  # by the edge, which the other model lacks
    why = explain(client, session_id=SESSIONS["b"], item_id="coffee-3", **request)
    assert (why["model_version"], why["rank"]) == ("model-2", 1)

    write(client, "new", **NEW)
    for shopper in SESSIONS.values():
        found = {"query": "oolong tea leaves", "limit": 3, "session_id": shopper}
        wait_for(lambda found=found: "new" in ids(ask(client, **found)), seconds=5)

    run("stop", "models")
    wait_for(lambda: ask(client, user_id="x", limit=1)["experiment"] is None, seconds=2)
    assert ask(client, session_id=SESSIONS["b"], **request)["model_version"] == "model-1"
    report = json.loads(run("report", "models", "--json").stdout)
    assert [side["side"] for side in report["arms"]] == ["model-1", "model-2"]
    promote(filled, "model-2")
    wait_for(lambda: ask(client, user_id="x", limit=1)["model_version"] == "model-2", seconds=3)


def test_an_experiment_of_models_waits_for_both(filled: Graph, client: TestClient, run) -> None:  # noqa: F811 - fixtures
    shop.publish(filled, "model-2", "green", seed=2)
    promote(filled, "model-1")
    run("start", "models", "--a", "model:model-1", "--b", "model:model-2")
    wait_for(lambda: ask(client, user_id="x", limit=1)["experiment"] == "models", seconds=3)
    shop.publish(filled, "model-3", "blue", seed=3)  # as nothing that looks at experiments does
    wait_for(lambda: ask(client, user_id="x", limit=1)["model_version"] == "model-3", seconds=3)
    answer = ask(client, user_id="x", limit=1)
    assert (answer["experiment"], answer["notes"][0]) == (
        None,
        "The experiment 'models' waits: not both of its models are at hand.",
    )


def test_a_second_model_with_broken_vectors_leaves_the_first_one_answering(
    filled: Graph,
    client: TestClient,  # noqa: F811 - fixtures
    run,  # noqa: F811
) -> None:
    shop.publish(filled, "model-2", "green", seed=2, broken={"tea-4": [float("nan")] * shop.DIM})
    promote(filled, "model-1")
    run("start", "models", "--a", "model:model-1", "--b", "model:model-2")
    wait_for(lambda: "waits" in str(ask(client, user_id="x", limit=1)["notes"]), seconds=3)
    for session in SESSIONS.values():
        answer = ask(client, session_id=session, limit=1)
        assert (answer["experiment"], answer["model_version"]) == (None, "model-1")


def test_items_that_are_gone_do_not_stop_a_second_model(
    filled: Graph,
    client: TestClient,  # noqa: F811 - fixtures
    run,  # noqa: F811
) -> None:
    """A snapshot keeps the places of deleted items."""
    shop.publish(filled, "model-2", "green", seed=2, leads_to=[("tea-0", "tools-5", 9.0)])
    promote(filled, "model-1")
    wait_for(lambda: ask(client, user_id="x", limit=1)["model_version"] == "model-1", seconds=3)
    assert client.delete("/v1/items/coffee-0").status_code == 200
    wait_for(lambda: "coffee-0" not in ids(ask(client, user_id="x", limit=18)), seconds=3)
    run("start", "models", "--a", "model:model-1", "--b", "model:model-2")
    wait_for(lambda: ask(client, user_id="x", limit=1)["experiment"] == "models", seconds=3)
    answer = ask(client, session_id=SESSIONS["b"], session_items=["tea-0"], limit=18)
    assert (answer["model_version"], ids(answer)[0]) == ("model-2", "tools-5")
    assert "coffee-0" not in ids(answer)


def test_vectors_go_with_their_items() -> None:
    """Another order, one item gone and one that came."""
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
    linear = sp.csr_matrix(np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]], dtype=np.float32))
    learned = Learned(["a", "b", "c"], vectors, -vectors, Codes.of(-vectors), linear).of(["c", "new", "a"])
    assert learned.context.tolist() == [[5, 6], [0, 0], [1, 2]]
    assert learned.target.tolist() == (-learned.context).tolist()
    assert learned.codes.rows is learned.target
    assert learned.linear.toarray().tolist() == [[0, 0, 5], [0, 0, 0], [2, 0, 0]]


def test_models_that_cannot_be_compared_are_refused(filled: Graph, run) -> None:  # noqa: F811 - a fixture
    for words, error, message in [
        (("--a", "model:model-1", "--b", "scenario:x"), SettingsError, "different kinds"),
        (("--a", "model:", "--b", "model:x"), SettingsError, "expected scenario:NAME"),
        (("--a", "model:model-1", "--b", "model:x"), ModelError, "No model is called 'x'"),
        (("--a", "model:model-1", "--b", "model:model-1"), SettingsError, "nothing to compare"),
    ]:
        with pytest.raises(error, match=message):
            run("start", "models", *words)
    shop.publish(filled, "model-2", "blue", seed=2)
    filled.write(FORGET, version="model-1")
    with pytest.raises(SettingsError, match="shopgraph gnn write-back model-1 --hold"):
        run("start", "models", "--a", "model:model-2", "--b", "model:model-1")
