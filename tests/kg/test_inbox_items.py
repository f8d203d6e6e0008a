"""Items among the messages of a stream: they end as the API's writes do, and their texts are encoded."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event as Stop
from typing import Any

import pytest

from kg.driver import Graph
from kg.encode import encode_items
from kg.live.inbox import read_file
from kg.live.streams import Rejects, Sink
from kg.queries import parse
from kg.schema import make_keys
from kg.settings import DEFAULT_ENCODER, Settings
from tests.kg.test_inbox import line, rejected

READ = parse(
    "inbox_items",
    """
// name: items
// What there is of items.
// params:
// returns: item, title, price, categories, hidden, declared, alike, encoded
MATCH (i:Item)
RETURN i.itemId AS item, i.title AS title, i.price AS price, [(i)-[:IN_CATEGORY]->(c) | c.name] AS categories,
       coalesce(i.hidden, false) AS hidden, [(i)-[:COMPLEMENTS]->(o) | o.itemId] AS declared,
       COUNT { (i)-[:SIMILAR_TO]->() } AS alike, i.textEmbedding IS NOT NULL AS encoded
ORDER BY item

// name: bought
// Who bought what.
// params:
// returns: user, item
MATCH (u:User)-[:BOUGHT]->(i:Item)
RETURN u.userId AS user, i.itemId AS item
ORDER BY user, item
""",
)


def told(item_id: str, **more: Any) -> bytes:
    return json.dumps({"item_id": item_id} | more).encode() + b"\n"


@pytest.fixture
def read(graph: Graph, tmp_path: Path) -> Callable[..., dict[str, int]]:
    make_keys(graph)
    sink = Sink(graph, Rejects(tmp_path / "bad.csv"), lambda: DEFAULT_ENCODER)

    def run(*lines: bytes) -> dict[str, int]:
        file = tmp_path / "a.jsonl"
        with file.open("ab") as more:
            more.write(b"".join(lines))
        return dict(read_file(sink, file, Stop(), growing=False))

    return run


def test_items_come_change_and_go_in_the_order_of_their_messages(read: Any, graph: Graph) -> None:
    first = read(
        line(1, item_id="tea"),
        told("tea", title="Green tea", categories=["Food > Tea"], price=4.5),
        told("cup", title="A cup", relations=[{"item_id": "tea", "kind": "COMPLEMENTS"}]),
        told("tea", price=3.9, whole=False),
        told("gone", title="Not for long"),
        line(2, item_id="gone"),
        told("gone", delete=True),
    )

    assert first == {"accepted": 6, "pending": 1}  # what was bought of "gone" waits for its return
    found = {row["item"]: row for row in graph.read(READ["items"])}
    assert found.keys() == {"tea", "cup"}
    assert (found["tea"]["title"], found["tea"]["price"], found["tea"]["categories"]) == (
        "Green tea",
        3.9,
        ["Tea"],
    )
    assert found["cup"]["declared"] == ["tea"]
    assert graph.read(READ["bought"]) == [{"user": "u1", "item": "tea"}]

    assert read(told("gone", title="Back"), told("cup", title="A cup", hidden=True)) == {"accepted": 2}
    assert graph.read(READ["bought"]) == [{"user": "u1", "item": "tea"}, {"user": "u2", "item": "gone"}]
    cup = next(row for row in graph.read(READ["items"]) if row["item"] == "cup")
    assert (cup["hidden"], cup["declared"]) == (True, ["tea"])


def test_what_cannot_be_done_is_told_with_its_line(read: Any, graph: Graph, tmp_path: Path) -> None:
    counts = read(
        told("tea", title="Green tea", price=-1),
        told("tea", colour="green"),
        told("never", price=2, whole=False),
        told("never", delete=True),
        told("cup", title="A cup", relations=[{"item_id": "never", "kind": "COMPLEMENTS"}]),
        line(1, item_id="cup"),
    )

    assert counts == {"accepted": 2, "rejected": 4}
    reasons = {row: reason for _, _, row, reason, _ in rejected(tmp_path / "bad.csv")}
    assert list(reasons) == ["1", "2", "3", "4", "5"]
    assert "price is less than 0" in reasons["1"]
    assert reasons["2"] == "there is no field colour"
    assert reasons["3"] == reasons["4"] == "there is no such item to change or to delete"
    assert reasons["5"] == "relations to unknown items: never"
    assert [row["item"] for row in graph.read(READ["items"])] == ["cup"]


def test_new_texts_are_encoded_once_the_shop_is(
    read: Any, graph: Graph, encoder_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read(told("tea", title="Green tea"), told("drill", title="A cordless drill"))
    assert "New texts are not encoded: the other items are not encoded either" in capsys.readouterr().err
    encode_items(graph, Settings(home=encoder_home))

    read(told("sencha", title="Sencha, a green tea"), told("drill", price=80, whole=False))

    found = {row["item"]: row for row in graph.read(READ["items"])}
    assert found["sencha"]["encoded"]
    assert found["sencha"]["alike"] == 2
    assert "not encoded" not in capsys.readouterr().err
