"""Reasons in words."""

import numpy as np
import pytest

from api.explain import causes, pasteable, paths_of, reasons_of, source_of, told
from api.ranking.signals import Edge, Need, Part, Seed
from kg.queries import load

NOTHING = np.zeros(1, dtype=np.float32)


def seed(item_id: str, type_: str, event: str = "BOUGHT") -> Seed:
    return Seed(item_id, type_, 1.0, event, NOTHING, NOTHING, NOTHING)


def part(type_: str, value: float, cause: Seed | Edge | Need | None = None) -> Part:
    return Part(type_, cause, np.array([value]))


def title(item_id: str) -> str | None:
    return {"a": "Apple", "b": "Bread"}.get(item_id)


def test_sentences_shares_and_order() -> None:
    parts = [
        part("history", 1.0, seed("a", "history")),
        part("history", -0.5, seed("b", "history", "ADDED_TO_CART")),
        part("words", 2.0),
        part("edge", 4.0, Edge("c", 7, "BOUGHT_WITH", 1.0, 12)),
        part("popularity", 1.0),
    ]

    reasons = reasons_of(told(parts, 1), 0, "fresh fruit", 1234, title)

    assert [(r.text, r.contribution, r.share) for r in reasons] == [
        ("Bought together with c (12 times).", 4.0, 50.0),
        ("Matches “fresh fruit”.", 2.0, 25.0),
        ("You bought Apple.", 1.0, 12.5),
        ("Chosen by 1,234 shoppers.", 1.0, 12.5),
        ("Counts against it: You put in the cart Bread.", -0.5, 0.0),
    ]
    assert source_of(told(parts, 1), 0) == "edge"


def test_the_source_is_the_type_that_adds_most_in_all() -> None:
    parts = [
        part("history", 1.0, seed("a", "history")),
        part("history", 1.5, seed("b", "history")),
        part("words", 2.0),
    ]

    assert source_of(told(parts, 1), 0) == "history"


def test_ways_skip_what_pulls_down_what_no_node_says_and_the_item_itself() -> None:
    parts = [part("session", v, seed(i, "session")) for i, v in (("a", 3.0), ("x", 2.0), ("b", -1.0))]

    found = causes("x", reasons_of(told([*parts, part("words", 4.0)], 1), 0, "tea", 0, title))

    assert [reason.item_id for reason in found] == ["a"]


def test_the_two_largest_are_shown_needs_among_them() -> None:
    need = Need("i1", "quiet evenings", 3, 1.0, np.array([0]), np.array([1.0]))
    history = [part("history", v, seed(i, "history")) for i, v in (("a", 3.0), ("b", 1.0))]
    reasons = reasons_of(told([*history, part("intent", 2.0, need)], 1), 0, "evening", 0, title)

    paths = paths_of("x", reasons, {}, {"a": "BOUGHT", "b": "BOUGHT"}, "ann", "blue")

    assert [path.nodes for path in paths] == [
        ["User:ann", "Item:a", "Item:x"],
        ["Intent:quiet evenings", "Item:x"],
    ]


def test_a_pair_without_a_way_is_tied_by_what_was_learned() -> None:
    reasons = reasons_of(told([part("history", 1.0, seed("a", "history"))], 1), 0, None, 0, title)

    (path,) = paths_of("x", reasons, {}, {"a": "RATED"}, "ann", "blue")

    assert (path.nodes, path.relationships) == (["User:ann", "Item:a", "Item:x"], ["RATED", "(learned)"])


@pytest.mark.parametrize("value", ['a"b', "back\\slash", "line\nbreak", "naïve 茶"])
def test_pasteable_statements_carry_any_id(graph, value: str) -> None:
    text = pasteable(load("api").browse_item, item_id=value)

    assert "$item_id" not in text
    assert graph.driver.execute_query(text).records == []
