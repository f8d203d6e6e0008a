"""Which items may be returned, and why the others may not."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from api.schemas.conditions import Filters
from api.state.columns import Bools, Categories, Numbers, Table, columns_from, members_from, value_key
from api.state.snapshot import Snapshot


class Allowed(NamedTuple):
    """The verdict over all items."""

    mask: Bools  # [n]
    left_out: dict[str, int]  # items left out, by the first reason that holds
    notes: list[str]


Further = Callable[[Table, Categories], Iterable[tuple[str, Bools]]]  # as `conditions`, without filters


class LiveItem(NamedTuple):
    """An item as it is in the graph at this moment: an entry of api.live_items."""

    item_id: str
    columns: list[Any]  # what columns_from takes
    category_ids: list[str]
    shown: list[Any]  # the properties asked for


def nothing(_: Table, __: Categories) -> Iterable[tuple[str, Bools]]:
    """No further conditions."""
    return ()


def allowed(
    snapshot: Snapshot,
    filters: Filters,
    excluded: Mapping[str, Collection[str]] | None = None,
    further: Further = nothing,
) -> Allowed:
    """Apply the filters to every item of the snapshot.

    Args:
        excluded: by the reason to count them under, ids of further items to leave out.
        further: conditions that come before the filters: those of a scenario.
    """
    table = snapshot.table
    mask = ~snapshot.columns.hidden
    left_out = {"hidden": int(np.count_nonzero(~mask))}
    reasons = ((reason, _all_but(table, ids)) for reason, ids in (excluded or {}).items() if ids)
    tree = snapshot.categories
    for reason, passes in (*reasons, *further(table, tree), *conditions(table, filters, tree)):
        left_out[reason] = left_out.get(reason, 0) + int(np.count_nonzero(mask & ~passes))
        mask &= passes
    return Allowed(mask, {reason: n for reason, n in left_out.items() if n}, unknown(snapshot, filters))


def refusals(
    items: Sequence[LiveItem], filters: Filters, categories: Categories, further: Further = nothing
) -> list[str | None]:
    """For each item as it is in the graph at this moment, the first reason why it may not be returned."""
    table = Table(
        number={item.item_id: n for n, item in enumerate(items)},
        columns=columns_from([item.columns for item in items]),
        members=members_from((n, item.category_ids) for n, item in enumerate(items)),
    )
    found: list[str | None] = [None] * len(items)
    visible = ("hidden", ~table.columns.hidden)
    for reason, passes in (visible, *further(table, categories), *conditions(table, filters, categories)):
        for n in np.flatnonzero(~passes):
            found[n] = found[n] or reason
    return found


def conditions(table: Table, filters: Filters, categories: Categories) -> Iterator[tuple[str, Bools]]:
    """Each condition of the filters by its name, and which items of the table meet it: bool [n]."""
    columns = table.columns
    if filters.category:
        ids = categories.resolve(filters.category)
        yield "category", _only(table, (table.members[c] for c in ids if c in table.members))
    if filters.brand:
        numbers = [columns.brand_number[b] for b in _folded(filters.brand) if b in columns.brand_number]
        yield "brand", np.isin(columns.brand, numbers)
    if filters.price is not None:
        low, high = filters.price.gte, filters.price.lte
        if low is not None or high is not None:  # comparisons with NaN, an unknown price, are false
            yield (
                "price",
                (columns.price >= (low or 0)) & (columns.price <= (np.inf if high is None else high)),
            )
    if filters.in_stock is not None:
        yield "in_stock", columns.in_stock == filters.in_stock
    if filters.on_sale is not None:
        yield "on_sale", (columns.discount > 0) == filters.on_sale
    if filters.released_after is not None:
        yield "released_after", columns.released >= filters.released_after.timestamp()
    if filters.released_before is not None:
        yield "released_before", columns.released < filters.released_before.timestamp()
    for name, values in filters.attributes.items():
        having = columns.attributes.get(name.casefold(), {})
        keys = {value_key(v) for v in values}
        yield f"attributes.{name}", _only(table, (having[k] for k in keys if k in having))
    if filters.exclude_item_ids:
        yield "exclude_item_ids", _all_but(table, filters.exclude_item_ids)
    if filters.not_ is not None:
        yield "not", ~_any(table, (passes for _, passes in conditions(table, filters.not_, categories)))
    if filters.any_of:
        yield "any_of", _any(table, (_all(table, inner, categories) for inner in filters.any_of))


def _all(table: Table, filters: Filters, categories: Categories) -> Bools:
    return ~_any(table, (~passes for _, passes in conditions(table, filters, categories)))


def _any(table: Table, conditions: Iterable[Bools]) -> Bools:
    found = np.zeros(len(table.columns.titles), dtype=np.bool_)
    for passes in conditions:
        found |= passes
    return found


def _only(table: Table, members: Iterable[Numbers]) -> Bools:
    passes = np.zeros(len(table.columns.titles), dtype=np.bool_)
    for numbers in members:
        passes[numbers] = True
    return passes


def _all_but(table: Table, item_ids: Iterable[str]) -> Bools:
    passes = np.ones(len(table.columns.titles), dtype=np.bool_)
    passes[[table.number[i] for i in item_ids if i in table.number]] = False
    return passes


def _folded(words: Sequence[str]) -> set[str]:
    return {w.casefold() for w in words}


def unknown(snapshot: Snapshot, filters: Filters) -> list[str]:
    """Names that no item and no category bears."""
    columns = snapshot.columns
    notes = [
        f"No category {c!r} is known."
        for c in filters.category
        if c.casefold() not in snapshot.categories.by_name
    ]
    notes += [
        f"No item has the brand {b!r}." for b in filters.brand if b.casefold() not in columns.brand_number
    ]
    notes += [
        f"No item has the attribute {a!r}."
        for a in filters.attributes
        if a.casefold() not in columns.attributes
    ]
    for inner in filters.nested:
        notes += unknown(snapshot, inner)
    return list(dict.fromkeys(notes))
