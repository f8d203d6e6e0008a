"""When a refresh trains again: for what came, went and drifted away, and what keeps it from training."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from kg.driver import Graph
from kg.encode import vector_index
from kg.models import live_version, rollback
from kg.queries import load, parse
from kg.refresh import drift
from kg.refresh.job import Done, Job, Options
from kg.refresh.retrain import Reason, reason
from kg.refresh.stages import embed, evaluate, publish, train
from kg.settings import Settings
from tests.kg.gates import NOTHING_TOLD

Q = parse(
    "retrain",
    """
// name: encoded
// Items with the encoders of their texts.
// params: models
// returns: nothing
UNWIND $models AS model
CREATE (:Item {itemId: randomUUID(), textModel: model, gnnTargetBlue: [1.0]})

// name: buy
// Purchases of one user, one an item and time; all that were there are gone. Without times: -1.
// params: times (list of int)
// returns: nothing
MERGE (u:User {userId: 'u'})
WITH u
CALL (u) {
  MATCH (u)-[old]->()
  DELETE old
}
UNWIND $times AS time
MERGE (i:Item {itemId: 'p' + time})
ON CREATE SET i.gnnTargetBlue = [1.0]
CREATE (u)-[:BOUGHT {count: 1, times: CASE WHEN time < 0 THEN null ELSE [time] END,
                     lastAt: CASE WHEN time < 0 THEN null ELSE datetime({epochSeconds: time}) END}]->(i)

// name: arrive
// Items that no model knows.
// params: ids
// returns: nothing
UNWIND $ids AS id
CREATE (:Item {itemId: id})

// name: place
// Items with vectors of the slot blue.
// params: rows (list of {id, vector})
// returns: nothing
UNWIND $rows AS row
CREATE (:Item {itemId: row.id, gnnContextBlue: row.vector, gnnTargetBlue: row.vector})

// name: together
// What is bought together, counted anew.
// params: pairs (list of [id, id])
// returns: nothing
OPTIONAL MATCH ()-[old:BOUGHT_WITH]->()
DELETE old
WITH DISTINCT 1 AS once
UNWIND $pairs AS pair
MATCH (a:Item {itemId: pair[0]}), (b:Item {itemId: pair[1]})
CREATE (a)-[:BOUGHT_WITH {source: 'counted', score: 0.5}]->(b)

