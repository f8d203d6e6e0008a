"""Vectors for items that came after the training: one pass of the live model over the graph as it is."""

from typing import NamedTuple

import neo4j
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.blend import Blend
from gnn.config import TrainConfig
from gnn.goals import reach, settle
from gnn.histories import histories
from gnn.linear import nothing
from gnn.model import ItemGraphModel
from gnn.propagation import Relations
from gnn.store import SavedModel
from gnn.train import graph_for
from kg.console import progress
from kg.dataset import ShopData
from kg.driver import Graph, Row
from kg.errors import ModelError
from kg.models import vector_properties
from kg.queries import load
from kg.runs import recorded

_BATCH = 200  # items a transaction: 200 x 2 x 256 floats and their edges


class Embedded(NamedTuple):
    """What the pass did."""

    version: str
    slot: str
    items: int  # items that have the model's vectors now
    edges: int  # LEADS_TO edges to them
    without: int  # items with neither text nor edges: nothing says anything of them


class Vectors(NamedTuple):
    """All items of a shop, as a model that was trained before some of them sees them."""

    context: npt.NDArray[np.float32]  # [n_items, d]
    target: npt.NDArray[np.float32]  # of known items without popularity and doubt, [n_items, d]
    leads_to: sp.csr_matrix  # to items that the model has nobody for, [n_items, n_items]


def embed_new(graph: Graph, model: SavedModel, data: ShopData) -> Embedded:
    """Give the items without vectors theirs, in the live slot.

    Args:
        graph: where the model is live.
        model: the live one, as it was saved.
        data: the graph, as training reads it.

    Raises:
        ModelError: another model is live, before or meanwhile; what was written then is in a slot that is
            cleared before it is used again.
    """
    queries = load("gnn")
    version = model.about.version
    slot = _slot(graph.read(queries.live), version)
    names = vector_properties(slot)
    wanted = [
        row["itemId"]
        for row in graph.read(queries.newcomers, slot=slot, target_property=names["target_property"])
    ]
    number = {item_id: n for n, item_id in enumerate(data.items["item_id"])}
    wanted = [item_id for item_id in wanted if item_id in number]
    if not wanted:
        return Embedded(version, slot, 0, 0, 0)
    vectors = forward(model, data)
    told = [i for i in wanted if vectors.context[number[i]].any() and vectors.target[number[i]].any()]
    edges = 0
    with recorded(graph, "embed-new") as run, progress("new items", len(told)) as advance:
        for start in range(0, len(told), _BATCH):
            ids = told[start : start + _BATCH]
            rows = [
                {
                    "item_id": item_id,
                    "context": vectors.context[number[item_id]].tolist(),
                    "target": vectors.target[number[item_id]].tolist(),
                }
                for item_id in ids
            ]
            leading = _leading(vectors.leads_to, [number[item_id] for item_id in ids], data)

            def work(tx: neo4j.ManagedTransaction, rows: object = rows, leading: object = leading) -> None:
                _slot(tx.run(queries.live.text).data(), version)
                tx.run(queries.settle.text, {"rows": rows, "slot": slot, **names}).consume()
                tx.run(queries.edges.text, {"rows": leading, "slot": slot, "version": version}).consume()

            graph.transact("vectors of new items", work)
            edges += sum(len(row["ends"]) for row in leading)
            advance(len(ids))
        run.counts = {"items": len(told), "edges": edges}
    return Embedded(version, slot, len(told), edges, len(wanted) - len(told))


def forward(model: SavedModel, data: ShopData) -> Vectors:
    """One pass in evaluation mode; items that the model does not know go by text and edges alone.

    Where the texts were encoded anew by another encoder the model cannot read them, and they go by edges.

    Raises:
        ModelError: the texts are encoded in another size than those of the training.
    """
    # What an earlier version could be told and this one cannot has shaped the vectors already.
    told = {name: value for name, value in model.about.config.items() if name in TrainConfig.model_fields}
    config, saved = TrainConfig(**told), model.tensors
    number = {item_id: n for n, item_id in enumerate(data.items["item_id"])}
    old = [n for n, item_id in enumerate(model.about.item_ids) if item_id in number]
    new = [number[model.about.item_ids[n]] for n in old]
    n_items = len(data.items)
    log_length = torch.zeros(n_items, 2)
    log_length[new] = saved["log_length"][old]
    # What training treated as new has never moved from its first length.
    known = (log_length != 0).any(dim=1)
    relations = Relations(graph_for(data, data.interactions, config), torch.device("cpu"))
    text = None if data.text is None else torch.from_numpy(np.ascontiguousarray(data.text, np.float32))
    size = saved["project"].shape[0] if "project" in saved else None
    if size is not None and (text is None or text.shape[1] != size):
        raise ModelError(
            f"Model {model.about.version} reads texts of {size} numbers, the graph has "
            f"{'none' if text is None else text.shape[1]}. Run: shopgraph graph encode, then train again."
        )
    if text is not None and not model.about.reads(data.encoder):
        text = torch.zeros_like(text)
    net = ItemGraphModel(
        torch.zeros(n_items, saved["id"].shape[1] // 2),
        text if size is not None else None,
        len(relations.names),
        temperature=config.temperature,
        new=~known,
    )
    weights = model.about.relation_weights
    with torch.no_grad():
        net.id[new] = saved["id"][old]
        net.log_length.copy_(log_length)
        net.relation.copy_(
            torch.tensor([weights.get(name, [0.0, 0.0]) for name in relations.names]).view(-1, 2)
        )
        if size is not None:
            net.project.copy_(saved["project"])
        vectors = net.eval()(relations.all())
    reached = reach(histories(data.interactions, len(data.users), n_items), data.text)
    settled = settle(
        vectors.target.numpy(),
        _known_weights(model, n_items, old, new),
        reached._replace(new=~known.numpy()),
    )
    # Known items keep what was saved of them, so they are left as the model makes them.
    lift_alone = Blend(lift=model.about.blend.lift)
    return Vectors(vectors.context.numpy(), *settled.served(nothing(n_items), lift_alone))


def _known_weights(model: SavedModel, n_items: int, old: list[int], new: list[int]) -> sp.csr_matrix:
    """The model's linear weights, in the shop's order of items."""
    place = sp.csr_matrix((np.ones(len(old), np.float32), (old, new)), (len(model.about.item_ids), n_items))
    return sp.csr_matrix(place.T @ model.linear @ place)


def _leading(leads_to: sp.csr_matrix, numbers: list[int], data: ShopData) -> list[Row]:
    """The edges to some items, a row a source."""
    some = leads_to[:, numbers].tocsr()
    ids = data.items["item_id"]
    ends = [ids[number] for number in numbers]
    return [
        {
            "item_id": ids[source],
            "ends": [ends[n] for n in some.indices[some.indptr[source] : some.indptr[source + 1]]],
            "weights": some.data[some.indptr[source] : some.indptr[source + 1]].tolist(),
        }
        for source in np.flatnonzero(np.diff(some.indptr))
    ]


def _slot(live: list[Row], version: str) -> str:
    found = live[0] if live else {"version": "none", "slot": ""}
    if found["version"] != version:
        raise ModelError(
            f"Model {version} is not live any more, but {found['version']}. Run the command again."
        )
    return str(found["slot"])
