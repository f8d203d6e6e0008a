"""Publishing a model, on a real Neo4j."""

from collections.abc import Callable
from typing import Any

import pytest
import scipy.sparse as sp
import torch

import gnn.write_back
from gnn.blend import Blend
from gnn.config import TrainConfig
from gnn.store import About, SavedModel, serving
from gnn.write_back import Written, idle_slot, write_back
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import load, parse

IDS = [f"i{n}" for n in range(30)]
BLEND = Blend(fade=0.2, linear=2.4)

Q = parse(
    "write_back",
    """
// name: items
// Some items.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
CREATE (:Item {itemId: id, brand: 'b', price: 1.0, inStock: true})

// name: slots
// How many items have vectors in which slot.
// params:
// returns: context_blue, target_blue, context_green, target_green
MATCH (i:Item)
RETURN count(i.gnnContextBlue) AS context_blue, count(i.gnnTargetBlue) AS target_blue,
       count(i.gnnContextGreen) AS context_green, count(i.gnnTargetGreen) AS target_green

// name: blue
// The vectors of an item.
// params: id (str)
// returns: context, target
MATCH (i:Item {itemId: $id})
RETURN i.gnnContextBlue AS context, i.gnnTargetBlue AS target

// name: nearest
// The items whose target vectors point most in a direction.
// params: vector (list of float)
// returns: id
CYPHER 25
MATCH (i:Item)
SEARCH i IN (VECTOR INDEX item_gnn_blue FOR $vector WHERE i.price < 2.0 LIMIT 1)
RETURN i.itemId AS id

// name: edges
// All edges of the linear term.
// params:
// returns: source, target, weight, slot, runId
MATCH (a:Item)-[r:LEADS_TO {source: 'gnn'}]->(b:Item)
RETURN a.itemId AS source, b.itemId AS target, r.weight AS weight, r.slot AS slot, r.runId AS runId
ORDER BY slot, source, target

// name: models
// What the models say of themselves.
// params:
// returns: version, slot, dim, temperature, items
MATCH (m:Model)
RETURN m.version AS version, m.slot AS slot, m.dim AS dim, m.temperature AS temperature, m.items AS items
ORDER BY version

// name: stand_in
// Mark an item's vector as a stand-in.
// params: id (str), slot (str)
// returns: nothing
MATCH (i:Item {itemId: $id})
SET i.gnnProvisional = $slot

// name: strange
// The items with stand-ins.
// params:
// returns: id, slot
MATCH (i:Item)
WHERE i.gnnProvisional IS NOT NULL
RETURN i.itemId AS id, i.gnnProvisional AS slot

// name: live
// What the alias points to.
// params:
// returns: version
MATCH (:Alias {name: 'live'})-[:POINTS_TO]->(m)
RETURN m.version AS version
""",
)


@pytest.fixture
def shop(graph: Graph) -> Graph:
    graph.write(Q["items"], ids=IDS)
    return graph


def model(version: str = "v1", ids: list[str] = IDS, dim: int = 8) -> SavedModel:
    torch.manual_seed(len(version))
    config = TrainConfig(dim=dim)
    about = About(
        version=version,
        trained_at="2026-11-23T07:00:00+00:00",
        split="time",
        epochs=3,
        refitted=True,
        config=config.model_dump(),
        metrics={"gnn": {"recall@10": 0.1}},
        curve=[],
        relation_weights={},
        serving=serving(config, BLEND),
        item_ids=list(ids),
    )
    linear = sp.csr_matrix(([0.5, -0.25, 1.5], ([0, 0, 2], [1, 2, 0])), shape=(len(ids), len(ids)))
    vectors = {name: torch.randn(len(ids), dim) for name in ("context", "target")}
    return SavedModel(about, vectors, linear.astype("float32"))


