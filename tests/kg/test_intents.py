"""Needs mined from searches and what was bought next, and what people do with them."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from kg.checksum import measure
from kg.driver import Graph
from kg.live.events import Event, store
from kg.queries import parse
from kg.schema import make_keys
from kg.words.intents import Mined, mine_with
from kg.words.needs import Said, needs_from, normal
from kg.words.phrases import Titled, phrases_of

Q = parse(
    "analyst",
    """
// name: items
// Items with a title, in a category.
// params: rows
// returns:
UNWIND $rows AS row
CREATE (i:Item {itemId: row.id, title: row.title, textEmbedding: row.vector})
MERGE (c:Category {categoryId: row.category})
SET c.name = row.category
CREATE (i)-[:IN_CATEGORY]->(c)

// name: needs
// Needs as an analyst sees them.
// params:
// returns: text, support, items
MATCH (t:Intent)
OPTIONAL MATCH (t)-[r:SATISFIED_BY]->(i:Item)
WITH t, r, i
ORDER BY i.itemId
RETURN t.text AS text, t.support AS support, collect([i.itemId, r.weight, r.support]) AS items
ORDER BY text

// name: rename
// Another name.
// params: text, name
// returns:
MATCH (t:Intent {text: $text})
SET t.text = $name

// name: reject
// Refuse a need.
// params: text
// returns:
MATCH (t:Intent {text: $text})
SET t.rejected = true

// name: delete
// Delete a need.
// params: text
// returns:
MATCH (t:Intent {text: $text})
DETACH DELETE t

