"""What training reads: one shop as arrays, from the graph or straight from a folder."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from kg.columns import TYPE_OF
from kg.driver import Graph
from kg.encoder import cached_vectors
from kg.errors import GraphError, IngestError
from kg.queries import load
from kg.settings import DEFAULT_ENCODER, Settings
from kg.text import compose

_MAX_REJECTS = 0.05  # the loader's default: training reads no shop that ingest would refuse
_LISTS = ("items", "types", "times", "baskets", "positions", "weights", "splits")


class ShopData(NamedTuple):
    """One shop. Users and items are numbered from 0 in the order of `users` and `items`."""

    items: pd.DataFrame  # item_id, text (composed, str), brand (str or None), categories (list of str), price
    users: np.ndarray  # user ids, str [n_users]
    interactions: pd.DataFrame  # user int32, item int32, type str, order int64 (seconds or position),
    # basket str or None, weight float32, and split_<name> (train, valid, test) for each split column
    has_time: bool  # whether `order` is seconds since 1970 rather than a position within the user
    # relation str (the shop's word), kind str (BOUGHT_WITH, VIEWED_WITH, COMPLEMENTS, SUBSTITUTES or
    # SIMILAR_TO), source int32, target int32
    relations: pd.DataFrame
    text: np.ndarray | None  # unit-length float32 [n_items, d]
    encoder: str | None = None  # that made them, as the graph has it

    def in_order(self) -> pd.DataFrame:
        """Each pair of user and item once, a user's pairs as they came to them: user, item, order.

        What came at once is in an order drawn from the ids, so that it is the same when the shop has grown.
        """
        first = self.interactions.groupby(["user", "item"], sort=False)["order"].min().reset_index()
        users, items = (
            pd.util.hash_array(np.asarray(ids, dtype=object)) for ids in (self.users, self.items["item_id"])
        )
        first["draw"] = pd.util.hash_array(
            users[first["user"].to_numpy(np.int64)] + 3 * items[first["item"].to_numpy(np.int64)]
        )  # modulo 2^64
        return first.sort_values(["user", "order", "draw"]).drop(columns="draw")


def from_graph(graph: Graph) -> ShopData:
    """The shop that is in the graph. Items without a text vector have an all-zero one.

    So have those whose vector is of another encoder than most are, which an encoding that was cut off leaves.

    Raises:
        GraphError: the graph holds no items or no interactions.
    """
    queries = load("dataset")
    rows = list(graph.stream(queries.items))
    if not rows:
        raise GraphError("the graph has no items. Load a shop first: shopgraph graph ingest FOLDER")
    items = _item_frame(rows)
    number = {item_id: n for n, item_id in enumerate(items["item_id"])}
    users: list[str] = []
    edges: dict[str, list[Any]] = {name: [] for name in ("user", *_LISTS)}
    for row in graph.stream(queries.interactions):
        edges["user"].extend([len(users)] * len(row["items"]))
        users.append(row["userId"])
        for name in _LISTS:
            edges[name].extend(row[name])
    if not users:
        raise GraphError("the graph has no interactions. Load some: shopgraph graph ingest FOLDER")
    relations = [
        (row["relation"], row["kind"], number[row["source"]], number[row["target"]])
        for row in graph.stream(queries.declared_relations)
    ]
    encoder = next(
        (m for m, _ in Counter(r["textModel"] for r in rows if r["textModel"]).most_common(1)), None
    )
    return _shop(
        items,
        np.array(users),
        _events(edges, number),
        pd.DataFrame(relations, columns=["relation", "kind", "source", "target"]),
        _stacked([row["textEmbedding"] if row["textModel"] == encoder else None for row in rows]),
    )._replace(encoder=encoder)


def from_folder(folder: Path, manifest: Path | None, settings: Settings) -> ShopData:
    """The shop in a folder of files, as `shopgraph graph ingest` would load it, without a database.

    Texts are encoded once and kept under SHOPGRAPH_HOME; by the encoder as it came, unless SHOPGRAPH_ENCODER
    names one: what `graph fine-tune` adopted learned from all that shoppers did, and so from what a split
    holds out.

    Raises:
        ManifestError: there is no shop.toml for the folder, or it is wrong.
        IngestError: too many rows are bad, or nothing tells of interactions.
        EncoderError: the encoder cannot be loaded.
    """
    from kg.files.sources import find_manifest
    from kg.files.staging import stage

    staged = stage(folder, find_manifest(folder, manifest), settings.home)
    staged.check_rejects(_MAX_REJECTS)
    rows: Any = staged.table("items").to_dict("records")  # its keys are our column names
    items = _item_frame(rows)
    number = pd.Series(np.arange(len(items)), index=items["item_id"])
    events = staged.table("interactions")
    if events.empty:  # not after all texts were encoded
        raise IngestError(f"{folder} has no interactions: shop.toml names their files as [[interactions]]")
    user, users = pd.factorize(events["user_id"], sort=True)
    events = events.assign(user=user, item=number[events["item_id"]].to_numpy())
    relations = staged.table("relations")
    pairs = pd.DataFrame(
        {
            "relation": relations["relation"],
            "kind": relations["kind"],
            "source": number[relations["source_id"]].to_numpy(),
            "target": number[relations["target_id"]].to_numpy(),
        }
    )
    texts = items["text"].tolist()
    encoder = settings.encoder if settings.encoder_is_set else DEFAULT_ENCODER
    vectors = cached_vectors(encoder, texts, settings.home / "vectors") if any(texts) else None
    return _shop(items, np.asarray(users, dtype=str), events, pairs, vectors)


def _shop(
    items: pd.DataFrame,
    users: npt.NDArray[np.str_],
    events: pd.DataFrame,
    relations: pd.DataFrame,
    text: npt.NDArray[np.float32] | None,
) -> ShopData:
    # Single events have times where a shop's files may give an order alone: those come after all of these.
    has_time = bool(events["time"].notna().mean() > 0.5)
    order = events["time"].fillna(events["position"])
    columns: dict[str, Any] = {
        "user": events["user"].astype(np.int32),
        "item": events["item"].astype(np.int32),
        "type": events["type"].astype("category"),
        "order": order.fillna(0).astype(np.int64),
        "basket": events["basket"].astype(object).where(events["basket"].notna(), None),
        "weight": events["weight"].fillna(1.0).astype(np.float32),
    }
    for name in sorted(str(c) for c in events.columns if str(c).startswith("split_")):
        columns[name] = events[name]
    frame = pd.DataFrame(columns).sort_values(
        ["user", "order", "item", "type", "basket"], kind="stable", ignore_index=True
    )
    return ShopData(
        items,
        users,
        frame,
        has_time,
        relations.astype({"source": np.int32, "target": np.int32}),
        text,
    )


def _item_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    kept = []
    for row in rows:
        names = _names(row.get("categories"))
        text = compose({**row, "categories": names})
        item_id = row.get("itemId") or row.get("item_id")
        kept.append((item_id, text, row.get("brand"), names, row.get("price")))
    return pd.DataFrame(kept, columns=["item_id", "text", "brand", "categories", "price"])


def _names(categories: Any) -> list[str]:
    """Category names without repeats, from names or from paths of names."""
    if categories is None:
        return []
    flat = [n for c in categories for n in ([c] if isinstance(c, str) else c)]
    return list(dict.fromkeys(flat))


def _events(edges: dict[str, list[Any]], number: dict[str, int]) -> pd.DataFrame:
    """One row for each of the events that an edge sums up."""
    times = [t or [None] for t in edges["times"]]
    size = np.array([len(t) for t in times])
    baskets = [b or [None] * n for b, n in zip(edges["baskets"], size, strict=True)]
    position = pd.array([p if p >= 0 else None for p in edges["positions"]], dtype="Int64")
    columns: dict[str, Any] = {
        "user": np.repeat(edges["user"], size),
        "item": np.repeat([number[item] for item in edges["items"]], size),
        "type": np.repeat([TYPE_OF[kind] for kind in edges["types"]], size),
        "time": pd.array(list(chain.from_iterable(times)), dtype="Int64"),
        "position": position.repeat(size),
        "basket": pd.Series([b or None for b in chain.from_iterable(baskets)], dtype=object),
        "weight": np.repeat(np.array(edges["weights"]) / size, size),
    }
    splits = [dict(pair.split("=", 1) for pair in pairs) for pairs in edges["splits"]]
    for name in sorted({key for split in splits for key in split}):
        columns[name] = np.repeat(np.array([split.get(name) for split in splits], dtype=object), size)
    return pd.DataFrame(columns)


def _stacked(vectors: list[list[float] | None]) -> npt.NDArray[np.float32] | None:
    size = max((len(v) for v in vectors if v is not None), default=0)
    if not size:
        return None
    stacked = np.zeros((len(vectors), size), dtype=np.float32)
    for row, vector in zip(stacked, vectors, strict=True):
        if vector is not None:
            row[:] = vector
    return stacked
