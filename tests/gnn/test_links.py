"""Typed links on a made-up shop: evidence, hiding, features, model, rules."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from gnn.links.benchmark import benchmark, calibration_error, rank_links
from gnn.links.evidence import evidence, folds, groups, hide, linked
from gnn.links.features import blocks, facts
from gnn.links.model import KINDS, LinkConfig, corrected, predict
from gnn.links.rules import by_rules, narrowest
from kg.dataset import ShopData
from kg.errors import ModelError
from tests.gnn.fake import fake_shop

FAMILIES, SIZE = 30, 8
QUICK = LinkConfig(rounds=30, leaves=8)


def typed_shop(seed: int = 0, kinds: tuple[str, str] = ("BOUGHT_WITH", "VIEWED_WITH")) -> ShopData:
    """Families of a product and what goes with it: members 0-3 replace each other, 4-7 do, 0-3 go with 4-7.

    A third of the true pairs is missing; a few wrong ones are said.
    """
    rng = np.random.default_rng(seed)
    n = FAMILIES * SIZE
    rows = []
    for a in range(n):
        for b in range(a // SIZE * SIZE, (a // SIZE + 1) * SIZE):
            same = a % SIZE // 4 == b % SIZE // 4
            if a != b and rng.random() < 0.66:
                rows.append(("viewed" if same else "bought", kinds[same], a, b))
    rows += [("bought", kinds[0], a, b) for a, b in rng.integers(0, n, (60, 2)) if a != b]
    relations = pd.DataFrame(rows, columns=["relation", "kind", "source", "target"]).drop_duplicates()
    shop = fake_shop(n_users=80, n_items=n, seed=seed)
    return shop._replace(relations=relations.astype({"source": np.int32, "target": np.int32}))


def first_items(n: int) -> ShopData:
    """The made-up shop with so few items that paths can be counted by hand."""
    shop = fake_shop()
    events = shop.interactions[shop.interactions["item"] < n]
    return shop._replace(items=shop.items.head(n), interactions=events)


def matrix(pairs: list[tuple[int, int]], n: int = 4) -> sp.csr_matrix:
    source, target = zip(*pairs, strict=True)
    return sp.csr_matrix((np.ones(len(pairs), np.float32), (source, target)), shape=(n, n))


def pairs_of(edges: sp.csr_matrix) -> set[tuple[int, int]]:
    return set(zip(*(end.tolist() for end in edges.nonzero()), strict=True))


def test_what_the_shop_says_itself_comes_before_what_is_counted() -> None:
    shop = typed_shop()
    known = evidence(shop)
    assert known.complement is not None
    assert known.substitute is not None
    assert (known.complement.origin, known.substitute.origin) == (
        "declared BOUGHT_WITH",
        "declared VIEWED_WITH",
    )
    said = shop.relations[shop.relations["kind"] == "VIEWED_WITH"]
    assert pairs_of(known.substitute.edges) == set(zip(said["source"], said["target"], strict=True))


@pytest.mark.parametrize(("n", "taken"), [(200, True), (199, False)])
def test_what_the_shop_typed_itself_comes_first_if_it_is_enough(n: int, taken: bool) -> None:
    shop = typed_shop()
    pairs = [(a, b) for a in range(20) for b in range(a)] + [(20, b) for b in range(10)]
    typed = pd.DataFrame(pairs[:n], columns=["source", "target"]).assign(relation="fits", kind="COMPLEMENTS")
    complement = evidence(shop._replace(relations=pd.concat([shop.relations, typed]))).complement
    assert complement is not None
    assert complement.typed == taken
    assert (pairs_of(complement.edges) == set(pairs[:n])) == taken
    nothing_else = evidence(shop._replace(relations=typed, interactions=shop.interactions.head(1))).complement
    assert nothing_else is not None
    assert nothing_else.typed


def test_without_relations_links_are_counted_from_events() -> None:
    shop = fake_shop(n_users=200)
    events = shop.interactions.assign(
        type=["view", "purchase"] * (len(shop.interactions) // 2) + ["view"] * (len(shop.interactions) % 2)
    )
    known = evidence(shop._replace(relations=shop.relations.head(0), interactions=events))
    assert known.complement is not None
    assert known.substitute is not None
    assert known.complement.counted
    assert known.substitute.origin == "counted from views and carts"


def test_a_basket_is_its_users_and_loose_events_fall_into_thirty_days() -> None:
    shop = fake_shop()
    rows = [
        (0, 1, "b", 0),
        (0, 2, "b", 99),
        (1, 3, "b", 0),
        (2, 4, None, 0),
        (2, 5, None, 86_400),
        (2, 6, None, 40 * 86_400),
    ]
    events = pd.DataFrame(rows, columns=["user", "item", "basket", "order"]).assign(type="purchase")
    group, item = groups(shop._replace(interactions=events), ("purchase",))
    found = {frozenset(item[group == number].tolist()) for number in np.unique(group)}
    assert found == {frozenset({1, 2}), frozenset({3}), frozenset({4, 5}), frozenset({6})}


def test_a_pair_is_hidden_whole() -> None:
    links = (matrix([(0, 1), (1, 0), (2, 3)]), matrix([(1, 0), (0, 2)]))
    upper = sp.triu(linked(links), k=1).tocoo()
    chosen = (upper.row == 0) & (upper.col == 1)
    visible, hidden = hide(links, chosen)
    assert [pairs_of(part) for part in visible] == [{(2, 3)}, {(0, 2)}]
    assert [pairs_of(part) for part in hidden] == [{(0, 1), (1, 0)}, {(1, 0)}]


def test_features_of_a_hidden_pair_do_not_depend_on_what_was_hidden() -> None:
    shop = typed_shop()
    known = evidence(shop)
    links = known.links
    visible, hidden = hide(links, folds(links, 10, 0) == 0)
    either = (hidden[0] + hidden[1]).tocsr()
    before = np.concatenate([block.features for block in blocks(facts(shop, known), visible, pairs=either)])
    fewer = shop._replace(
        relations=pd.concat(
            [
                pd.DataFrame(
                    {"relation": kind, "kind": kind, "source": part.nonzero()[0], "target": part.nonzero()[1]}
                )
                for kind, part in zip(("BOUGHT_WITH", "VIEWED_WITH"), visible, strict=True)
            ]
        )
    )
    alone = evidence(fewer)
    after = np.concatenate([b.features for b in blocks(facts(fewer, alone), alone.links, pairs=either)])
    np.testing.assert_array_equal(before, after)


def test_paths_by_hand() -> None:
    """0 -> 1 <- 2 -> 3: 0's list is like 2's, whose other entry is 3."""
    shop = first_items(4)._replace(text=None)
    none = sp.csr_matrix((4, 4), dtype=np.float32)
    visible = (matrix([(0, 1), (2, 1), (2, 3)]), none)
    known = evidence(typed_shop())
    block = next(blocks(facts(shop, known), visible, pairs=matrix([(0, 2), (0, 3), (0, 1)])))
    found = {
        target: dict(zip(block.names, row, strict=True))
        for target, row in zip(block.target.tolist(), block.features, strict=True)
    }
    assert found[2]["out_in_0"] == pytest.approx(1 / np.log(4))  # through 1, which has two links
    assert found[3]["out_in_0"] == 0
    assert found[2]["alike_0"] == pytest.approx(1 / (np.sqrt(2) * np.sqrt(2) * np.sqrt(2)))
    assert found[3]["lists_0"] == pytest.approx(found[2]["alike_0"] / np.sqrt(2))
    assert found[3]["lists_1"] == 0


def test_what_links_were_counted_from_is_no_feature() -> None:
    shop = typed_shop()
    declared = facts(shop, evidence(shop))
    assert set(declared.counts) == {"bought", "viewed"}
    bare = shop._replace(relations=shop.relations[shop.relations["kind"] == "VIEWED_WITH"])
    known = evidence(bare)
    assert known.complement is not None
    assert known.complement.counted
    assert set(facts(bare, known).counts) == {"viewed"}


def test_links_are_found_again_and_their_kinds_told_apart() -> None:
    report = benchmark(typed_shop(), QUICK, seeds=1)
    ranking, kinds = report["ranking"], report["kinds"]
    assert isinstance(ranking, dict)
    assert isinstance(kinds, dict)
    assert set(ranking) == {"links", "text", "co-purchases", "adamic-adar"}
    # A hidden pair competes with the other missing pairs of its family: at most ten in all.
    assert ranking["links"]["hits@10"]["mean"] > 0.85
    assert ranking["links"]["hits@10"]["mean"] > 1.5 * ranking["text"]["hits@10"]["mean"]
    assert kinds["links"]["auc"]["mean"] > 0.9
    assert kinds["text"]["auc"]["mean"] < 0.7


def test_predictions_are_the_missing_pairs_and_the_kinds_of_known_ones() -> None:
    shop = typed_shop()
    pairs = predict(shop, QUICK).pairs
    best = pairs[pairs["score"] >= 0.5]
    family = (best["source"] // SIZE == best["target"] // SIZE).to_numpy()
    same = (best["source"] % SIZE // 4 == best["target"] % SIZE // 4).to_numpy()
    right = family & (same == (best["kind"] == "SUBSTITUTES").to_numpy())
    assert right.mean() > 0.95
    assert set(best["kind"]) == set(KINDS)
    new = ~best["known"].to_numpy()
    assert new.sum() >= 10
    assert right[new].mean() > 0.8
    said = set(zip(shop.relations["source"], shop.relations["target"], strict=True))
    known = pairs[pairs["known"] & (pairs["kind"] == "COMPLEMENTS")]
    assert set(zip(known["source"], known["target"], strict=True)) <= said


def test_substitutes_are_mutual() -> None:
    pairs = predict(typed_shop(), QUICK).pairs
    score = {(row.source, row.target): row.score for row in pairs.itertuples() if row.kind == "SUBSTITUTES"}
    assert score
    assert all(score[target, source] == pytest.approx(value) for (source, target), value in score.items())


def test_what_the_shop_declared_is_not_predicted() -> None:
    shop = typed_shop(kinds=("COMPLEMENTS", "SUBSTITUTES"))
    pairs = predict(shop, QUICK).pairs
    said = set(zip(shop.relations["source"], shop.relations["target"], strict=True))
    directed = pairs[pairs["kind"] == "COMPLEMENTS"]
    assert len(directed)
    assert not said & set(zip(directed["source"], directed["target"], strict=True))


def test_the_same_shop_gives_the_same_links() -> None:
    first, second = (predict(typed_shop(), QUICK).pairs for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_ranks_by_hand() -> None:
    links = matrix([(0, 1)]), matrix([(2, 0)])
    hidden = matrix([(0, 3)]), matrix([(2, 3)])
    scores = np.array([[9, 8, 2, 1], [0] * 4, [9, 1, 9, 1], [0] * 4], dtype=np.float32)

    def scorer(rows: np.ndarray) -> np.ndarray:
        return scores[rows]

    # 0 -> 3: itself and 1, which is known, are masked; 2 is better. 2 -> 3 ties with 1 at the top.
    figures = rank_links((scorer, scorer), links, hidden)
    assert figures["mrr complement"] == 0.5
    assert figures["mrr substitute"] == pytest.approx(1 / 1.5)
    assert figures["hits@10"] == 1


def test_calibration_error_by_hand() -> None:
    score = np.array([0.05, 0.05, 0.75, 0.75])
    true = np.array([False, False, True, False])
    error, table = calibration_error(score, true)
    assert error == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert [line["was"] for line in table] == [0, 0.5]


def test_views_alone_cannot_tell_complements() -> None:
    shop = fake_shop()
    only = shop._replace(relations=shop.relations.head(0), interactions=shop.interactions.assign(type="view"))
    with pytest.raises(ModelError, match="no COMPLEMENTS or BOUGHT_WITH relations, or purchases"):
        predict(only, QUICK)


def test_too_few_links_are_said() -> None:
    shop = typed_shop()
    with pytest.raises(ModelError, match=r"holds only .* 20 are needed"):
        predict(shop._replace(relations=shop.relations.groupby("kind").head(60)), QUICK)


def test_rules_stand_in_where_there_are_no_views() -> None:
    shop = first_items(6)
    text = np.eye(6, 12, dtype=np.float32)
    text[1] = text[0]
    text[3] = text[2]
    items = shop.items.assign(
        categories=[["all", "tea"], ["all", "tea"], ["all", "pot"], ["all", "pot"], ["all"], []]
    )
    rows = [(u, i, f"b{u}") for u in range(3) for i in (0, 2)] + [(3, 1, "x"), (3, 4, "y"), (1, 3, "z")]
    events = pd.DataFrame(rows, columns=["user", "item", "basket"]).assign(type="purchase", order=0)
    bare = shop._replace(items=items, text=text, interactions=events, relations=shop.relations.head(0))
    links = predict(bare, QUICK)
    assert not links.calibrated
    found = {(row.kind, row.source, row.target): round(row.score, 3) for row in links.pairs.itertuples()}
    # 3 of 6 baskets hold 0 and 2, each in 3: lift 2.
    complement = round(3 / 5 * (1 - 1 / 2), 3)
    assert found == {
        ("COMPLEMENTS", 0, 2): complement,
        ("COMPLEMENTS", 2, 0): complement,
        ("SUBSTITUTES", 0, 1): 1.0,
        ("SUBSTITUTES", 1, 0): 1.0,
        ("SUBSTITUTES", 2, 3): 1.0,
        ("SUBSTITUTES", 3, 2): 1.0,
    }
    with pytest.raises(ModelError, match="both categories and texts"):
        by_rules(bare._replace(text=None))


def test_the_narrowest_category_is_the_rarest_that_is_shared() -> None:
    categories = pd.Series([["all", "tea"], ["tea", "all", "only mine"], ["all"], []])
    narrow = narrowest(categories)
    assert narrow[0] == narrow[1]
    assert narrow[2] not in (narrow[0], -1)
    assert narrow[3] == -1


def test_missing_links_are_taken_into_account_by_hand() -> None:
    # Of 100 pairs that look alike 9 were hidden, 10 are missing, 81 are no links: 10 of 91 are to be found.
    assert corrected(np.array([9 / 100]), 0.9) == pytest.approx([10 / 91])
    ordered = corrected(np.linspace(0, 1, 50), 0.9)
    assert (np.diff(ordered) > 0).all()
    assert ordered[-1] < 1
