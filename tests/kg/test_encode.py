import numpy as np
import pytest

from kg.dataset import from_graph
from kg.encode import encode_items
from kg.encoder import DEFAULT, Encoder, cached_vectors, short_name
from kg.errors import EncoderError, GraphError
from kg.settings import Settings
from tests.kg import shop


@pytest.fixture
def settings(encoder_home):
    return Settings(home=encoder_home)


def test_only_new_and_changed_texts_are_encoded(graph, settings):
    twin = {**shop.ITEMS[0], "itemId": "tea-2"}
    shop.write(graph, [*shop.ITEMS, twin, {"itemId": "bare"}], [])
    first = encode_items(graph, settings)
    assert (first.items, first.encoded, first.texts, first.unchanged) == (6, 5, 4, 1)
    assert first.exported.cosine_mean > 0.97

    again = encode_items(graph, settings)
    assert (again.encoded, again.unchanged) == (0, 6)

    shop.write(graph, [{**shop.ITEMS[1], "title": "Decaf coffee"}], [])
    changed = encode_items(graph, settings)
    assert (changed.encoded, changed.unchanged) == (1, 5)


def test_vectors_are_unit_length_and_mean_something(graph, settings):
    shop.write(graph, events=shop.EVENTS)
    encode_items(graph, settings)
    data = from_graph(graph)
    assert data.text is not None
    assert np.linalg.norm(data.text, axis=1) == pytest.approx(1, abs=1e-5)
    near = dict(
        zip(
            data.items["item_id"],
            data.text @ data.text[list(data.items["item_id"]).index("tea")],
            strict=True,
        )
    )
    assert near["mug"] > near["drill"]
    assert near["coffee"] > near["drill"]


def test_an_item_that_loses_its_text_loses_its_vector(graph, settings):
    shop.write(graph, [{"itemId": "x", "title": "Lamp"}], [])
    encode_items(graph, settings)
    shop.write(graph, [{"itemId": "x", "title": ""}], [])
    assert encode_items(graph, settings).without_text == 1
    assert encode_items(graph, settings).without_text == 0


def test_an_empty_graph_is_said(graph, settings):
    with pytest.raises(GraphError, match=r"no items to encode.*shopgraph graph ingest"):
        encode_items(graph, settings)


def test_an_unknown_encoder_is_named():
    with pytest.raises(EncoderError, match="no-such-encoder"):
        Encoder("./no-such-encoder")


def test_cached_vectors_are_made_once(tmp_path):
    first = cached_vectors("all-MiniLM-L6-v2", ["lamp", "", "lamp"], tmp_path)
    assert first[1].tolist() == [0.0] * 384
    assert np.array_equal(first[0], first[2])
    (file,) = tmp_path.iterdir()
    stamp = file.stat().st_mtime_ns
    assert np.array_equal(cached_vectors("all-MiniLM-L6-v2", ["lamp", "", "lamp"], tmp_path), first)
    assert file.stat().st_mtime_ns == stamp


def test_vectors_are_named_alike_before_and_after_the_encoder_is_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Encoder().model.save(str(tmp_path / "models" / "mine"))
    names = ["models/mine", "models/mine/", str(tmp_path / "models" / "mine"), DEFAULT]
    assert [short_name(name) for name in names] == [Encoder(name).name.partition("@")[0] for name in names]
    assert short_name("models/mine") == "mine"
    assert short_name("someone/bge-small") == "someone--bge-small"


def test_a_text_that_changes_meanwhile_is_left_to_the_next_run(graph, settings, monkeypatch):
    shop.write(graph, [{"itemId": "x", "title": "Lamp"}, {"itemId": "y", "title": "Chair"}], [])
    plain = Encoder.encode

    def slow(self, texts, advance=None):
        shop.write(graph, [{"itemId": "x", "title": "Sofa"}], [])
        return plain(self, texts, advance=advance)

    monkeypatch.setattr(Encoder, "encode", slow)
    encode_items(graph, settings)
    monkeypatch.undo()
    assert encode_items(graph, settings).encoded == 1