def test_vectors_index_and_alias(shop: Graph) -> None:
    saved = model()
    assert write_back(shop, saved) == Written("v1", "blue", 30, 3, 0, None)
    assert shop.read(Q["slots"]) == [
        {"context_blue": 30, "target_blue": 30, "context_green": 0, "target_green": 0}
    ]
    stored = shop.read(Q["blue"], id="i7")[0]
    assert stored["context"] == saved.tensors["context"][7].tolist()
    assert stored["target"] == saved.tensors["target"][7].tolist()
    assert shop.read(Q["nearest"], vector=stored["target"]) == [{"id": "i7"}]
    assert shop.read(Q["models"]) == [
        {"version": "v1", "slot": "blue", "dim": 8, "temperature": 0.1, "items": 30}
    ]
    assert shop.read(Q["live"]) == [{"version": "v1"}]


def test_the_next_model_goes_into_the_other_slot_and_the_third_reuses_the_first(shop: Graph) -> None:
    write_back(shop, model("v1"))
    assert write_back(shop, model("v2", dim=4)) == Written("v2", "green", 30, 3, 0, "v1")
    assert shop.read(Q["live"]) == [{"version": "v2"}]
    # Fewer items and another size: nothing of v1 may be left in its slot.
    assert write_back(shop, model("v3", IDS[:20], dim=4)) == Written("v3", "blue", 20, 3, 10, "v2")
    assert shop.read(Q["slots"]) == [
        {"context_blue": 20, "target_blue": 20, "context_green": 30, "target_green": 30}
    ]
    slots = {row["version"]: row["slot"] for row in shop.read(Q["models"])}
    assert slots == {"v1": None, "v2": "green", "v3": "blue"}
    assert shop.read(Q["live"]) == [{"version": "v3"}]


def test_writing_the_same_model_again_moves_it_to_the_idle_slot(shop: Graph) -> None:
    write_back(shop, model())
    assert write_back(shop, model()) == Written("v1", "green", 30, 3, 0, "v1")
    assert [row["slot"] for row in shop.read(Q["models"])] == ["green"]
    assert shop.read(Q["live"]) == [{"version": "v1"}]


def test_the_linear_term_becomes_edges_of_the_slot(shop: Graph) -> None:
    write_back(shop, model("v1"))
    first = [
        {"source": "i0", "target": "i1", "weight": 0.5, "slot": "blue", "runId": "v1"},
        {"source": "i0", "target": "i2", "weight": -0.25, "slot": "blue", "runId": "v1"},
        {"source": "i2", "target": "i0", "weight": 1.5, "slot": "blue", "runId": "v1"},
    ]
    assert shop.read(Q["edges"]) == first
    write_back(shop, model("v2"))
    write_back(shop, model("v3"))
    slots = [(row["slot"], row["runId"]) for row in shop.read(Q["edges"])]
    assert sorted(slots) == [("blue", "v3")] * 3 + [("green", "v2")] * 3


def test_without_a_linear_term_there_are_no_edges(shop: Graph) -> None:
    saved = model("v1")
    plain = saved._replace(about=saved.about._replace(serving=saved.about.serving | {"linear": 0.0}))
    assert write_back(shop, plain).edges == 0
    assert shop.read(Q["edges"]) == []


def nan(saved: SavedModel) -> SavedModel:
    saved.tensors["target"][3, 1] = torch.nan
    return saved


def endless(saved: SavedModel) -> SavedModel:
    saved.linear.data[1] = float("inf")
    return saved


def zero(saved: SavedModel) -> SavedModel:
    saved.tensors["context"][4] = 0
    return saved


def short(saved: SavedModel) -> SavedModel:
    return saved._replace(tensors=saved.tensors | {"target": saved.tensors["target"][:, :5]})


def missing(saved: SavedModel) -> SavedModel:
    return saved._replace(tensors={"context": saved.tensors["context"]})


