"""What filters look at, of every item, as columns."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from neo4j.time import DateTime

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Columns(NamedTuple):
    """Items in the order of their ids; unknown prices and release times are NaN."""

    titles: list[str | None]
    price: Floats
    in_stock: Bools
    hidden: Bools
    released: Floats  # seconds since 1970
    brand: npt.NDArray[np.int32]  # number of the brand, -1 for none
    brand_number: dict[str, int]  # casefolded name -> number
    brand_names: list[str]  # by number, as first spelt


class Categories(NamedTuple):
    """The category tree and what lies in it."""

    below: dict[str, frozenset[str]]  # category id -> ids of itself and everything below
    by_name: dict[str, frozenset[str]]  # casefolded name or id -> category ids
    items: dict[str, npt.NDArray[np.int64]]  # category id -> numbers of the items directly in it
    names: dict[str, str]  # category id -> name

    def resolve(self, wanted: Iterable[str]) -> frozenset[str]:
        """Ids of all categories that a filter's values mean, subtrees included."""
        found: set[str] = set()
        for value in wanted:
            for category_id in self.by_name.get(value.casefold(), frozenset()):
                found |= self.below[category_id]
        return frozenset(found)


def columns_from(rows: Sequence[Sequence[Any]]) -> Columns:
    """From rows of title, price, in stock, hidden, released, brand."""
    titles, prices, in_stock, hidden, released, brands = zip(*rows, strict=True) if rows else ((),) * 6
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(b.casefold(), len(numbers)) if b is not None else -1 for b in brands]
    spelt = {numbers[b.casefold()]: b for b in reversed(brands) if b is not None}
    return Columns(
        titles=list(titles),
        price=np.array(prices, dtype=np.float64),  # None becomes NaN
        in_stock=np.array(in_stock, dtype=np.bool_),
        hidden=np.array(hidden, dtype=np.bool_),
        released=np.array([seconds(r) for r in released], dtype=np.float64),
        brand=np.array(codes, dtype=np.int32),
        brand_number=numbers,
        brand_names=[spelt[n] for n in range(len(numbers))],
    )


def categories_from(
    tree: Sequence[dict[str, Any]], members: Sequence[dict[str, Any]], number: dict[str, int]
) -> Categories:
    """From the rows of api.categories and api.item_categories; `number` numbers the items."""
    children: dict[str, list[str]] = {}
    by_name: dict[str, set[str]] = {}
    for row in tree:
        for parent in row["parent_ids"]:
            children.setdefault(parent, []).append(row["category_id"])
        for word in (row["category_id"], row["name"] or row["category_id"]):
            by_name.setdefault(word.casefold(), set()).add(row["category_id"])
    items: dict[str, list[int]] = {}
    for row in members:
        if row["item_id"] in number:
            for category_id in row["category_ids"]:
                items.setdefault(category_id, []).append(number[row["item_id"]])
    return Categories(
        below={row["category_id"]: _below(row["category_id"], children) for row in tree},
        by_name={name: frozenset(ids) for name, ids in by_name.items()},
        items={category_id: np.array(numbers, dtype=np.int64) for category_id, numbers in items.items()},
        names={row["category_id"]: row["name"] or row["category_id"] for row in tree},
    )


def seconds(value: Any) -> float:
    """A release time in seconds since 1970: a number, a date-time, or NaN for none."""
    if value is None:
        return float("nan")
    if isinstance(value, DateTime):
        value = value.to_native()
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _below(root: str, children: dict[str, list[str]]) -> frozenset[str]:
    found = {root}
    pending = [root]
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return frozenset(found)
