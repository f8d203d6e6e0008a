"""What a shop can teach an encoder: texts that belong together, by kind."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from kg.driver import Graph
from kg.queries import load
from kg.text import compose
from kg.words.intents import said_and_chosen
from kg.words.needs import normal

# Of categories: whether plain words are still understood; a loss speaks against, a gain not for.
GUARD = "names"
_WIDEST = 0.1  # of the items; a category that has more says little
_OF_ONE_NEED = 10  # items at most


class Pair(NamedTuple):
    """An anchor and a text that is to be found by it."""

    anchor: str
    positive: str
    key: str  # what has one key is on one side of the split
    beside: str = ""  # a second anchor: the sum of both vectors is to find the text; "": none
    need: str = ""  # of the pairs that serve one, both ways or many, one is drawn an epoch; "": each

    @property
    def anchors(self) -> tuple[str, ...]:
        """One text or two."""
        return (self.anchor, self.beside) if self.beside else (self.anchor,)


class Kind(NamedTuple):
    """The pairs of one kind, and among which texts the right one is to be found."""

    name: str  # needs, searches, together, descriptions, judged or names
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
    chosen = _chosen(graph, items)
    return [
        Kind("needs", _distinct(_needs(chosen)), texts),
        Kind("searches", _distinct(_searches(chosen)), texts),
        Kind("together", _distinct(_together(graph, items)), texts),
        Kind("descriptions", _distinct(_descriptions(items)), descriptions),
        Kind("judged", _distinct(_judged(graph, items)), texts),
        Kind(GUARD, _distinct(_names(items)), texts),
    ]


def _items(graph: Graph) -> Iterator[tuple[str, _Item]]:
    for row in graph.stream(load("encode").items):
        title, description = (" ".join((row[name] or "").split()) for name in ("title", "description"))
        yield row["itemId"], _Item(compose(row), title, description, row["categories"] or [])


class _Chosen(NamedTuple):
    """What was searched for, or said to be sought, and the items that were chosen then."""

    need: str
    words: str
    items: list[_Item]  # of different texts

    @property
    def key(self) -> str:
        return f"words {normal(self.words)}"


def _chosen(graph: Graph, items: Mapping[str, _Item]) -> list[_Chosen]:
    """By whoever said it, in the order of who and what."""
    by: dict[tuple[str, str], _Chosen] = {}
    for said in said_and_chosen(graph):
        words, item = normal(said.text), items.get(said.item_id)
        if words and item is not None:
            need = f"{said.by} {words}"
            of = by.setdefault((said.by, words), _Chosen(need, " ".join(said.text.split()), []))
            if all(item.text != other.text for other in of.items):
                of.items.append(item)
    return [by[key] for key in sorted(by)]


def _needs(chosen: Sequence[_Chosen]) -> Iterator[Pair]:
    """One item of a need is looked at while its words are said: another one is to be found."""
    for of in chosen:
        for one, other in permutations(of.items[:_OF_ONE_NEED], 2):
            yield Pair(of.words, other.text, of.key, beside=one.text, need=of.need)


def _searches(chosen: Sequence[_Chosen]) -> Iterator[Pair]:
    """Words that led to a single item; those that led to several are needs."""
    for of in chosen:
        if len(of.items) == 1:
            yield Pair(of.words, of.items[0].text, of.key)


def _together(graph: Graph, items: Mapping[str, _Item]) -> Iterator[Pair]:
    for row in graph.stream(load("tuning").together):
        one, other = items.get(row["one"]), items.get(row["other"])
        if one is not None and other is not None and one.text != other.text:
            key = "\0".join(sorted((one.key, other.key)))
            yield Pair(one.text, other.text, key, need=key)
            yield Pair(other.text, one.text, key, need=key)


def _descriptions(items: Mapping[str, _Item]) -> Iterator[Pair]:
    titles: dict[str, set[str]] = defaultdict(set)
    for item in items.values():
        titles[item.description].add(item.key)
    for item in items.values():
        told = item.description and item.title != item.description
        if item.title and told and len(titles[item.description]) == 1:  # one that several share tells none
            yield Pair(item.title, item.description, item.key)


def _judged(graph: Graph, items: Mapping[str, _Item]) -> Iterator[Pair]:
    for row in graph.stream(load("tuning").judged):
        for item in (items[item_id] for item_id in row["items"] if item_id in items):
            yield Pair(row["query"], item.text, f"words {normal(row['query'])}")


def _names(items: Mapping[str, _Item]) -> Iterator[Pair]:
    shelves: dict[str, list[_Item]] = defaultdict(list)
    for item in items.values():
        for name in dict.fromkeys(item.categories):
            shelves[name].append(item)
    for name, some in shelves.items():
        if 2 <= len(some) <= _WIDEST * len(items):
            for item in some:
                yield Pair(name, item.text, f"words {normal(name)}")


def _distinct(pairs: Iterator[Pair]) -> list[Pair]:
    return sorted(dict.fromkeys(pairs))


def drawn_for(pairs: Sequence[Pair], epochs: float, most: int, chance: random.Random) -> list[Pair]:
    """What all epochs see: in each of them one pair of each need and all others, `most` of them at most."""
    whole, drawn = math.ceil(epochs), list[Pair]()
    for epoch in range(whole):
        some = list(
            {pair.need or n: pair for n, pair in enumerate(chance.sample(pairs, len(pairs)))}.values()
        )
        part = epochs - epoch if epoch == whole - 1 else 1  # of the last epoch
        drawn += some[: max(1, round(part * min(len(some), most)))]
    return drawn