// name: declared
// What a file says that somebody was after.
// params: id, text, items
// returns:
CREATE (t:Intent {intentId: $id, text: $text, source: 'declared'})
WITH t
MATCH (i:Item)
WHERE i.itemId IN $items
CREATE (t)-[:SATISFIED_BY {position: 0, weight: 1.0, source: 'declared'}]->(i)
""",
)
MEANINGS = {"tea": 0, "teas": 0, "spade": 1, "shovel": 1, "mug": 2}


def encode(texts: Any) -> np.ndarray:
    """Words of one meaning point one way; other words a way of their own."""
    vectors = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in text.split():
            row[MEANINGS.get(word, 3 + sum(map(ord, word)) % 61)] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def shop(graph: Graph) -> Graph:
    make_keys(graph)
    titles = ["Green tea", "Black tea", "Spade", "Mug"]
    rows = [{"id": t.lower(), "title": t, "category": "c", "vector": None} for t in titles]
    graph.write(Q["items"], rows=rows)
    return graph


def mine(graph: Graph, **options: Any) -> Mined:
    return mine_with(graph, encode, "made-up", **options)


def needs(graph: Graph) -> dict[str, tuple[int, dict[str, int]]]:
    """Support and items of each need by its text."""
    return {
        row["text"]: (row["support"], {item: support for item, _, support in row["items"]})
        for row in graph.read(Q["needs"])
    }


def tell(graph: Graph, *rows: tuple[str, int, str, str]) -> None:
    """(user, seconds, what, words or item)"""
    events = [
        Event(
            f"{user}-{at}-{what}-{of}", what, user, of if what == "purchase" else None,
            datetime.fromtimestamp(at, UTC), query=of if what == "search" else None,
        )
        for user, at, what, of in rows
    ]  # fmt: skip
    graph.transact("events", lambda tx: store(tx, events))


def fill(graph: Graph) -> None:
    tell(
        graph,
        ("ann", 100, "search", "Tea!"), ("ann", 200, "purchase", "green tea"),
        ("ann", 300, "search", "spade"), ("ann", 400, "purchase", "spade"),
        ("bob", 100, "search", "TEA"), ("bob", 150, "purchase", "green tea"),
        ("bob", 160, "purchase", "black tea"),
        ("eve", 100, "search", "teas"), ("eve", 90_000, "purchase", "mug"),  # a day later
        ("eve", 200, "purchase", "black tea"), ("eve", 50, "purchase", "spade"),  # before the search
        ("dan", 100, "search", "shovel"), ("dan", 101, "purchase", "spade"),
        ("dan", 200, "search", "mug"), ("dan", 201, "purchase", "mug"),  # dan alone
    )  # fmt: skip


def test_needs_are_words_of_several_shoppers_with_what_they_bought_next(shop: Graph) -> None:
    fill(shop)

    done = mine(shop)

    assert done == Mined("searches", pairs=7, needs=2, written=2, deleted=0, kept_away=0)
    assert needs(shop) == {
        "TEA": (4, {"black tea": 2, "green tea": 2}),
        "shovel": (2, {"spade": 2}),
    }
    weights = {i: w for row in shop.read(Q["needs"]) for i, w, _ in row["items"]}
    assert weights == {"black tea": 0.5, "green tea": 0.5, "spade": 1.0}


def test_mining_twice_changes_nothing_and_new_events_change_what_they_say(shop: Graph) -> None:
    fill(shop)
    mine(shop)
    before = measure(shop)
    assert mine(shop)._asdict() | {"pairs": 0, "source": ""} == {
        "source": "", "pairs": 0, "needs": 2, "written": 0, "deleted": 0, "kept_away": 0,
    }  # fmt: skip
    assert measure(shop) == before

    tell(shop, ("fay", 100, "search", "mug"), ("fay", 200, "purchase", "mug"))

    assert (mine(shop).written, needs(shop)["mug"]) == (1, (2, {"mug": 2}))


def test_a_need_that_the_data_no_longer_supports_goes(shop: Graph) -> None:
    fill(shop)
    mine(shop)
    assert mine(shop, least=3).deleted == 1
    assert mine(shop).written == 0  # as the last time
    assert set(needs(shop)) == {"TEA"}
    assert mine(shop, least=2).written == 1  # it was not a person who deleted it
    assert set(needs(shop)) == {"TEA", "shovel"}


def test_what_a_person_changed_stays(shop: Graph) -> None:
    fill(shop)
    mine(shop)
    shop.write(Q["rename"], text="TEA", name="Tea in a tin")
    shop.write(Q["delete"], text="shovel")

    assert (mine(shop).kept_away, set(needs(shop))) == (1, {"Tea in a tin"})

    # words close to the deleted one do not bring it back, and a renamed need takes in what comes
    tell(shop, ("fay", 1, "search", "a spade"), ("fay", 2, "purchase", "spade"))
    tell(shop, *(("gus", 1, "search", "spade"), ("gus", 2, "purchase", "spade")))
    tell(shop, ("fay", 10, "search", "teas"), ("fay", 20, "purchase", "mug"))
    mine(shop)
    assert needs(shop) == {"Tea in a tin": (5, {"black tea": 2, "green tea": 2, "mug": 1})}

    assert mine(shop, restore=True).written == 1
    assert set(needs(shop)) == {"Tea in a tin", "spade"}
    shop.write(Q["reject"], text="spade")
    assert (mine(shop).kept_away, set(needs(shop))) == (1, {"Tea in a tin", "spade"})


def test_what_files_say_counts_like_searches(shop: Graph) -> None:
    for n, text in enumerate(["tea", "Teas", "mug"]):
        shop.write(Q["declared"], id=str(n), text=text, items=["green tea", "mug"][: 2 - n % 2])

    assert mine(shop) == Mined("searches", 5, 1, 1, 0, 0)

    mined = [row for row in shop.read(Q["needs"]) if row["support"]]
    assert [(row["text"], row["support"]) for row in mined] == [("tea", 3)]
    assert mine(shop).written == 0


def test_without_searches_specific_phrases_stand_in(shop: Graph) -> None:
    rows = [
        {"id": f"{kind}-{n}", "title": f"{kind} lamp for camping, no {n}", "category": f"{kind}s",
         "vector": np.eye(64)[k].tolist()}
        for k, kind in enumerate(["gas", "oil"]) for n in range(4)
    ] + [
        {"id": f"x-{n}", "title": f"plain thing {n}", "category": "all", "vector": list(np.eye(64)[n % 60])}
        for n in range(120)
    ]  # fmt: skip
    shop.write(Q["items"], rows=rows)

    done = mine(shop)

    assert done.source == "phrases"
    found = needs(shop)
    assert "gas lamp" in found
    assert found["gas lamp"] == (4, {f"gas-{n}": 1 for n in range(4)})
    # what all things are called, what is about two things, and what ends openly is no need
    assert not {"plain thing", "all", "lamp for", "lamp for camping"} & set(found)
    assert mine(shop).written == 0

    # one shopper's search alone is no need, and takes none away
    tell(shop, ("ann", 1, "search", "something nice"), ("ann", 2, "purchase", "gas-0"))
    assert mine(shop).source == "phrases"
    assert set(needs(shop)) == set(found)


def test_phrases_are_those_of_close_items() -> None:
    def item(n: int, title: str, axis: int) -> Titled:
        return Titled(str(n), title, np.eye(8, dtype=np.float32)[axis], [], 2)

    close = [item(n, "dog food", 0) for n in range(3)]
    apart = [item(n + 3, "gift box", n) for n in range(3)]
    many = [item(n + 6, "", 0) for n in range(100)]
    found = list(phrases_of([*close, *apart, *many]))
    assert found == [Said("dog food", str(n), str(n), 3) for n in range(3)]


def test_an_order_of_the_pairs_changes_nothing() -> None:
    said = [
        Said(t, f"u{n % 5}", f"i{n % 3}") for n, t in enumerate(["tea", "teas", "mug", "spade", "shovel"] * 4)
    ]
    one, other = needs_from(said, encode), needs_from(said[::-1], encode)
    assert [(n.key, n.text, n.support, n.items) for n in one] == [
        (n.key, n.text, n.support, n.items) for n in other
    ]
    again = needs_from(said, encode, leading=[n.key for n in one])
    assert [(n.key, n.items) for n in again] == [(n.key, n.items) for n in one]


def test_normal_texts_compare_equal() -> None:
    assert normal("  Green-TEA, loose! ") == normal("ｇreen tea loose") == "green tea loose"
    assert normal("?!") == ""
