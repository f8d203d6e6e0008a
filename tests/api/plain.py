"""A plain reading of filters, one item at a time, to judge the API's by."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st


@dataclass
class PlainItem:
    """What is known of an item; times in seconds since 1970."""

    item_id: str
    price: float | None = None
    in_stock: bool = True
    released: float | None = None
    brand: str | None = None
    categories: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    list_price: float | None = None


def complies(item: PlainItem, filters: dict[str, Any]) -> bool:
    """Whether the item meets every condition of the filters, given as JSON."""
    return all(_meets(item, name, wanted) for name, wanted in filters.items())


def _meets(item: PlainItem, name: str, wanted: Any) -> bool:
    match name:
        case "category":
            names = {n for c in item.categories for n in _ancestry(c)}
            return not wanted or any(w.lower() in names for w in wanted)
        case "brand":
            return not wanted or (item.brand or "").lower() in {w.lower() for w in wanted}
        case "price":
            low, high = wanted.get("gte"), wanted.get("lte")
            if low is None and high is None:
                return True
            return item.price is not None and (low or 0) <= item.price <= (1e9 if high is None else high)
        case "in_stock":
            return item.in_stock == wanted
        case "on_sale":
            reduced = item.price is not None and item.list_price is not None and item.price < item.list_price
            return reduced == wanted
        case "released_after":
            return item.released is not None and item.released >= wanted.timestamp()
        case "released_before":
            return item.released is not None and item.released < wanted.timestamp()
        case "attributes":
            return all(_has(item, attribute, values) for attribute, values in wanted.items())
        case "exclude_item_ids":
            return item.item_id not in wanted
        case "not":
            return not any(_meets(item, n, w) for n, w in _said(wanted))
        case "any_of":
            return not wanted or any(complies(item, inner) for inner in wanted)
    raise AssertionError(name)


def _said(filters: dict[str, Any]) -> list[tuple[str, Any]]:
    """The conditions one by one: each attribute by itself, no empty ones."""
    found: list[tuple[str, Any]] = []
    for name, wanted in filters.items():
        if name == "attributes":
            found += [("attributes", {attribute: values}) for attribute, values in wanted.items()]
        elif name == "price":
            found += [(name, wanted)] if set(wanted.values()) - {None} else []
        elif name in ("in_stock", "on_sale", "not") or wanted:
            found.append((name, wanted))
    return found


def _has(item: PlainItem, attribute: str, values: list[Any]) -> bool:
    own = next((v for n, v in item.attributes.items() if n.lower() == attribute.lower()), [])
    return bool(
        {str(v).lower() for v in (own if isinstance(own, list) else [own])} & {str(v).lower() for v in values}
    )


def _ancestry(category: str) -> set[str]:
    """Ids and names of a category and those above it; an id is the path from the root."""
    levels = category.lower().split(" > ")
    return {" > ".join(levels[: n + 1]) for n in range(len(levels))} | set(levels)


def nested(plain: st.SearchStrategy[dict[str, Any]], max_leaves: int) -> st.SearchStrategy[dict[str, Any]]:
    """Filters as JSON, with others under `not` and `any_of` at any depth."""
    return st.recursive(
        plain,
        lambda inner: st.builds(
            lambda own, more: own | more,
            plain,
            st.fixed_dictionaries({}, optional={"not": inner, "any_of": st.lists(inner, max_size=3)}),
        ),
        max_leaves=max_leaves,
    )
