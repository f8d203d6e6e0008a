"""What filters look at, of every item, as columns."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from neo4j.time import DateTime

Scalar = TypeVar("Scalar", bound=np.generic)
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


class Categories(NamedTuple):
    """The category tree and what lies in it."""

    below: dict[str, frozenset[str]]  # category id -> ids of itself and everything below
    by_name: dict[str, frozenset[str]]  # casefolded name or id -> category ids
    items: dict[str, npt.NDArray[np.int64]]  # category id -> numbers of the items directly in it

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
    return Columns(
        titles=list(titles),
        price=np.array(prices, dtype=np.float64),  # None becomes NaN
        in_stock=np.array(in_stock, dtype=np.bool_),
        hidden=np.array(hidden, dtype=np.bool_),
        released=np.array([seconds(r) for r in released], dtype=np.float64),
        brand=np.array(codes, dtype=np.int32),
        brand_number=numbers,
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
    )


def with_columns_of(columns: Columns, numbers: Sequence[int], newer: Columns) -> Columns:
    """`newer` in the places `numbers`, which may lie beyond the end."""
    n = max([len(columns.titles), *(number + 1 for number in numbers)])
    brand_number = dict(columns.brand_number)
    for brand in newer.brand_number:
        brand_number.setdefault(brand, len(brand_number))
    named = [*(brand_number[brand] for brand in newer.brand_number), -1]  # -1 stays -1
    titles = columns.titles + [None] * (n - len(columns.titles))
    for number, title in zip(numbers, newer.titles, strict=True):
        titles[number] = title
    return Columns(
        titles=titles,
        price=placed(columns.price, numbers, newer.price, n),
        in_stock=placed(columns.in_stock, numbers, newer.in_stock, n),
        hidden=placed(columns.hidden, numbers, newer.hidden, n),
        released=placed(columns.released, numbers, newer.released, n),
        brand=placed(columns.brand, numbers, np.array(named, dtype=np.int32)[newer.brand], n),
        brand_number=brand_number,
    )


def placed(
    array: npt.NDArray[Scalar], numbers: Sequence[int], values: npt.NDArray[Scalar], n: int
) -> npt.NDArray[Scalar]:
    """A copy of `array`, [n, ...], with `values` in the places `numbers`."""
    grown = np.zeros((n, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    grown[list(numbers)] = values
    return grown


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
