"""What rules do to items. Pure arrays, no input or output."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from api.ranking.signals import Boost, Numbers
from api.schemas.scenarios import NamedRule, Target
from api.state.columns import Bools, Categories, Table, value_key
from api.state.snapshot import Vectors


class Pin(NamedTuple):
    """A place of the answer that a rule fills."""

    rule_id: str
    place: int  # counted from 1 on this page
    members: Bools  # [n]: the items that may fill it


def reached(table: Table, target: Target, categories: Categories) -> Bools:
    """Which items of the table a rule applies to: bool [n]; categories are named by their ids."""
    found = np.zeros(len(table.columns.titles), dtype=np.bool_)
    found[[table.number[i] for i in target.item_ids if i in table.number]] = True
    for brand in target.brand:
        number = table.columns.brand_number.get(brand.casefold())
        if number is not None:
            found |= table.columns.brand == number
    for category in target.category:
        for inner in categories.below.get(category, (category,)):
            if inner in table.members:
                found[table.members[inner]] = True
    for name, values in target.attributes.items():
        having = table.columns.attributes.get(name.casefold(), {})
        for value in values:
            if (key := value_key(value)) in having:
                found[having[key]] = True
    if target.on_sale:
        found |= table.columns.discount > 0
    return found


def hidden(table: Table, rules: Iterable[NamedRule], categories: Categories) -> Iterator[tuple[str, Bools]]:
    """Each rule that hides, by the reason that answers give, and the items that it lets through: bool [n]."""
    for rule in rules:
        if rule.effect == "hide":
            yield reason(rule), ~reached(table, rule.applies_to, categories)


def reason(rule: NamedRule) -> str:
    """What items that a rule hides are counted under.

    >>> reason(NamedRule(rule_id="x", effect="hide", applies_to=Target(brand=["Acme"])))
    'rule.x'
    """
    return f"rule.{rule.rule_id}"


def boosts(table: Table, rules: Iterable[NamedRule], categories: Categories) -> list[Boost]:
    """What rules add to scores: the logarithm of the factor, since scores are logarithms of odds."""
    found = []
    for rule in rules:
        if rule.factor is None:
            continue
        sign, what = (1, "Boosted") if rule.effect == "boost" else (-1, "Buried")
        numbers = np.flatnonzero(reached(table, rule.applies_to, categories))
        if numbers.size:
            text = f"{what} by the rule {rule.rule_id!r}, by a factor of {rule.factor:g}."
            found.append(Boost(rule.rule_id, text, sign * math.log(rule.factor), numbers))
    return found


def pins(table: Table, rules: Iterable[NamedRule], categories: Categories, shown: int) -> list[Pin]:
    """The places that rules fill behind the `shown` items of the pages before, in their order."""
    found: list[Pin] = []
    ordered = sorted((r.position, r.rule_id, r) for r in rules if r.position is not None)
    for position, rule_id, rule in ordered:
        # Only where rules came into the graph unchecked do two pins share a position.
        place = max([position - shown, *(p.place + 1 for p in found[-1:] if p.place >= position - shown)])
        if position > shown:
            found.append(Pin(rule_id, place, reached(table, rule.applies_to, categories)))
    return found


def merged(others: Sequence[int], pinned: Mapping[int, int], limit: int) -> list[int]:
    """At most `limit` items: those pinned at their places, the others around them in their order.

    Where the others do not reach up to a place, what is pinned there comes right after them.

    >>> merged([10, 11, 12], {2: 99, 9: 98}, 4), merged([10], {2: 99, 9: 98}, 4)
    ([10, 99, 11, 12], [10, 99, 98])
    """
    waiting, left = list(others), dict(sorted(pinned.items()))
    order: list[int] = []
    while len(order) < limit and (waiting or left):
        place = len(order) + 1
        if place in left or not waiting:
            order.append(left.pop(place if place in left else next(iter(left))))
        else:
            order.append(waiting.pop(0))
    return order


def position_of(better: int, pinned: Iterable[int]) -> int:
    """The place of an item that `better` others come before, around the places that are pinned.

    >>> position_of(0, [1, 3]), position_of(1, [1, 3])
    (2, 4)
    """
    place = better + 1
    for taken in sorted(pinned):
        place += taken <= place
    return place


def numbers_by_score(members: Bools, scores: Vectors, most: int) -> Numbers:
    """The members with the best scores, best first."""
    found = np.flatnonzero(members)
    return np.asarray(found[np.argsort(-scores[found], kind="stable")[:most]])
