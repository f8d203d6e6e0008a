"""Vectors of items that came after the training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import gnn.blend
import gnn.judging
from gnn.config import TrainConfig
from gnn.embed_new import Embedded, embed_new, forward
from gnn.pipeline import train_and_save
from gnn.store import SavedModel, load
from gnn.write_back import write_back
from kg.dataset import ShopData
from kg.driver import Graph
from kg.errors import ModelError
from kg.queries import parse
from tests.gnn.fake import fake_shop

SMALL = TrainConfig(dim=16, max_epochs=3, text_k=3, bought_k=5)
Q = parse(
    "embed",
    """
// name: items
// Items.
// params: ids
// returns: nothing
UNWIND $ids AS id
MERGE (:Item {itemId: id})

// name: stand_in
// A stand-in of the API.
// params: id, vector
// returns: nothing
MATCH (i:Item {itemId: $id})
SET i.gnnContextBlue = $vector, i.gnnTargetBlue = $vector, i.gnnProvisional = 'blue'

// name: item
// What an item has in the slot blue, and what leads to it.
// params: id
// returns: context, target, provisional, leads
MATCH (i:Item {itemId: $id})
RETURN i.gnnContextBlue AS context, i.gnnTargetBlue AS target, i.gnnProvisional AS provisional,
       COUNT { (i)<-[:LEADS_TO {slot: 'blue'}]-() } AS leads
""",
)


def known_shop() -> ShopData:
    """The made-up shop without the item of which nothing is known."""
    data = fake_shop()
    last = len(data.items) - 1
    assert data.text is not None
    relations = data.relations[data.relations["target"] < last]
    return data._replace(items=data.items[:last], text=data.text[:last], relations=relations)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    """A model whose known items serve as it makes them."""
    home: Path = tmp_path_factory.mktemp("embed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gnn.blend, "POPULARITIES", (0.0,))
        patch.setattr(gnn.judging, "DOUBTS", (0.0,))
        about = train_and_save(known_shop(), home, SMALL, "random")
    return load(home, about.version)


def with_copy_of(data: ShopData, n: int, item_id: str = "new") -> ShopData:
    """The shop with one more item that has the text, brand and categories of another."""
    items = pd.concat([data.items, data.items.iloc[[n]].assign(item_id=item_id)], ignore_index=True)
    assert data.text is not None
    return data._replace(items=items, text=np.vstack([data.text, data.text[n]]))


def test_items_of_the_training_come_out_as_they_were_saved(trained: SavedModel) -> None:
    vectors = forward(trained, known_shop())
    torch.testing.assert_close(torch.from_numpy(vectors.context), trained.tensors["context"])
    torch.testing.assert_close(torch.from_numpy(vectors.target), trained.tensors["target"])


def test_a_model_of_an_earlier_version_may_have_been_told_more(trained: SavedModel) -> None:
    about = trained.about._replace(config=trained.about.config | {"linear_items": 20_000})
    older = forward(trained._replace(about=about), known_shop())
    np.testing.assert_array_equal(older.target, forward(trained, known_shop()).target)


def test_a_new_item_goes_by_its_text_and_borrows_from_its_kin(trained: SavedModel) -> None:
    data = known_shop()
    vectors = forward(trained, with_copy_of(data, 3))

    assert np.linalg.norm(vectors.target[-1]) == pytest.approx(trained.about.serving["lift"], abs=1e-5)
    known = vectors.target[:-1] / np.linalg.norm(vectors.target[:-1], axis=1, keepdims=True)
    assert 3 in np.argsort(-known @ vectors.target[-1])[:3]
    column = vectors.leads_to[:, [-1]].toarray().ravel()
    assert column.any()
    assert set(vectors.leads_to.indices) == {
        19,
        39,
    }  # nobody has bought the item 19 of the made-up shop either


def test_texts_of_another_encoder_are_not_read(trained: SavedModel) -> None:
    about = trained.about._replace(encoder="one")
    model = trained._replace(about=about)
    data = with_copy_of(known_shop(), 3)
    same = forward(model, data._replace(encoder="one"))
    np.testing.assert_array_equal(same.target, forward(trained, data).target)
    other = forward(model, data._replace(encoder="two"))
    assert not np.allclose(other.target, same.target)
    np.testing.assert_array_equal(
        other.target, forward(model, data._replace(encoder="two", text=-data.text)).target
    )


def test_training_does_not_start_from_a_model_of_other_texts(trained: SavedModel, tmp_path: Path) -> None:
    model = trained._replace(about=trained.about._replace(encoder="one", until=0))
    with pytest.raises(ModelError, match=r"encoder one.*those of two: train without --from"):
        train_and_save(known_shop()._replace(encoder="two"), tmp_path, SMALL, "random", start=model)


def test_new_items_and_stand_ins_get_vectors_and_all_else_stays(trained: SavedModel, graph: Graph) -> None:
    data = with_copy_of(with_copy_of(known_shop(), 3), 25, "other")
    graph.write(Q["items"], ids=known_shop().items["item_id"].tolist())
    write_back(graph, trained)
    (before,) = graph.read(Q["item"], id="ítem-003")
    graph.write(Q["items"], ids=["new", "other"])
    graph.write(Q["stand_in"], id="new", vector=[1.0] * 16)
    expected = forward(trained, data)

    done = embed_new(graph, trained, data)

    edges = expected.leads_to[:, -2:].nnz
    assert done == Embedded(trained.about.version, "blue", 2, edges, 0)
    (new,) = graph.read(Q["item"], id="new")
    np.testing.assert_allclose(new["target"], expected.target[-2], rtol=1e-6)
    np.testing.assert_allclose(new["context"], expected.context[-2], rtol=1e-6)
    assert (new["provisional"], new["leads"]) == (None, expected.leads_to[:, [-2]].nnz)
    assert graph.read(Q["item"], id="ítem-003") == [before]
    assert embed_new(graph, trained, data).items == 0

    graph.write(Q["stand_in"], id="new", vector=[1.0] * 16)
    embed_new(graph, trained, data)
    assert graph.read(Q["item"], id="new") == [new]


def test_a_model_that_is_not_live_writes_nothing(trained: SavedModel, graph: Graph) -> None:
    with pytest.raises(ModelError, match="is not live"):
        embed_new(graph, trained, known_shop())
