"""Real training of the real MiniLM on a made-up shop whose titles are in a language of its own."""

import json
import random
import sys

import pytest
from typer.testing import CliRunner

from kg.cli import app
from kg.encoder import Encoder
from kg.errors import EncoderError
from kg.queries import parse
from kg.settings import Settings
from kg.tuning.config import TuneConfig
from kg.tuning.pairs import read_kinds
from kg.tuning.run import fine_tune
from tests.kg import shop

COLOURS = {
    "zorb": "red", "mivel": "blue", "kassu": "green", "dolo": "yellow", "brem": "black", "pim": "white",
    "tulga": "golden", "ferro": "silver", "wexa": "pink", "jurt": "brown", "hask": "orange", "lumo": "purple",
    "quat": "striped", "naddi": "dotted", "olpe": "woollen", "vrin": "leather",
}  # fmt: skip
GOODS = {
    "gantu": "teapot", "reshk": "lamp", "bolva": "chair", "cindo": "bicycle", "sarpe": "guitar",
    "mokt": "kettle", "eddun": "carpet", "filka": "hammer", "trosk": "mirror", "vaspo": "umbrella",
    "yelm": "drum", "holtu": "boots", "pranz": "candle", "krido": "bucket", "womba": "pillow",
    "nirsk": "ladder",
}  # fmt: skip
CONFIG = TuneConfig(batch=32, epochs=10, rate=2e-3, patience=10)
QUERIES = parse(
    "more",
    """
// name: more
// A search with a purchase after it, a pair of one basket both ways, and a description.
// params:
// returns: nothing
MATCH (tea:Item {itemId: 'tea'}), (mug:Item {itemId: 'mug'})
CREATE (e:Event {eventId: 'e', type: 'search', userId: 'ann', query: ' hot  drink'})
SET e.at = datetime({epochSeconds: 190})
CREATE (tea)-[:BOUGHT_WITH {score: .5, source: 'counted'}]->(mug)
CREATE (mug)-[:BOUGHT_WITH {score: .5, source: 'counted'}]->(tea)
SET mug.description = 'Holds tea.'
CREATE (q:Query {text: 'cup'})
CREATE (q)-[:JUDGED {rating: 3}]->(mug)
CREATE (q)-[:JUDGED {rating: 1}]->(tea)

// name: needs
// A need that three items satisfy, and one that a single item does.
// params:
// returns: nothing
CREATE (t:Intent {intentId: 'warm', text: 'Warm  drink'}), (u:Intent {intentId: 'pots', text: 'Pots'})
WITH t, u
MATCH (i:Item)
WHERE i.itemId IN ['tea', 'mug', 'coffee']
CREATE (t)-[:SATISFIED_BY]->(i)
FOREACH (_ IN CASE i.itemId WHEN 'mug' THEN [1] ELSE [] END | CREATE (u)-[:SATISFIED_BY]->(i))

// name: judge
// A query for each item, its title the other way round.
// params:
// returns: nothing
MATCH (i:Item)
WITH i, split(i.title, ' ') AS words
CREATE (:Query {text: words[1] + ' ' + words[0]})-[:JUDGED {rating: 1}]->(i)
""",
)


def items(*, shuffled=False):
    """Each colour of each good; where shuffled, titles say nothing of the descriptions."""
    names = [(f"{c} {g}", f"{COLOURS[c]} {GOODS[g]}") for c in COLOURS for g in GOODS]
    told = [description for _, description in names]
    if shuffled:
        random.Random(0).shuffle(told)
    return [
        {"itemId": f"i{n}", "title": title, "description": f"A {told[n]}."}
        for n, (title, _) in enumerate(names)
    ]


@pytest.fixture
def settings(graph, tmp_path, monkeypatch):
    c = graph.connection
    for name, value in {
        "HOME": str(tmp_path),
        "NEO4J_URI": c.uri,
        "NEO4J_USER": c.user,
        "NEO4J_PASSWORD": c.password,
        "NEO4J_DATABASE": c.database,
    }.items():
        monkeypatch.setenv(f"SHOPGRAPH_{name}", value)
    monkeypatch.delenv("SHOPGRAPH_ENCODER", raising=False)
    return Settings()


