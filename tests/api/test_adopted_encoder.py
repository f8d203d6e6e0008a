"""Words and items are compared in one vector space, whichever encoder has been adopted meanwhile."""

import shutil

import numpy as np
import pytest
import torch

from api.state.served import load_serving
from kg import encode as stage
from kg.encode import encode_items
from kg.encoder import Encoder
from kg.live.newcomers import link
from kg.queries import load, parse
from kg.settings import Settings
from kg.text import compose
from kg.tuning.adoption import adopt, undo
from tests.kg import shop

Q = parse(
    "mixed",
    """
// name: mixed
// Three items that look alike, of which another encoder has encoded one.
// params:
// returns: nothing
UNWIND [['a', 'one'], ['b', 'one'], ['c', 'two']] AS pair
CREATE (i:Item {itemId: pair[0], textModel: pair[1]})
WITH i
CALL db.create.setNodeVectorProperty(i, 'textEmbedding', [0.6, 0.8])

// name: alike
// Text neighbours of the item a.
// params:
// returns: item (str)
MATCH (:Item {itemId: 'a'})-[:SIMILAR_TO]->(b:Item)
RETURN b.itemId AS item
""",
)


@pytest.fixture
def home(tmp_path, encoder_home, monkeypatch):
    """A home with the default encoder exported and another one beside it, not adopted yet."""
    monkeypatch.delenv("SHOPGRAPH_ENCODER", raising=False)
    shutil.copytree(encoder_home / "encoder", tmp_path / "encoder")
    model = Encoder().model
    torch.manual_seed(0)
    with torch.no_grad():
        words = model[0].model.embeddings.word_embeddings.weight
        words += 0.05 * torch.randn_like(words)
    model.save(str(tmp_path / "encoders" / "tuned-1"), create_model_card=False)
    return tmp_path


def in_step(graph, home):
    """The encoder's name, with how many items it serves; all of them are in the space of its vectors."""
    serving = load_serving(graph, Settings(home=home))
    assert serving.encoder is not None, serving.encoder_problem
    assert serving.encoder.name == serving.snapshot.text_model
    n = 0
    for item in shop.ITEMS:
        text = serving.snapshot.text[serving.snapshot.number[item["itemId"]]]
        if text.any():
            n += 1
            assert text @ serving.encoder.encode(compose(item)) > 0.95
    return serving.encoder.name.partition("@")[0], n


def test_answers_never_mix_two_encoders(graph, home, monkeypatch):
    other, plain = Encoder(str(home / "encoders" / "tuned-1")), Encoder()
    both = [encoder.encode(["Green tea. Leaf. Drinks"])[0] for encoder in (other, plain)]
    assert np.dot(*both) < 0.9  # two spaces indeed

    shop.write(graph)
    encode_items(graph, Settings(home=home))
    assert in_step(graph, home) == ("all-MiniLM-L6-v2", 4)
    adopt(home, "tuned-1")
    assert in_step(graph, home) == ("all-MiniLM-L6-v2", 4)  # until items are encoded again

    monkeypatch.setattr(stage, "_BATCH", 1)
    for stored, expected in ((1, ("all-MiniLM-L6-v2", 3)), (2, ("tuned-1", 3))):
        with monkeypatch.context() as cut_off:
            cut_off.setattr(stage, "_store_current", ending_after(stage._store_current, stored))
            with pytest.raises(KeyboardInterrupt):
                encode_items(graph, Settings(home=home))
        assert in_step(graph, home) == expected
    encode_items(graph, Settings(home=home))
    assert in_step(graph, home) == ("tuned-1", 4)

    undo(home, "all-MiniLM-L6-v2")
    assert in_step(graph, home) == ("tuned-1", 4)
    encode_items(graph, Settings(home=home))
    assert in_step(graph, home) == ("all-MiniLM-L6-v2", 4)


def test_text_neighbours_are_of_one_encoder(graph):
    graph.write(Q["mixed"])
    graph.write(load("encode").create_index, options=stage.vector_index(2))
    graph.write(load("ingest").await_indexes)
    graph.transact("link", lambda tx: link(tx, ["a"]))
    assert graph.read(Q["alike"]) == [{"item": "b"}]


def ending_after(store, stored):
    """A store that is killed once so many vectors are in it."""
    left = [stored]

    def limited(tx, **params):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return store(tx, **params)

    return limited