// name: wait
// Until the indexes are there.
// params:
// returns: nothing
CALL db.awaitIndexes(60)
""",
)


def go_live(graph: Graph, items: int, until: int | None = 0, interactions: int = 0, days: float = 0) -> None:
    """A model with no files, trained so many days ago, is live in the slot blue."""
    graph.write(load("gnn").trained, version="v", until=until, interactions=interactions, encoder="one")
    hold(graph, "v", "blue", items, days)
    graph.write(load("models").promote, version="v")


def hold(graph: Graph, version: str, slot: str, items: int = 0, days: float = 0) -> None:
    """A model of so many days ago has its vectors in a slot."""
    at = datetime.now(UTC) - timedelta(days)
    graph.write(
        load("gnn").hold, version=version, slot=slot, trained_at=at.isoformat(), dim=1, temperature=0.1,
        metrics="{}", config="{}", serving="{}", items=items,
    )  # fmt: skip


def refuse(graph: Graph, interactions: int) -> None:
    """The gate says no to a model that knows so many interactions."""
    graph.write(
        load("refresh").store_gate, candidate="c", live="v", publish=False, reason="worse", report="{}",
        interactions=interactions, **NOTHING_TOLD,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["two", "one", "two"], "encoded by two now"),
        (["one", "two", "one"], "has not moved enough"),
        ([None], "has not moved enough"),
    ],
)
def test_another_encoder_is_a_reason_to_train_from_scratch(
    graph: Graph, models: list[str], said: str
) -> None:
    graph.write(Q["encoded"], models=models)
    go_live(graph, items=len(models))
    why = reason(graph, Options())
    assert said in why.text
    assert why.skip == ("moved" in said)
    assert not why.warm or why.skip


def test_no_model_is_trained_while_two_are_compared(graph: Graph) -> None:
    graph.write(load("experiments").start, name="e", compares="model", a="v", b="w", share=0.5)
    why = reason(graph, Options())
    assert (why.skip, why.text) == (True, "the experiment e compares two models")
    graph.write(load("experiments").stop, name="e")
    assert reason(graph, Options()).text == "no model is live"


def test_a_run_that_trained_before_an_experiment_began_goes_on_without_publishing(graph: Graph) -> None:
    graph.write(load("experiments").start, name="e", compares="model", a="v", b="w", share=0.5)
    done = publish(cast("Job", SimpleNamespace(graph=graph, done={"evaluate": Done({}, "new")})))
    assert done.counts["published"] is None
    assert "shopgraph experiment stop e && shopgraph gnn write-back new" in done.counts["reason"]
    assert not done.changed


def test_a_live_model_whose_files_are_elsewhere_is_told_and_stays_live(graph: Graph, tmp_path: Path) -> None:
    graph.write(Q["buy"], times=[*range(106)])
    graph.write(Q["arrive"], ids=["n"])
    go_live(graph, items=106, until=99, interactions=100)
    asked = []

    def command(*arguments: str) -> dict[str, str]:
        asked.append(arguments)
        return {"version": "w"}

    job = SimpleNamespace(
        graph=graph, settings=Settings(home=tmp_path), options=Options(), command=command, done={}
    )
    job.done["train"] = train(cast("Job", job))
    judged = evaluate(cast("Job", job))
    assert asked == [("gnn", "train")]  # from scratch
    assert judged.watermark is None
    assert "model v was trained elsewhere: its files are not in" in judged.counts["reason"]
    assert "shopgraph gnn write-back w" in judged.counts["reason"]
    assert "model v was trained elsewhere" in embed(cast("Job", job)).counts["reason"]
    assert len(asked) == 1


def test_nothing_new_trains_nothing_however_old_the_model(graph: Graph) -> None:
    graph.write(Q["buy"], times=[*range(100)])
    go_live(graph, items=100, until=99, interactions=100, days=900)
    why = reason(graph, Options(max_days=0, new_items=0, drift=0))
    assert (why.skip, why.text) == (True, "the graph has not moved enough")


def test_a_shop_that_forgets_as_much_as_it_learns_is_trained_again(graph: Graph) -> None:
    graph.write(Q["buy"], times=[*range(100)])
    go_live(graph, items=100, until=99, interactions=100, days=40)
    graph.write(Q["buy"], times=[*range(6, 106)])
    why = reason(graph, Options())
    assert why.figures["new_interactions"] == 6
    assert (why.skip, why.text, why.warm) == (False, "6 interactions came or went", True)
    why = reason(graph, Options(new_interactions=0.5, new_items=0.5))
    assert (why.skip, why.text) == (False, "the live model is 40 days old")


@pytest.mark.parametrize("now", [92, 108])
def test_without_times_what_came_or_went_on_balance_counts(graph: Graph, now: int) -> None:
    graph.write(Q["buy"], times=[-1 - n for n in range(108)])
    graph.write(Q["buy"], times=[-1 - n for n in range(now)])
    go_live(graph, items=108, until=None, interactions=100)
    why = reason(graph, Options())
    assert (why.skip, why.text, why.warm) == (False, "8 interactions came or went", False)


def test_new_items_alone_are_a_reason_also_once_they_have_vectors(graph: Graph) -> None:
    graph.write(Q["buy"], times=[*range(100)])
    go_live(graph, items=100, until=99, interactions=100)
    graph.write(Q["arrive"], ids=[f"n{n}" for n in range(4)])
    assert reason(graph, Options()).skip
    graph.write(Q["encoded"], models=["one", "one"])
    why = reason(graph, Options())
    assert (why.skip, why.text) == (False, "6 items are new")
    assert why.figures["share_of_items"] == pytest.approx(6 / 106, abs=1e-4)


def test_a_state_on_which_a_model_was_refused_is_not_trained_on_again(graph: Graph) -> None:
    def judged() -> Reason:
        return reason(graph, Options(new_interactions=0.01))

    graph.write(Q["buy"], times=[*range(100)])
    go_live(graph, items=100, until=50, interactions=50)
    assert not judged().skip
    refuse(graph, interactions=100)
    assert judged().text == "a model that was trained on this very state was refused"
    graph.write(Q["arrive"], ids=["n"])
    assert not judged().skip
    refuse(graph, interactions=100)
    assert judged().skip
    graph.write(Q["buy"], times=[*range(1, 101)])  # as many, but others
    assert not judged().skip
    refuse(graph, interactions=100)
    assert judged().skip


def test_vectors_that_what_is_bought_has_drifted_from_are_trained_again(graph: Graph) -> None:
    size, groups = 20, 8
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(groups, 16))
    rows = [
        {"id": f"{group}-{n}", "vector": (centres[group] + 0.05 * chance.normal(size=16)).tolist()}
        for group in range(groups)
        for n in range(size)
    ]
    graph.write(Q["place"], rows=rows)
    graph.write(load("gnn").index_blue, options=vector_index(16))
    graph.write(Q["wait"])
    go_live(graph, items=len(rows))

    def bought(stray: int) -> None:
        """Each item with two of its group; for the first few of a group, the next group's."""
        pairs = [
            (f"{group}-{n}", f"{(group + (n < stray)) % groups}-{(n + step) % size}")
            for group in range(groups)
            for n in range(size)
            for step in (1, 7)
        ]
        graph.write(Q["together"], pairs=pairs)

    assert drift.measure(graph) is None  # nothing is counted
    bought(stray=0)
    why = reason(graph, Options())
    assert why.skip
    assert (why.figures["agreement"], why.figures["agreement_at_first"]) == (1, 1)
    bought(stray=3)
    why = reason(graph, Options())
    assert why.skip
    assert (why.figures["agreement"], why.figures["agreement_at_first"]) == (pytest.approx(0.85), 1)
    assert not reason(graph, Options(drift=0.1)).skip
    bought(stray=5)
    why = reason(graph, Options())
    assert (why.skip, why.text) == (
        False,
        "the vectors agree by 25% less with what is counted than at first",
    )