def test_what_is_learned_is_adopted_and_undone(graph, settings):
    shop.write(graph, items(), [])
    graph.write(QUERIES["judge"])
    told = fine_tune(graph, settings, CONFIG)
    assert told.adopted, told.reason
    found = told.found["descriptions"]
    assert found.ndcg.after > found.ndcg.before + 0.2
    assert told.found["judged"].anchors == 256
    assert told.pairs["judged"] == {"train": 0, "stop": 0, "judge": 256}
    assert told.training["weights"] < 1_500_000  # LoRA; MiniLM has 22.7 million
    assert told.training["kept"] > 0
    assert [line.split()[0] for line in told.left_out] == ["needs:", "searches:", "together:", "names:"]

    adopted = Settings()
    assert adopted.encoder == told.encoder
    kept = json.loads((settings.home / "encoders" / told.encoder / "fine-tune.json").read_text())
    assert kept["found"]["descriptions"]["ndcg"]["after"] == pytest.approx(found.ndcg.after, abs=1e-4)
    assert kept["compared_with"].startswith("all-MiniLM-L6-v2@")
    assert kept["config"]["epochs"] == 10
    encoder = Encoder(adopted.encoder)
    assert encoder.max_tokens == Encoder().max_tokens
    assert encoder.name.startswith("tuned-")
    again = fine_tune(graph, adopted, CONFIG.model_copy(update={"epochs": 1}))
    # Compared with the weights that were judged, not with what serves, which has learned the answers.
    assert again.found["descriptions"].recall.before == pytest.approx(found.recall.after, abs=1e-6)
    assert again.compared_with.startswith("tuned-")
    pair = encoder.encode(["zorb gantu", "A red teapot.", "A blue lamp."])
    assert pair[0] @ pair[1] > pair[0] @ pair[2]

    undone = CliRunner().invoke(app, ["fine-tune", "--undo", "--json"])
    assert undone.exit_code == 0, undone.output
    assert Settings().encoder == "all-MiniLM-L6-v2"


def test_what_cannot_be_learned_changes_nothing(graph, settings):
    shop.write(graph, items(shuffled=True), [])
    graph.write(QUERIES["judge"])
    done = CliRunner().invoke(app, ["fine-tune", "--epochs", "1"])
    assert done.exit_code == 0, done.output
    assert "Not adopted, nothing has changed: not clearly better" in done.output
    assert Settings().encoder == "all-MiniLM-L6-v2"
    assert list((settings.home / "encoders").iterdir()) == []


def test_a_run_that_ends_before_its_time_adopts_nothing(graph, settings, monkeypatch):
    shop.write(graph, items(), [])
    graph.write(QUERIES["judge"])

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("kg.tuning.run.adopt", killed)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(graph, settings, CONFIG)
    assert Settings().encoder == "all-MiniLM-L6-v2"


def test_time_that_is_up_ends_the_training_and_what_was_learned_is_judged(graph, settings):
    shop.write(graph, items(), [])
    graph.write(QUERIES["judge"])
    told = fine_tune(graph, settings, CONFIG.model_copy(update={"max_minutes": 0.001}))
    assert told.training["steps"] == 1


def test_too_few_pairs_are_counted(graph, settings):
    shop.write(graph)
    with pytest.raises(EncoderError, match=r"descriptions: 0 pairs.*shopgraph graph build.*shop\.toml"):
        fine_tune(graph, settings, CONFIG)
    shop.write(graph, items(), [])
    with pytest.raises(
        EncoderError, match=r"to judge by \(descriptions say nothing of shoppers\): .*\[\[queries\]\]"
    ):
        fine_tune(graph, settings, CONFIG)
    assert not (settings.home / "encoders").exists()


def test_missing_packages_are_named(graph, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(EncoderError, match=r"shopgraph\[fine-tune\]"):
        fine_tune(graph, settings, CONFIG)


def test_pairs_of_searches_and_baskets(graph):
    shop.write(graph)
    graph.write(QUERIES["more"])
    needs, searches, together, descriptions, judged, names = read_kinds(graph)
    assert needs.pairs == []
    assert names.pairs == []  # two of four items are half of the shop
    assert [(p.anchor, p.positive) for p in judged.pairs] == [("cup", "Tea mug. Clay. Kitchen. Holds tea.")]
    assert [(p.anchor, p.positive, p.key) for p in searches.pairs] == [
        ("hot drink", "Green tea. Leaf. Drinks", "words hot drink")
    ]
    ends = ("Green tea. Leaf. Drinks", "Tea mug. Clay. Kitchen. Holds tea.")
    assert [p[:2] for p in together.pairs] == [ends, ends[::-1]]
    assert len({p.need for p in together.pairs}) == 1
    assert [(p.anchor, p.positive) for p in descriptions.pairs] == [("Tea mug", "Holds tea.")]
    assert "Ground coffee. Bean. Drinks" in searches.candidates


def test_words_that_led_to_several_items_are_needs_and_others_searches(graph):
    shop.write(graph)
    graph.write(QUERIES["needs"])
    needs, searches, *_ = read_kinds(graph)
    assert len(needs.pairs) == 6  # each of three items, looked at, asks for each of the others
    assert {pair.anchor for pair in needs.pairs} == {"Warm drink"}
    assert len({(pair.beside, pair.positive) for pair in needs.pairs}) == 6
    assert all(pair.beside != pair.positive for pair in needs.pairs)
    assert len({pair.need for pair in needs.pairs}) == 1
    assert {pair.key for pair in needs.pairs} == {"words warm drink"}
    assert [(pair.anchor, pair.beside) for pair in searches.pairs] == [("Pots", "")]
