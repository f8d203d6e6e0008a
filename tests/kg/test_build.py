import math
from collections import Counter

import pytest

from kg.build import build_edges
from kg.check import check, stats
from kg.queries import parse
from tests.kg import shop

EDGES = parse(
    "test",
    """
// name: edges
// All item-item edges.
// params:
// returns: kind, source, target, count, score, origin
MATCH (a:Item)-[r]->(b:Item)
RETURN type(r) AS kind, a.itemId AS source, b.itemId AS target, r.count AS count, r.source AS origin

// name: declare
// A relation that the shop declared.
// params:
// returns:
MATCH (a:Item {itemId: 'tea'}), (b:Item {itemId: 'drill'})
CREATE (a)-[:BOUGHT_WITH {source: 'declared:goes_with', relation: 'goes_with'}]->(b)

// name: forget_mug
// Bob no longer bought the mug.
// params:
// returns:
MATCH (:User {userId: 'bob'})-[r:BOUGHT]->(:Item {itemId: 'mug'}) DELETE r

// name: self_edge
// Something wrong.
// params:
// returns:
MATCH (i:Item {itemId: 'tea'})
CREATE (i)-[:SIMILAR_TO {source: 'text'}]->(i)
SET i.price = -1
""",
)


def edges(graph):
    return {
        (e["kind"], e["source"], e["target"], e["count"], e["origin"]) for e in graph.read(EDGES["edges"])
    }


def test_baskets_give_bought_with_and_a_second_build_changes_nothing(graph):
    shop.write(graph)
    first = build_edges(graph)
    assert edges(graph) == {
        ("BOUGHT_WITH", "tea", "mug", 2, "counted"),
        ("BOUGHT_WITH", "mug", "tea", 2, "counted"),
    }
    assert first["BOUGHT_WITH"] == (2, 2, 0)
    assert build_edges(graph)["BOUGHT_WITH"] == (2, 0, 0)


def test_edges_that_lost_their_support_go_and_declared_ones_stay(graph):
    shop.write(graph)
    graph.write(EDGES["declare"])
    build_edges(graph)
    graph.write(EDGES["forget_mug"])
    assert build_edges(graph)["BOUGHT_WITH"] == (0, 0, 2)
    assert edges(graph) == {("BOUGHT_WITH", "tea", "drill", None, "declared:goes_with")}


def test_without_baskets_a_window_in_time_counts(graph):
    loose = [{**event, "baskets": []} for event in shop.EVENTS]
    shop.write(graph, events=loose)
    build_edges(graph, window_days=1, least=1)
    found = {(source, target): count for _, source, target, count, _ in edges(graph)}
    assert found[("tea", "mug")] == 2
    assert found[("tea", "drill")] == 1  # bob's purchases lie 750 s apart


def test_baskets_of_two_users_with_one_number_are_two_baskets(graph):
    clash = [
        {"user": "ann", "item": "tea", "kind": "BOUGHT", "times": [1], "baskets": ["1"]},
        {"user": "bob", "item": "drill", "kind": "BOUGHT", "times": [2], "baskets": ["1"]},
    ]
    shop.write(graph, events=clash)
    build_edges(graph, least=1)
    assert edges(graph) == set()


def test_check_names_what_is_broken(graph):
    shop.write(graph)
    build_edges(graph)
    graph.write(EDGES["self_edge"])
    broken = {v.invariant: v.examples for v in check(graph)}
    assert broken["self_edges"] == ["SIMILAR_TO of item tea to itself"]
    assert broken["bad_prices"] == ["item tea costs -1"]
    assert "no constraint user_key" in broken["missing_constraints"]
    assert set(broken) == {"self_edges", "bad_prices", "missing_constraints"}


def test_stats_count_by_kind(graph):
    shop.write(graph)
    counts = stats(graph)
    assert counts["nodes"] == {"Item": 4, "User": 2}
    assert counts["relationships"] == {"BOUGHT": 5}


@pytest.mark.parametrize("k", [1, 2])
def test_an_item_has_its_k_best_edges_of_a_kind_and_no_more(graph, k):
    angles = {"tea": 0.0, "coffee": 0.1, "mug": 0.3, "drill": 0.7}
    items = [{**i, "textEmbedding": unit(angles[i["itemId"]])} for i in shop.ITEMS]
    basket = [
        {"user": "ann", "item": item, "kind": "BOUGHT", "times": [1], "baskets": ["a"]} for item in angles
    ]
    shop.write(graph, items, basket)
    build_edges(graph, k=k, least=1)
    found = edges(graph)
    of_each = Counter((kind, source) for kind, source, *_ in found)
    assert of_each == {(kind, item): k for kind in ("BOUGHT_WITH", "SIMILAR_TO") for item in angles}
    nearest = {"tea": "coffee mug", "coffee": "tea mug", "mug": "coffee tea", "drill": "mug coffee"}
    assert {(source, target) for kind, source, target, *_ in found if kind == "SIMILAR_TO"} == {
        (source, target) for source, targets in nearest.items() for target in targets.split()[:k]
    }


def unit(angle):
    return [math.cos(angle), math.sin(angle)]
