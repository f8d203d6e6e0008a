"""Rules of one scenario that cannot hold together, found when a rule is saved and not by a customer."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from api.filters import allowed, unknown
from api.scenarios.rules import reached
from api.schemas.conditions import AttributeValue, Filters
from api.schemas.scenarios import NamedRule, Target
from api.state.columns import Bools, Numbers
from api.state.snapshot import Snapshot

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Conflict(NamedTuple):
    """What is the matter between two rules."""

    text: str
    fatal: bool  # False where both still do something


def conflicts(rules: Sequence[NamedRule], snapshot: Snapshot) -> Iterator[Conflict]:
    """Every pair of rules that contradict each other at some moment.

    Fatal are two pins on one position or of one single item, a pin or a boost of which something named is
    hidden altogether, and a boost and a bury of the same thing. Told is a boost that loses some of its items
    to a rule that hides; so is one of what is on sale today, as other items will be tomorrow.
    """
    reach = Reach.of(rules, snapshot)
    for n, one in enumerate(rules):
        for other in rules[n + 1 :]:
            if _overlap(one, other):
                yield from _between(one, other, reach)


def _overlap(one: NamedRule, other: NamedRule) -> bool:
    begins = max(one.from_ or _FIRST, other.from_ or _FIRST)
    return begins < min(one.until or _LAST, other.until or _LAST)


def _between(one: NamedRule, other: NamedRule, reach: "Reach") -> Iterator[Conflict]:
    effects = {one.effect, other.effect}
    both = f"The rules {one.rule_id!r} and {other.rule_id!r}"
    if effects == {"pin"} and one.position == other.position:
        yield Conflict(f"{both} pin to the same position {one.position}.", fatal=True)
    elif effects == {"pin"} and (item := _one_item(one.applies_to)) and item == _one_item(other.applies_to):
        yield Conflict(f"{both} pin the same item {item!r} to two positions.", fatal=True)
    if effects == {"boost", "bury"}:
        yield from (
            Conflict(f"{both} boost and bury the same {thing}.", fatal=True)
            for thing in sorted(_things(one.applies_to) & _things(other.applies_to))
        )
    if "hide" in effects and effects & {"pin", "boost"}:
        hides, shows = (one, other) if one.effect == "hide" else (other, one)
        yield from _hidden(hides, shows, reach)


class Reach(NamedTuple):
    """What rules reach, looked up once: most are compared with many others."""

    gone: dict[str, Bools]  # by the id of a rule that hides: its items, [n]
    ids: dict[str, frozenset[str]]  # the ids of items that it names
    shown: dict[
        str, list[tuple[str, Target, Numbers]]
    ]  # of a rule that pins or boosts: each thing, its items

    @classmethod
    def of(cls, rules: Sequence[NamedRule], snapshot: Snapshot) -> "Reach":
        hides = [rule for rule in rules if rule.effect == "hide"]
        return cls(
            {rule.rule_id: _items(rule.applies_to, snapshot) for rule in hides},
            {rule.rule_id: frozenset(rule.applies_to.item_ids) for rule in hides},
            {
                rule.rule_id: [
                    (thing, single, np.flatnonzero(_items(single, snapshot)))
                    for thing, single in _singles(rule.applies_to)
                ]
                for rule in rules
                if hides and rule.effect in ("pin", "boost")
            },
        )


def _hidden(hides: NamedRule, shows: NamedRule, reach: Reach) -> Iterator[Conflict]:
    for thing, single, found in reach.shown[shows.rule_id]:
        lost = reach.gone[hides.rule_id][found]
        # an item that the snapshot does not have yet is hidden where it is named
        named = any(item_id in reach.ids[hides.rule_id] for item_id in single.item_ids)
        named = named or (single.on_sale and hides.applies_to.on_sale)
        shown = f"the {thing} that the rule {shows.rule_id!r} {shows.effect}s."
        if named or (lost.any() and lost.all() and not single.on_sale):
            yield Conflict(f"The rule {hides.rule_id!r} hides {shown}", fatal=True)
        elif lost.any():
            yield Conflict(f"The rule {hides.rule_id!r} hides some of {shown}", fatal=False)


def left_out(rules: Sequence[NamedRule], filters: Filters, snapshot: Snapshot) -> Iterator[str]:
    """What rules pin or boost and the scenario's own filters leave out, in words."""
    shown = allowed(snapshot, filters, {}).mask
    for rule in rules:
        if rule.effect in ("pin", "boost"):
            for thing, single in _singles(rule.applies_to):
                found = _items(single, snapshot)
                if found.any() and not (found & shown).any():
                    does = f"that the rule {rule.rule_id!r} {rule.effect}s"
                    yield f"The scenario's filters leave out the {thing} {does}."


def idle(rules: Sequence[NamedRule], filters: Filters, snapshot: Snapshot) -> Iterator[str]:
    """What does nothing: rules whose time is over, and names in the filters that nothing bears, in words."""
    now = datetime.now(UTC)
    for rule in rules:
        if rule.until is not None and rule.until <= now:
            yield f"The rule {rule.rule_id!r} has ended ({rule.until:%Y-%m-%d %H:%M} UTC): it does nothing."
    for note in unknown(snapshot, filters):
        yield f"Filters: {note}"


def _one_item(target: Target) -> str | None:
    """The item that a target means where it means nothing else."""
    return target.item_ids[0] if len(list(_singles(target))) == len(target.item_ids) == 1 else None


def _items(target: Target, snapshot: Snapshot) -> Bools:
    return reached(snapshot.table, target, snapshot.categories)


def _things(target: Target) -> set[str]:
    return {thing for thing, _ in _singles(target)}


def _singles(target: Target) -> Iterator[tuple[str, Target]]:
    """What a target names, one by one, each in words and as a target of its own."""
    for item_id in target.item_ids:
        yield f"item {item_id!r}", Target(item_ids=[item_id])
    for brand in target.brand:
        yield f"brand {brand!r}", Target(brand=[brand])
    for category in target.category:
        yield f"category {category!r}", Target(category=[category])
    for name, values in target.attributes.items():
        for value in values:
            yield f"attribute {name}: {_shown(value)}", Target(attributes={name: [value]})
    if target.on_sale:
        yield "sale", Target(on_sale=True)


def _shown(value: AttributeValue) -> str:
    return repr(value) if isinstance(value, str) else str(value)
