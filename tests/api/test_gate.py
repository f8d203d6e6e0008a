"""A candidate beside the live model as both would answer, where it is known what shoppers keep to."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.learning.gate import gate
from api.learning.learn import learn
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load
from kg.settings import Settings
from tests.api import learnable
from tests.api.shop import DIM, WRITES
from tests.kg.gates import NOTHING_TOLD


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"home": tmp_path})


@pytest.fixture
def shop(graph: Graph, home: Settings) -> Graph:
    """With a live model of noise, and a gate that has let two candidates through."""
    learnable.write(graph, home.home, learnable.by_group)
    groups = np.arange(learnable.ITEMS) // (learnable.ITEMS // learnable.GROUPS)
    knows = np.eye(learnable.GROUPS, dtype=np.float32)[groups]
    learnable.save_twin(home.home, knows, knows, version="knows")
    learnable.save_twin(home.home, knows, np.roll(knows, 1, axis=1), version="misplaced")
    for candidate in ("knows", "misplaced"):
        told = {"publish": True, "reason": "better", "report": "{}", "interactions": 1, **NOTHING_TOLD}
        graph.write(load("refresh").store_gate, candidate=candidate, live=learnable.VERSION, **told)
    return graph


def verdict(graph: Graph, candidate: str) -> tuple[bool, str, dict[str, float]]:
    (row,) = graph.read(load("refresh").gates, candidate=candidate)
    return row["publish"], row["reason"], json.loads(row["report"])["answers"]["ndcg"]


def test_what_answers_better_may_be_published_and_what_does_not_may_not(shop: Graph, home: Settings) -> None:
    found = gate(shop, home, "knows")
    assert found.publish
    assert found.ndcg["candidate"] > 2 * found.ndcg["live"]
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.users > 100
    assert verdict(shop, "knows") == (True, "better", found.ndcg)

    worse = gate(shop, home, "misplaced")
    assert not worse.publish
    assert worse.ndcg["candidate"] < worse.ndcg["live"] == found.ndcg["live"]
    assert verdict(shop, "misplaced") == (False, worse.reason, worse.ndcg)
    assert worse.reason.startswith("not better as it would answer: NDCG@20 ")


def test_a_category_that_is_clearly_worse_keeps_out_what_is_better_overall(
    shop: Graph, home: Settings
) -> None:
    groups = np.arange(learnable.ITEMS) // (learnable.ITEMS // learnable.GROUPS)
    knows = np.eye(DIM, dtype=np.float32)[groups]
    most = np.where(groups[:, None] < 3, knows, 0)  # three of the four groups: the model that is live now
    rows = [{"item": f"i{n:02d}", "context": v.tolist(), "target": v.tolist()} for n, v in enumerate(most)]
    shop.write(WRITES["vectors"], rows=rows, context="gnnContextBlue", target="gnnTargetBlue")
    apart = knows.copy()
    apart[3 :: learnable.CATEGORIES] *= -1  # the items of one category come last for those who want them
    learnable.save_twin(home.home, knows, apart, version="apart")

    found = gate(shop, home, "apart")

    assert found.ndcg["candidate"] > found.ndcg["live"]
    assert not found.publish
    assert found.reason.startswith("clearly worse as it would answer in category: Category 3: NDCG@20 ")
    worse = [name for name, row in found.segments.items() if row["candidate"] < row["live"]]
    assert "category: Category 3" in worse
    assert {"items: others", "users: light", "category: Category 3"} <= set(found.segments)
    assert all(row["users"] >= 30 for row in found.segments.values())


def test_both_are_ranked_by_what_would_be_learned_beside_them(graph: Graph, home: Settings) -> None:
    """Shoppers keep to a category, which a model of noise need not know."""
    learnable.write(graph, home.home, learnable.by_category)
    noise = np.random.default_rng(7).normal(size=(learnable.ITEMS, 4)).astype(np.float32)
    learnable.save_twin(home.home, noise, noise, version="noise")

    found = gate(graph, home, "noise").ndcg

    learned = learn(graph, home)
    assert learned.adopted
    assert found["live"] == pytest.approx(learned.ndcg["learned"], rel=0.1)
    assert found["candidate"] > 2 * learned.ndcg["present"]


def test_what_was_learned_beside_the_live_model_does_not_keep_out_a_better_one(
    shop: Graph, home: Settings
) -> None:
    """Popularity is all that ranks now, so that no model could be better than another."""
    weights = json.dumps({"popularity": 1_000.0})
    told = {"kind": "for_you", "weights": weights, "metrics": "{}", "model": "x", "beside_words": 1.0}
    shop.write_rows(load("ranking").adopt, **told)
    found = gate(shop, home, "knows")
    assert found.publish
    assert found.ndcg["candidate"] > 2 * found.ndcg["live"]


def test_what_was_learned_beside_another_model_does_not_outlive_it(graph: Graph, home: Settings) -> None:
    """The model that is live now knows the shoppers, and popularity drowns what it says."""
    learnable.write(graph, home.home, learnable.by_group)
    knows = np.zeros((learnable.ITEMS, DIM), dtype=np.float32)
    knows[np.arange(learnable.ITEMS), np.arange(learnable.ITEMS) * learnable.GROUPS // learnable.ITEMS] = 1
    learnable.save_twin(home.home, knows, knows)
    weights = json.dumps({"popularity": 1_000.0})
    told = {"kind": "for_you", "weights": weights, "metrics": "{}", "model": "x", "beside_words": 1.0}
    graph.write_rows(load("ranking").adopt, **told)

    found = learn(graph, home)

    assert found.ndcg["built-in"] > found.ndcg["present"]
    assert found.adopted or found.reason.endswith("what was learned beside another model is taken back")
    left = [json.loads(row["weights"]) for row in graph.read(load("ranking").every)]
    assert left == ([found.weights] if found.adopted else [])
    assert all(weights["popularity"] < 100 for weights in left)


def test_without_choices_that_neither_knows_it_does_not_decide(shop: Graph, home: Settings) -> None:
    file = home.home / "models" / learnable.VERSION / "model.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps(about | {"until": learnable.START + learnable.DAY * learnable.DAYS}))
    found = gate(shop, home, "misplaced")
    assert (found.publish, found.users, found.reason[:6]) == (True, 0, "only 0")
    file.write_text(json.dumps(about | {"until": None}))
    assert "it is not known" in gate(shop, home, "misplaced").reason
    with pytest.raises(ModelError, match="'model-1' is live"):
        gate(shop, home, learnable.VERSION)
    with pytest.raises(ModelError, match="The model 'none' is not in"):
        gate(shop, home, "none")


def test_the_command_tells_it(shop: Graph, home: Settings) -> None:
    connection = shop.connection
    ran = CliRunner().invoke(
        app, ["gate", "misplaced", "--json"],
        env={
            "SHOPGRAPH_HOME": str(home.home), "SHOPGRAPH_NEO4J_URI": connection.uri,
            "SHOPGRAPH_NEO4J_PASSWORD": connection.password,
        },
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["publish"] is False
