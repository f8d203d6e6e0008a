"""The texts of the shop that may be suggested as they are."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from api.state.snapshot import Snapshot
from api.words.needs import Listed

Kind = Literal["category", "brand", "intent", "keyword", "title"]


class Entry(NamedTuple):
    """A text of the shop that may be suggested as it is."""

    text: str
    kind: Kind
    items: int  # items behind it
    shoppers: int  # shoppers of these items


def entries_of(snapshot: Snapshot, needs: Sequence[Listed] = ()) -> Iterator[Entry]:
    """Titles, brands and categories of items that are visible, and what shoppers were after."""
    columns, categories, shoppers = snapshot.columns, snapshot.categories, snapshot.shoppers
    visible = ~columns.hidden
    titles: dict[str, list[int]] = {}
    for number in np.flatnonzero(visible).tolist():
        if title := columns.titles[number]:
            titles.setdefault(title, []).append(number)
    for title, numbers in titles.items():
        yield Entry(title, "title", len(numbers), int(shoppers[numbers].sum()))
    branded = visible & (columns.brand >= 0)
    items = np.bincount(columns.brand[branded], minlength=len(columns.brand_names))
    bought = np.bincount(columns.brand[branded], shoppers[branded], len(columns.brand_names))
    for name, n, some in zip(columns.brand_names, items.tolist(), bought.tolist(), strict=True):
        if n:
            yield Entry(name, "brand", n, int(some))
    for name in sorted(set(categories.names.values())):
        inside = np.zeros(len(visible), dtype=np.bool_)
        for category_id in categories.resolve([name]):
            inside[categories.items.get(category_id, [])] = True
        if n := int(np.count_nonzero(inside & visible)):
            yield Entry(name, "category", n, int(shoppers[inside & visible].sum()))
    for need in needs:
        yield Entry(need.text, "intent", need.items, need.support)
