"""Which items may be returned, and why the others may not."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from api.columns import Bools, seconds
from api.schemas import Filters
from api.snapshot import Snapshot


class Allowed(NamedTuple):
    """The verdict over all items."""

    mask: Bools  # [n]
    left_out: dict[str, int]  # items left out, by the first reason that holds
    notes: list[str]


class LiveItem(NamedTuple):
    """An item as it is in the graph at this moment: an entry of api.live_items."""

    item_id: str
    price: float | None
    in_stock: bool
    hidden: bool
    released_at: Any  # seconds since 1970 or a date-time
    brand: str | None
    category_ids: list[str]
    shown: list[Any]  # the properties asked for


def allowed(
    snapshot: Snapshot, filters: Filters, *, looked_at: Iterable[str] = (), seen: Iterable[str] = ()
) -> Allowed:
    """Apply the filters to every item of the snapshot.

    Args:
        looked_at: ids of the items looked at, which are never recommended.
        seen: ids to leave out because the shopper has them.
    """
    mask = np.ones(len(snapshot.ids), dtype=np.bool_)
    left_out: dict[str, int] = {}
    for reason, passes in _checks(snapshot, filters, looked_at, seen):
        removed = int(np.count_nonzero(mask & ~passes))
        if removed:
            left_out[reason] = removed
        mask &= passes
    return Allowed(mask, left_out, _unknown(snapshot, filters))


def refusal(item: LiveItem, filters: Filters, category_ids: frozenset[str]) -> str | None:
    """Why an item, as it is in the graph at this moment may not be returned.

    Args:
        category_ids: the filter's categories, resolved with their subtrees.
    """
    for reason, passes in (
        ("hidden", not item.hidden),
        ("category", not filters.category or not category_ids.isdisjoint(item.category_ids)),
        ("brand", not filters.brand or (item.brand or "").casefold() in _folded(filters.brand)),
        ("price", _price_fits(item.price, filters)),
        ("in_stock", filters.in_stock is None or item.in_stock == filters.in_stock),
        ("released_after", _released_fits(item.released_at, filters)),
    ):
        if not passes:
            return reason
    return None


def _checks(
    snapshot: Snapshot, filters: Filters, looked_at: Iterable[str], seen: Iterable[str]
) -> Iterable[tuple[str, Bools]]:
    columns = snapshot.columns
    yield "hidden", ~columns.hidden
    yield "looked_at", _all_but(snapshot, looked_at)
    yield "seen", _all_but(snapshot, seen)
    if filters.category:
        yield "category", _in_categories(snapshot, filters.category)
    if filters.brand:
        numbers = [columns.brand_number[b] for b in _folded(filters.brand) if b in columns.brand_number]
        yield "brand", np.isin(columns.brand, numbers)
    if filters.price is not None:
        low, high = filters.price.gte, filters.price.lte
        passes = (
            ~np.isnan(columns.price) if low is not None or high is not None else np.ones_like(columns.hidden)
        )
        if low is not None:
            passes &= columns.price >= low
        if high is not None:
            passes &= columns.price <= high
        yield "price", passes
    if filters.in_stock is not None:
        yield "in_stock", columns.in_stock == filters.in_stock
    if filters.released_after is not None:
        yield "released_after", columns.released >= filters.released_after.timestamp()


def _all_but(snapshot: Snapshot, item_ids: Iterable[str]) -> Bools:
    passes = np.ones(len(snapshot.ids), dtype=np.bool_)
    passes[[snapshot.number[i] for i in item_ids if i in snapshot.number]] = False
    return passes


def _in_categories(snapshot: Snapshot, wanted: Sequence[str]) -> Bools:
    passes = np.zeros(len(snapshot.ids), dtype=np.bool_)
    for category_id in snapshot.categories.resolve(wanted):
        if category_id in snapshot.categories.items:
            passes[snapshot.categories.items[category_id]] = True
    return passes


def _price_fits(price: float | None, filters: Filters) -> bool:
    bounds = filters.price
    if bounds is None or (bounds.gte is None and bounds.lte is None):
        return True
    if price is None:
        return False
    return (bounds.gte is None or price >= bounds.gte) and (bounds.lte is None or price <= bounds.lte)


def _released_fits(released_at: Any, filters: Filters) -> bool:
    return filters.released_after is None or seconds(released_at) >= filters.released_after.timestamp()


def _folded(words: Sequence[str]) -> set[str]:
    return {w.casefold() for w in words}


def _unknown(snapshot: Snapshot, filters: Filters) -> list[str]:
    notes = [
        f"No category {c!r} is known."
        for c in filters.category
        if c.casefold() not in snapshot.categories.by_name
    ]
    notes += [
        f"No item has the brand {b!r}."
        for b in filters.brand
        if b.casefold() not in snapshot.columns.brand_number
    ]
    return notes
