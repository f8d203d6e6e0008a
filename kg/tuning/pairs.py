"""What a shop can teach an encoder: texts that belong together, by kind."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kg.driver import Graph
from kg.intents import said_and_chosen
from kg.needs import normal
from kg.queries import load
from kg.text import compose

GUARD = (
    "names"  # of categories: whether plain words are still understood; a loss speaks against, a gain not for
)
_WIDEST = 0.1  # of the items; a category that has more says little


class Pair(NamedTuple):
    """An anchor and a text that is to be found by it."""

    anchor: str
    positive: str
    keys: tuple[str, str]  # of both ends; what has one key is on one side of the split


class Kind(NamedTuple):
    """The pairs of one kind, and among which texts the right one is to be found."""

    name: str  # searches, together, descriptions, judged or names
    pairs: list[Pair]
    candidates: list[str]

    @property
    def only_judges(self) -> bool:
        """Whether it is there to measure by, and never to be trained on."""
        return self.name in ("judged", GUARD)

    @property
    def of_shoppers(self) -> bool:
        """Whether it tells what people look for or take, as texts alone do not."""
        return self.name not in ("descriptions", GUARD)


class _Item(NamedTuple):
    text: str  # as it is encoded
    title: str
    description: str
    categories: list[str]

    @property
    def key(self) -> str:
        """Items of one title, as variants have it, stay together."""
        return f"item {normal(self.title) or normal(self.text)}"


def read_kinds(graph: Graph) -> list[Kind]:
    """The shop's pairs; a kind may have none."""
    items = {item_id: item for item_id, item in _items(graph) if item.text}
    texts = sorted({item.text for item in items.values()})
    descriptions = sorted({item.description for item in items.values() if item.description})
    return [
        Kind("searches", _distinct(_searches(graph, items)), texts),
        Kind("together", _distinct(_together(graph, items)), texts),
        Kind("descriptions", _distinct(_descriptions(items)), descriptions),
        Kind("judged", _distinct(_judged(graph, items)), texts),
        Kind(GUARD, _distinct(_names(items)), texts),
    ]


def _items(graph: Graph) -> Iterator[tuple[str, _Item]]:
    for row in graph.stream(load("encode").items):
        title, description = (" ".join((row[name] or "").split()) for name in ("title", "description"))
        yield row["itemId"], _Item(compose(row), title, description, row["categories"] or [])


def _searches(graph: Graph, items: Mapping[str, _Item]) -> Iterator[Pair]:
    """What was searched for, or said to be sought, and the item that was chosen then."""
    for said in said_and_chosen(graph):
        words, item = normal(said.text), items.get(said.item_id)
        if words and item is not None:
            yield Pair(" ".join(said.text.split()), item.text, (f"words {words}", item.key))


def _together(graph: Graph, items: Mapping[str, _Item]) -> Iterator[Pair]:
    for row in (*graph.stream(load("tuning").together), *graph.stream(load("tuning").one_need)):
        one, other = items.get(row["one"]), items.get(row["other"])
        if one is not None and other is not None and one.text != other.text:
            yield Pair(one.text, other.text, (one.key, other.key))


def _descriptions(items: Mapping[str, _Item]) -> Iterator[Pair]:
    for item in items.values():
        if item.title and item.description and item.title != item.description:
            yield Pair(item.title, item.description, (item.key, item.key))


def _judged(graph: Graph, items: Mapping[str, _Item]) -> Iterator[Pair]:
    for row in graph.stream(load("tuning").judged):
        for item in (items[item_id] for item_id in row["items"] if item_id in items):
            yield Pair(row["query"], item.text, (f"words {normal(row['query'])}", item.key))


def _names(items: Mapping[str, _Item]) -> Iterator[Pair]:
    shelves: dict[str, list[_Item]] = defaultdict(list)
    for item in items.values():
        for name in dict.fromkeys(item.categories):
            shelves[name].append(item)
    for name, some in shelves.items():
        if 2 <= len(some) <= _WIDEST * len(items):
            for item in some:
                yield Pair(name, item.text, (f"words {normal(name)}", item.key))


def _distinct(pairs: Iterator[Pair]) -> list[Pair]:
    return sorted(dict.fromkeys(pairs))