@pytest.mark.parametrize(
    ("gate", "answers", "live", "published"),
    [
        (True, True, True, True),
        (True, False, True, False),
        (False, True, True, False),
        (True, None, False, True),  # nothing answers yet: the first question is the only one
        (False, None, False, False),
    ],
)
def test_only_a_candidate_that_passes_both_questions_is_published(
    graph: Graph, tmp_path: Path, gate: bool, answers: bool | None, live: bool, published: bool
) -> None:
    if live:
        go_live(graph, items=0)
        (tmp_path / "models" / "v").mkdir(parents=True)
        (tmp_path / "models" / "v" / "model.json").write_text("{}")
    graph.write(load("gnn").trained, version="w", until=0, interactions=0, encoder="one")
    asked = []

    def command(*arguments: str) -> dict[str, Any]:
        asked.append(" ".join(arguments))
        if "write-back" in arguments:
            hold(graph, "w", "green")
        told = {"reason": "so it is", "users": 40, "overall": 1, "ndcg": [0.1, 0.2], "p_value": 0.01}
        told |= {"slot": "green", "replaced": None, "live": "v" if live else None}
        return told | {"publish": answers if arguments[0] == "api" else gate}

    lease = SimpleNamespace(check=lambda _: None)
    job = SimpleNamespace(
        graph=graph, settings=Settings(home=tmp_path), options=Options(), command=command, lease=lease,
        done={"train": Done({}, "w")},
    )  # fmt: skip
    job.done["evaluate"] = evaluate(cast("Job", job))
    done = publish(cast("Job", job))

    assert done.counts["published"] == ("w" if published else None)
    assert live_version(graph) == ("w" if published else "v" if live else None)
    asked_for = ["gnn gate w"]
    asked_for += ["api gate w"] if gate and live else []
    asked_for += ["gnn write-back w --hold"] if published else []
    assert asked == asked_for


def test_a_model_that_was_taken_back_is_not_published_again_as_it_was(graph: Graph) -> None:
    graph.write(Q["buy"], times=[1, 2, 3])
    go_live(graph, items=3, interactions=1)
    graph.write(load("gnn").trained, version="w", until=3, interactions=3, encoder="one")
    hold(graph, "w", "green", items=3)
    graph.write(load("models").promote, version="w")
    assert rollback(graph).version == "v"
    why = reason(graph, Options())
    assert (why.skip, why.text) == (True, "a model that knows as much was taken back by hand")
    graph.write(Q["buy"], times=[1, 2, 3, 4])
    assert not reason(graph, Options()).skip
