"""Takes single items into a snapshot, so that one new item does not mean to read all others again."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from api.state.activity import Activity
from api.state.columns import Categories, categories_from, columns_from, placed, with_columns_of
from api.state.loading import matrix, vector, written
from api.state.snapshot import Snapshot
from kg.driver import Row


def with_items(snapshot: Snapshot, rows: Sequence[Row], tree: Sequence[Row]) -> Snapshot | None:
    """The snapshot with the items of `rows` as they are now, new ones at its end.

    What leads to a new item comes with the next version of the graph. None where the snapshot has no text
    vectors to put theirs beside, so that all must be read.

    Args:
        rows: of api.written.
        tree: of api.categories.

    Raises:
        ModelError: a vector is not finite or of another size.
    """
    version, text_model = snapshot.version, snapshot.text_model
    if text_model is None and any(row["text_model"] for row in rows):
        return None
    number = dict(snapshot.number)
    ids = list(snapshot.ids)
    for row in rows:
        if row["item_id"] not in number:
            number[row["item_id"]] = len(ids)
            ids.append(row["item_id"])
    places, n = [number[row["item_id"]] for row in rows], len(ids)
    context, target, text = (
        matrix(version, name, dim, [(row["item_id"], vector(row[name])) for row in known])
        for name, dim, known in (
            ("context", version.dim, rows),
            ("target", version.dim, rows),
            (
                "text",
                snapshot.text.shape[1],
                [r if r["text_model"] == text_model else r | {"text": None} for r in rows],
            ),
        )
    )
    targets, encoded = placed(snapshot.target, places, target, n), placed(snapshot.text, places, text, n)
    return replace(
        snapshot,
        ids=ids,
        number=number,
        context=placed(snapshot.context, places, context, n),
        target=targets,
        target_codes=snapshot.target_codes.placed(places, target, targets),
        linear=_square(snapshot.linear, n),
        text=encoded,
        text_codes=snapshot.text_codes.placed(places, text, encoded),
        shoppers=placed(snapshot.shoppers, places, np.array([row["shoppers"] for row in rows]), n),
        columns=with_columns_of(snapshot.columns, places, columns_from([row["columns"] for row in rows])),
        categories=_categories(snapshot.categories, rows, tree, number),
        lexicon=snapshot.lexicon.placed(places, [written(row["written"]) for row in rows], n),
        activity=_activity(snapshot.activity, n),
    )


def _square(linear: sp.csr_matrix, n: int) -> sp.csr_matrix:
    """The same edges among more items."""
    indptr = np.concatenate([linear.indptr, np.repeat(linear.indptr[-1:], n - linear.shape[0])])
    return sp.csr_matrix((linear.data, linear.indices, indptr), shape=(n, n))


def _activity(before: Activity, n: int) -> Activity:
    """Nobody has done anything with the items at the end."""
    more = (0, n - len(before.trend))
    seen = np.pad(before.first_seen, more, constant_values=np.nan)
    return before._replace(trend=np.pad(before.trend, more), first_seen=seen)


def _categories(
    before: Categories, rows: Sequence[Row], tree: Sequence[Row], number: dict[str, int]
) -> Categories:
    newer = categories_from(tree, rows, number)
    moved = [number[row["item_id"]] for row in rows]
    items = {category: held[~np.isin(held, moved)] for category, held in before.items.items()}
    for category, come in newer.items.items():
        items[category] = np.union1d(items.get(category, come[:0]), come)
    after = newer._replace(items=items)
    return before if after.same_as(before) else after