def foreign(saved: SavedModel) -> SavedModel:
    others = [f"other{n}" for n in range(10)]
    return saved._replace(about=saved.about._replace(item_ids=[*others, *IDS[10:]]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (nan, "target vector of item 'i3' is not finite"),
        (zero, "context vector of item 'i4' is not finite or zero"),
        (short, r"context is \(30, 8\) and target \(30, 5\) for 30 items"),
        (missing, "has no target vectors"),
        (endless, "a linear weight is not finite"),
        (foreign, "the graph has 10 not, for example 'other0'"),
    ],
)
def test_bad_vectors_are_refused_and_nothing_is_written(
    shop: Graph, spoil: Callable[[SavedModel], SavedModel], message: str
) -> None:
    write_back(shop, model("v1"))
    with pytest.raises(ModelError, match=message):
        write_back(shop, spoil(model("v2")))
    assert shop.read(Q["live"]) == [{"version": "v1"}]
    assert shop.read(Q["slots"])[0]["target_green"] == 0


def test_items_that_were_deleted_since_the_training_are_left_out(shop: Graph) -> None:
    saved = model("v1")
    done = write_back(shop, saved._replace(about=saved.about._replace(item_ids=["deleted", *IDS[1:]])))
    assert (done.items, done.without) == (len(IDS) - 1, 1)
    assert shop.read(Q["live"]) == [{"version": "v1"}]


def test_an_experiment_of_two_models_keeps_its_slots(shop: Graph) -> None:
    write_back(shop, model("v1"))
    write_back(shop, model("v2"), hold=True)
    start = load("experiments").start
    shop.write(start, name="e", compares="model", a="v1", b="v2", share=0.5)
    with pytest.raises(ModelError, match="shopgraph experiment stop e"):
        write_back(shop, model("v3"))
    assert [row["version"] for row in shop.read(Q["models"])] == ["v1", "v2"]
    shop.write(load("experiments").stop, name="e")
    assert write_back(shop, model("v3")).slot == "green"


def test_a_frozen_write_back_writes_nothing_over_the_model_that_went_live_meanwhile(
    shop: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_edges = gnn.write_back._write_edges
    newer = model("newer")

    def frozen(*arguments: Any) -> int:
        monkeypatch.setattr("gnn.write_back._write_edges", write_edges)
        write_back(shop, newer)
        return write_edges(*arguments)

    monkeypatch.setattr("gnn.write_back._write_edges", frozen)
    with pytest.raises(ModelError, match="Slot blue holds newer, which was made live meanwhile"):
        write_back(shop, model("v1"))
    assert shop.read(Q["live"]) == [{"version": "newer"}]
    assert {row["runId"] for row in shop.read(Q["edges"])} == {"newer"}
    assert shop.read(Q["blue"], id="i7")[0]["target"] == newer.tensors["target"][7].tolist()


def test_slots_take_turns() -> None:
    assert [idle_slot(slot) for slot in (None, "blue", "green")] == ["blue", "green", "blue"]


def test_of_two_that_write_into_one_slot_the_first_stops(
    shop: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_back(shop, model("v1"))
    write_edges = gnn.write_back._write_edges

    def frozen(*arguments: Any) -> int:
        monkeypatch.setattr("gnn.write_back._write_edges", write_edges)
        write_back(shop, model("other"), hold=True)
        return write_edges(*arguments)

    monkeypatch.setattr("gnn.write_back._write_edges", frozen)
    with pytest.raises(ModelError, match="Another command has begun to write a model into slot green"):
        write_back(shop, model("first"))
    assert [m["version"] for m in shop.read(Q["models"]) if m["slot"] == "green"] == ["other"]
    assert shop.read(Q["live"]) == [{"version": "v1"}]


def test_what_stood_in_for_a_vector_is_forgotten_with_its_slot(shop: Graph) -> None:
    write_back(shop, model("v1"))
    shop.write(Q["stand_in"], id="i7", slot="blue")
    write_back(shop, model("v2"))
    assert shop.read(Q["strange"]) == [{"id": "i7", "slot": "blue"}]
    write_back(shop, model("v3"))
    assert shop.read(Q["strange"]) == []
