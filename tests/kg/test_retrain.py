"""When a refresh trains again: for another encoder, but not while two models are compared."""

from types import SimpleNamespace
from typing import cast

import pytest

from kg.driver import Graph
from kg.queries import load, parse
from kg.refresh.job import Done, Job, Options
from kg.refresh.retrain import reason
from kg.refresh.stages import publish

Q = parse(
    "retrain",
    """
// name: encoded
// Items with the encoders of their texts.
// params: models
// returns: nothing
UNWIND $models AS model
CREATE (:Item {itemId: randomUUID(), textModel: model, gnnTargetBlue: [1.0]})
""",
)


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
    queries = load("gnn")
    graph.write(queries.trained, version="v", until=0, interactions=0, encoder="one")
    graph.write(
        queries.promote, version="v", slot="blue", trained_at="2030-11-24T10:00:00Z", dim=1, temperature=0.1,
        metrics="{}", config="{}", serving="{}", items=3,
    )  # fmt: skip
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
