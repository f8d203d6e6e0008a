"""What filters look at, of every item, as columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from neo4j.time import Date, DateTime

from kg.seasons import WEEKS

Scalar = TypeVar("Scalar", bound=np.generic)
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_FAR = 62e9  # seconds: 1,964 years
_NOT_ALONE = frozenset({"true", "false", "yes", "no", "none", "other", "n/a"})


class Columns(NamedTuple):
    """Items in the order of their ids; unknown prices and release times are NaN."""

    titles: list[str | None]
    price: Floats
    in_stock: Bools
    hidden: Bools
    released: Floats  # seconds since 1970
    brand: npt.NDArray[np.int32]  # number of the brand, -1 for none
    brand_number: dict[str, int]  # casefolded name -> number
    attributes: dict[str, dict[str, Numbers]]  # casefolded name -> value_key -> numbers of items
    brand_names: list[str]  # by number, as first spelt
    list_price: Floats  # what it costs when it is not on sale

    @property
    def discount(self) -> Floats:
        """By what part of its list price an item costs less, 0 where it does not, [n]."""
        on_sale = self.price < self.list_price  # false for NaN
        return np.where(on_sale, 1 - self.price / np.where(on_sale, self.list_price, 1.0), 0.0)


class Table(NamedTuple):
    """Items to filter: all of the snapshot, or some as the graph has them at this moment."""

    number: Mapping[str, int]  # item id -> place in the columns
    columns: Columns
    members: Mapping[str, Numbers]  # category id -> numbers of the items directly in it


class Categories(NamedTuple):
    """The category tree and what lies in it."""

    below: dict[str, frozenset[str]]  # category id -> ids of itself and everything below
    by_name: dict[str, frozenset[str]]  # casefolded name or id -> category ids
    items: dict[str, Numbers]  # category id -> numbers of the items directly in it
    names: dict[str, str]  # category id -> name
    seasons: dict[str, Floats]  # category id -> in each week of the year, how many times as much as usual

    def within(self, category_id: str) -> Numbers:
        """Numbers of the items in a category and below it."""
        found = [self.items[c] for c in self.below[category_id] if c in self.items]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)

    def same_as(self, other: "Categories") -> bool:
        """Whether nothing differs."""
        arrays = ((self.items, other.items), (self.seasons, other.seasons))
        return (self.below, self.by_name, self.names) == (other.below, other.by_name, other.names) and all(
            mine.keys() == theirs.keys() and all(np.array_equal(mine[key], theirs[key]) for key in mine)
            for mine, theirs in arrays
        )

    def resolve(self, wanted: Iterable[str]) -> frozenset[str]:
        """Ids of all categories that a filter's values mean, subtrees included."""
        found: set[str] = set()
        for value in wanted:
            for category_id in self.by_name.get(value.casefold(), frozenset()):
                found |= self.below[category_id]
        return frozenset(found)


