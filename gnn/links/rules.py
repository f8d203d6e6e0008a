"""Links of a shop with purchases but no views: nothing to learn from, so two rules that anybody can check.

substitute    same narrowest category, texts alike, never in one basket
complement    in one basket more often than by chance, another narrowest category
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gnn.links.evidence import groups
from kg.dataset import ShopData
from kg.errors import ModelError
from kg.neighbours import Edges, co_occurrence, text_neighbours

_LEAST_COSINE: Final = 0.6
_K: Final = 50


def by_rules(data: ShopData) -> pd.DataFrame:
    """Pairs as in TypedLinks.

    A complement's score is count/(count + 2) · (1 - 1/lift), a substitute's the cosine of the texts.

    Raises:
        ModelError: the shop has neither categories nor texts to apply the rules to.
    """
    narrow = narrowest(data.items["categories"])
    if (narrow < 0).all() or data.text is None:
        raise ModelError(
            "Typed links cannot be made: the shop has no views or VIEWED_WITH relations to learn substitutes "
            "from, and the rules that stand in for them need both categories and texts of items. Name the "
            "missing columns in shop.toml."
        )
    group, item = groups(data, ("purchase", "rating"))
    n = len(data.items)
    bought = co_occurrence(group, item, n, n, least=1)
    likely = (bought.lift > 1) & (bought.together >= 2) & _apart(narrow, bought)
    sure = bought.together / (bought.together + 2) * (1 - 1 / np.maximum(bought.lift, 1))
    complements = _rows("COMPLEMENTS", bought, sure, likely)
    alike = text_neighbours(data.text, _K, least=_LEAST_COSINE)
    never = ~np.isin(_key(alike, n), _key(bought, n))
    substitutes = _rows("SUBSTITUTES", alike, alike.score, never & _same(narrow, alike))
    return pd.concat([complements, substitutes], ignore_index=True)


def narrowest(categories: "pd.Series[list[str]]") -> npt.NDArray[np.int64]:
    """Number of each item's rarest category that it shares with another item, -1 where there is none.

    ShopData has names without levels; a leaf holds fewer items than what is above it.
    """
    exploded = categories.reset_index(drop=True).explode().dropna()
    number, names = pd.factorize(exploded)
    size = np.bincount(number, minlength=len(names))
    narrow = np.full(len(categories), -1, dtype=np.int64)
    frame = pd.DataFrame({"item": exploded.index, "category": number, "size": size[number]})
    frame = frame[frame["size"] > 1].sort_values(["item", "size", "category"]).drop_duplicates("item")
    narrow[frame["item"].to_numpy()] = frame["category"].to_numpy()
    return narrow


def _same(narrow: npt.NDArray[np.int64], edges: Edges) -> npt.NDArray[np.bool_]:
    source, target = narrow[edges.source], narrow[edges.target]
    return np.asarray((source == target) & (source >= 0))


def _apart(narrow: npt.NDArray[np.int64], edges: Edges) -> npt.NDArray[np.bool_]:
    source, target = narrow[edges.source], narrow[edges.target]
    return np.asarray((source != target) & (source >= 0) & (target >= 0))


def _key(edges: Edges, n: int) -> npt.NDArray[np.int64]:
    return np.asarray(edges.source.astype(np.int64) * n + edges.target)


def _rows(
    kind: str, edges: Edges, score: npt.NDArray[np.floating], keep: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": kind,
            "source": edges.source[keep].astype(np.int64),
            "target": edges.target[keep].astype(np.int64),
            "score": np.asarray(score, dtype=np.float64)[keep],
            "known": False,
        }
    )
