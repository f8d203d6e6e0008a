"""Splits: what may train and what may judge."""

import numpy as np
import pandas as pd
import pytest

from gnn.split import Split, default_split, split
from kg.errors import ModelError
from tests.gnn.fake import fake_shop

NAMES = ["time", "leave-one-out", "random", "new-items", "new-users", "given"]


def pairs(rows: pd.DataFrame | None) -> set[tuple[int, int]]:
    assert rows is not None
    return set(zip(rows["user"].tolist(), rows["item"].tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_pair_is_in_two_parts_and_none_is_judged_twice(name: str) -> None:
    parts = split(fake_shop(), name, with_test=True)
    assert parts.test is not None
    train, valid, test = pairs(parts.train), pairs(parts.valid), pairs(parts.test)
    assert not train & valid
    assert not (train | valid) & test
    assert len(valid) == len(parts.valid)
    assert len(test) == len(parts.test)


@pytest.mark.parametrize("name", NAMES)
def test_no_test_labels_unless_asked(name: str) -> None:
    assert split(fake_shop(), name).test is None


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_split(name: str) -> None:
    def frames(parts: Split) -> list[list[int]]:
        return [list(part.index) for part in (parts.train, parts.valid)]

    assert frames(split(fake_shop(), name)) == frames(split(fake_shop(), name))


def test_time_puts_nothing_newer_into_train() -> None:
    parts = split(fake_shop(), "time", with_test=True)
    assert parts.test is not None
    assert parts.train["order"].max() < parts.valid["order"].min()
    assert parts.valid["order"].max() < parts.test["order"].min()


def test_time_needs_times() -> None:
    with pytest.raises(ModelError, match="needs times"):
        split(fake_shop(with_time=False), "time")


def test_what_came_at_once_is_drawn_and_stays_so_when_the_shop_grows() -> None:
    """What a model was judged by is asked for again, by the ids, when more has come."""
    few = fake_shop()
    days = few.interactions.assign(order=few.interactions["order"] // 40)
    few = few._replace(interactions=days)
    parts = split(few, "leave-one-out", with_test=True)
    highest = days.sort_values(["user", "order", "item"]).drop_duplicates("user", keep="last")
    assert 0 < len(pairs(parts.test) - pairs(highest)) < len(pairs(parts.test))
    # An item and a user come first in the order of the ids, so that all others have other numbers.
    items = pd.concat([few.items.head(1).assign(item_id=""), few.items], ignore_index=True)
    more = days.assign(item=days["item"] + 1, user=days["user"] + 1)
    new = more.head(1).assign(user=0, item=0)
    rows = pd.concat([new, more], ignore_index=True)
    grown = few._replace(items=items, users=np.concatenate([[""], few.users]), interactions=rows)
    again = pairs(split(grown, "leave-one-out", with_test=True).test)
    assert again == {(user + 1, item + 1) for user, item in pairs(parts.test)}


def test_leave_one_out_takes_the_last_new_item_of_each_user_with_three() -> None:
    data = fake_shop()
    parts = split(data, "leave-one-out", with_test=True)
    assert parts.test is not None
    first = data.interactions.groupby(["user", "item"])["order"].min().reset_index().sort_values("order")
    sizes = first.groupby("user").size()
    last = first.groupby("user")["item"].last()[sizes >= 3]
    assert dict(zip(parts.test["user"], parts.test["item"], strict=True)) == last.to_dict()


def test_leave_one_out_knows_nothing_that_came_after_what_is_asked_for() -> None:
    """What was bought again after it is in no history; the test part's has what came after validation's."""
    data = fake_shop()
    parts = split(data, "leave-one-out", with_test=True)
    assert parts.test is not None
    for known, asked in ((parts.train, parts.valid), (parts.fitting, parts.test)):
        at = asked.groupby("user")["order"].min()
        assert not (known["order"] > known["user"].map(at)).any()

    bought = pd.DataFrame({"user": 0, "item": [0, 1, 2, 0, 3, 1], "order": range(6), "type": "purchase"})
    few = split(data._replace(interactions=bought), "leave-one-out", with_test=True)
    parts_of = [few.train, few.valid, few.fitting, few.test]
    assert [list(part["order"]) for part in parts_of if part is not None] == [[0, 1], [2], [0, 1, 2, 3], [4]]


def test_a_column_keeps_its_test_part_and_gets_validation_from_train() -> None:
    data = fake_shop()
    parts = split(data, "given", with_test=True)
    given = data.interactions
    train, test = pairs(given[given["split_given"] == "train"]), pairs(given[given["split_given"] == "test"])
    assert pairs(parts.test) == test - train  # repeat purchases are history, not targets
    assert pairs(parts.train) | pairs(parts.valid) == train
    assert 0 < len(parts.valid) < 0.2 * len(train)


def test_the_prefix_of_a_column_may_be_given_or_left_out() -> None:
    data = fake_shop()
    assert split(data, "split_given").train.equals(split(data, "given").train)


def test_hold_out_leaves_every_user_an_item() -> None:
    data = fake_shop()
    parts = split(data, "random", share=0.4, with_test=True)
    assert set(parts.train["user"]) == set(range(len(data.users)))


def test_without_any_order_the_item_left_out_is_drawn() -> None:
    rows = [(user, item) for user in range(200) for item in range(5)]
    events = pd.DataFrame(rows, columns=["user", "item"]).assign(order=0, type="purchase")
    data = fake_shop(n_users=200, with_time=False)._replace(interactions=events)
    assert default_split(data) == "random"
    drawn = split(data, "leave-one-out", with_test=True).test
    assert drawn is not None
    assert drawn["item"].value_counts().between(20, 60).all()
    assert len(drawn["item"].unique()) == 5


def test_the_default_is_by_what_enough_users_can_be_judged() -> None:
    usual = fake_shop(n_users=1000)
    times = np.random.default_rng(0).permutation(len(usual.interactions))
    assert default_split(usual._replace(interactions=usual.interactions.assign(order=times))) == "time"
    assert default_split(usual._replace(has_time=False)) == "leave-one-out"
    # Who comes once and never again says nothing of what came later.
    rows = [(user, (user + n) % 30, 1_000 * user + n) for user in range(300) for n in range(4)]
    events = pd.DataFrame(rows, columns=["user", "item", "order"]).assign(type="view")
    once = fake_shop(n_users=300)._replace(interactions=events)
    assert default_split(once) == "leave-one-out"
    assert split(once).name == "leave-one-out"
    twice = events[events["item"] < 10].groupby("user").head(2).sort_values("user")
    assert default_split(once._replace(interactions=twice)) == "random"


def test_what_is_fitted_for_the_test_part_knows_repeats_of_the_validation_part() -> None:
    rows = [
        (0, 1, "view"),
        (0, 2, "view"),
        (1, 1, "view"),
        (0, 1, "purchase"),
        (1, 2, "view"),
        (0, 4, "view"),
    ]
    events = pd.DataFrame(rows, columns=["user", "item", "type"]).assign(
        split_given=["train"] * 3 + ["valid"] * 2 + ["test"], order=range(6)
    )
    parts = split(fake_shop()._replace(interactions=events), "given", with_test=True)
    assert pairs(parts.valid) == {(1, 2)}
    assert list(parts.fitting.index) == [0, 1, 2, 3, 4]


def test_an_unknown_split_names_the_known_ones() -> None:
    with pytest.raises(
        ModelError, match=r"no split 'x'.*time, leave-one-out, random, new-items, new-users, split_given"
    ):
        split(fake_shop(), "x")


def test_a_part_without_rows_is_refused() -> None:
    data = fake_shop()
    data.interactions["split_given"] = np.where(data.interactions["user"] > 0, "train", "valid")
    with pytest.raises(ModelError, match="leaves no test interactions"):
        split(data, "given")


def test_new_items_are_in_no_part_but_test_where_other_pairs_are_too() -> None:
    data = fake_shop()
    parts = split(data, "new-items", share=0.2, with_test=True)
    assert parts.test is not None
    known = set(parts.fitting["item"])
    new = set(data.interactions["item"]) - known
    assert len(new) == round(0.2 * data.interactions["item"].nunique())
    expected = pairs(data.interactions[data.interactions["item"].isin(new)])
    assert expected < pairs(parts.test)
    others = pairs(parts.test) - expected
    rest = pairs(data.interactions) - expected
    assert 0.1 * len(rest) < len(others) < 0.3 * len(rest)


@pytest.mark.parametrize("given", [1, 2, 3])
def test_new_users_are_in_no_part_but_test_after_their_first_items(given: int) -> None:
    data = fake_shop()
    parts = split(data, "new-users", given=given, with_test=True)
    assert parts.test is not None
    assert parts.given is not None
    new = set(parts.given["user"])
    assert len(new) == 6
    assert not new & set(parts.fitting["user"])
    assert set(parts.test["user"]) == new
    for user in new:
        events = data.interactions[data.interactions["user"] == user]
        first = events.groupby("item")["order"].min().sort_values(kind="stable").index.tolist()
        assert set(parts.given.loc[parts.given["user"] == user, "item"]) == set(first[:given])
        assert set(parts.test.loc[parts.test["user"] == user, "item"]) == set(first[given:])


def test_time_hands_out_what_was_bought_again_apart_from_what_is_new() -> None:
    rows = [(0, 1), (0, 2), (1, 1), (1, 3), (0, 3), (1, 2), (0, 1), (0, 1), (0, 4), (1, 1)]
    events = pd.DataFrame(rows, columns=["user", "item"]).assign(order=range(10), type="purchase")
    data = fake_shop()._replace(interactions=events)
    parts = split(data, "time", share=0.3, with_test=True)
    assert pairs(parts.test) == {(0, 4)}
    assert pairs(parts.repeats) == {(0, 1), (1, 1)}
    assert parts.repeats is not None
    assert len(parts.repeats) == 2
    assert split(data, "time", share=0.3).repeats is None