def columns_from(rows: Sequence[Sequence[Any]]) -> Columns:
    """From rows of title, price, in stock, hidden, released, brand, attributes (JSON), list price.

    Anybody may set a property by hand: what is of another type is read as a text, or counts as missing.
    """
    titles, prices, in_stock, hidden, released, brands, attributes, list_prices = (
        zip(*rows, strict=True) if rows else ((),) * 8
    )
    brands = tuple(map(text_of, brands))
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(b.casefold(), len(numbers)) if b is not None else -1 for b in brands]
    spelt = {numbers[b.casefold()]: b for b in reversed(brands) if b is not None}
    return Columns(
        titles=list(map(text_of, titles)),
        price=np.array(list(map(number_of, prices)), dtype=np.float64),
        in_stock=np.array([value is not False for value in in_stock], dtype=np.bool_),
        hidden=np.array([bool(value) for value in hidden], dtype=np.bool_),
        released=np.array([seconds(r) for r in released], dtype=np.float64),
        brand=np.array(codes, dtype=np.int32),
        brand_number=numbers,
        attributes=_attributes(attributes),
        brand_names=[spelt[n] for n in range(len(numbers))],
        list_price=np.array(list(map(number_of, list_prices)), dtype=np.float64),
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
    return Categories(
        below={row["category_id"]: _below(row["category_id"], children) for row in tree},
        by_name={name: frozenset(ids) for name, ids in by_name.items()},
        items=members_from(
            (number[row["item_id"]], row["category_ids"]) for row in members if row["item_id"] in number
        ),
        names={row["category_id"]: row["name"] or row["category_id"] for row in tree},
        seasons={
            row["category_id"]: np.array(row["season"]) for row in tree if _is_season(row.get("season"))
        },
    )


def by_value(attributes: Mapping[str, Mapping[str, Numbers]]) -> dict[str, list[str]]:
    """Of each value that says what it is without its attribute, the attributes that have it.

    >>> by_value({"color": {"red": [0]}, "size": {"64": [0], "64 gb": [1]}, "organic": {"yes": [1]}})
    {'red': ['color'], '64 gb': ['size']}
    """
    found: dict[str, list[str]] = {}
    for attribute, values in attributes.items():
        for value in values:
            if len(value) > 1 and value not in _NOT_ALONE and any(c.isalpha() for c in value):
                found.setdefault(value, []).append(attribute)
    return found


def members_from(rows: Iterable[tuple[int, Iterable[str]]]) -> dict[str, Numbers]:
    """By category id, the numbers of the items directly in it; from an item's number and its categories."""
    found: dict[str, list[int]] = {}
    for number, category_ids in rows:
        for category_id in category_ids:
            found.setdefault(category_id, []).append(number)
    return {category_id: np.array(numbers, dtype=np.int64) for category_id, numbers in found.items()}


def value_key(value: Any) -> str:
    """An attribute's value as one text, whatever its type and case.

    >>> value_key("Red"), value_key(12.0), value_key("12"), value_key(True)
    ('red', '12', '12', 'true')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).casefold()


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
        attributes=_merged(columns.attributes, numbers, newer.attributes),
        brand_names=columns.brand_names
        + [b for b in newer.brand_names if b.casefold() not in columns.brand_number],
        list_price=placed(columns.list_price, numbers, newer.list_price, n),
    )


def placed(
    array: npt.NDArray[Scalar], numbers: Sequence[int], values: npt.NDArray[Scalar], n: int
) -> npt.NDArray[Scalar]:
    """`array`, [n, ...], with `values` in the places `numbers`; itself where it has these already."""
    if n == len(array) and np.array_equal(array[list(numbers)], values, equal_nan=_may_be_nan(array)):
        return array
    grown = np.zeros((n, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    grown[list(numbers)] = values
    return grown


def _may_be_nan(array: npt.NDArray[Any]) -> bool:
    return np.issubdtype(array.dtype, np.floating)


def seconds(value: Any) -> float:
    """A release time in seconds since 1970: of a number, a date or a date-time; NaN for anything else.

    So is a number that means no year until 9000, such as one of milliseconds.
    """
    if isinstance(value, DateTime):
        value = value.to_native()
    elif isinstance(value, Date):
        value = datetime.combine(value.to_native(), time(), UTC)
    at = value.timestamp() if isinstance(value, datetime) else number_of(value)
    return at if abs(at) < _FAR else float("nan")


def number_of(value: Any) -> float:
    """A number as a float; NaN for anything else."""
    return float(value) if isinstance(value, int | float) else float("nan")


def text_of(value: Any) -> str | None:
    """A text; of anything else what it is written as, of nothing None."""
    return value if value is None or isinstance(value, str) else str(value)


def _is_season(numbers: Any) -> bool:
    """Whether they are what `graph build` writes; what was changed into something else says nothing."""
    return (
        isinstance(numbers, list)
        and len(numbers) == WEEKS
        and all(isinstance(n, float) and 0 < n < np.inf for n in numbers)
    )


def _below(root: str, children: dict[str, list[str]]) -> frozenset[str]:
    found = {root}
    pending = [root]
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return frozenset(found)


def _attributes(texts: Sequence[str | None]) -> dict[str, dict[str, Numbers]]:
    found: dict[str, dict[str, list[int]]] = {}
    for number, text in enumerate(texts):
        for name, values in attributes_of(text).items():
            for value in values if isinstance(values, list) else [values]:
                found.setdefault(name.strip().casefold(), {}).setdefault(value_key(value), []).append(number)
    return {
        name: {value: np.array(numbers, dtype=np.int64) for value, numbers in values.items()}
        for name, values in found.items()
    }


def _merged(
    before: dict[str, dict[str, Numbers]], numbers: Sequence[int], newer: dict[str, dict[str, Numbers]]
) -> dict[str, dict[str, Numbers]]:
    """Attributes with those of the items `numbers` taken from `newer`, where they are numbered from 0."""
    found = {
        name: {v: held[~np.isin(held, numbers)] for v, held in of.items()} for name, of in before.items()
    }
    for name, of in newer.items():
        for value, places in of.items():
            here = found.setdefault(name, {})
            come = np.asarray(numbers, dtype=np.int64)[places]
            here[value] = np.concatenate([here.get(value, come[:0]), come])
    return found


def attributes_of(text: str | None) -> dict[str, Any]:
    """Of an item; none where the text is no JSON object: a single bad item must not stop the shop."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}
