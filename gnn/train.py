"""The training loop, top to bottom."""

import time
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from gnn import blend as blends
from gnn.blend import Blend
from gnn.checkpoint import Checkpoint, Epoch, Snapshot, State
from gnn.config import TEXT, TrainConfig
from gnn.device import training_device
from gnn.distributed import add_up, from_first, is_first, share
from gnn.evaluation.evaluate import Judgement, Scorer
from gnn.examples import Division, batches
from gnn.goals import Reach, reach
from gnn.graphs import INTERACTED, shop_graph
from gnn.histories import LONGEST, Histories, Order, histories
from gnn.judging import (
    Rehearsal,
    as_new,
    asks_for_new,
    best_doubt,
    fair_lift,
    judge,
    rehearse,
    room_for_new,
    settled,
    vector_scorer,
)
from gnn.linear import item_weights
from gnn.model import ItemGraphModel, spectral
from gnn.propagation import Relations
from gnn.store import SavedModel
from gnn.warm import start_from
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError
from kg.precision import fast_bfloat16


class Fitted(NamedTuple):
    """A trained model: the parameters, and the item vectors that serve: `context`, `target`, [n_items, d]."""

    tensors: dict[str, Tensor]
    linear: sp.csr_matrix  # B, with what leads to new items, float32 [n_items, n_items]
    blend: Blend
    epochs: int  # the epoch that they are from
    curve: list[Epoch]
    relation_weights: dict[str, tuple[float, float]]  # relation -> context and target tower's weight
    earlier: float  # seconds of the epochs that an interrupted run had done before

    @property
    def scorer(self) -> Scorer:
        context, target = self.tensors["context"].numpy(), self.tensors["target"].numpy()
        return vector_scorer(context, target, self.linear, self.blend)


def fit(
    data: ShopData,
    train: pd.DataFrame,
    config: TrainConfig,
    *,
    judged: Judgement | None = None,
    order: Order = Order.NONE,
    epochs: int | None = None,
    blend: Blend | None = None,
    checkpoint: Checkpoint | None = None,
    start: SavedModel | None = None,
) -> Fitted:
    """Train on the interactions `train`.

    Args:
        judged: the validation part; the best epoch on it is kept with its blend, and training stops when it
            stays behind.
        order: how far what will be asked for comes after `train`: then the order of a user's items counts.
        epochs: without `judged`, the number of epochs to run.
        blend: without `judged`, how the vectors will be used; what an earlier fit chose.
        checkpoint: where each epoch is saved, and where an interrupted run goes on from.
        start: the model whose parameters are the first ones.

    Raises:
        ModelError: no user has two items, or the loss is no longer a number.
    """
    device = training_device()
    fast = config.precision == "auto" and fast_bfloat16(device.type)
    dtype = torch.bfloat16 if fast else torch.float32
    known = histories(train, len(data.users), len(data.items))
    reached = reach(known, data.text)
    linear = from_first(lambda: _linear(known, config))
    relations = Relations(graph_for(data, train, config), device)
    torch.manual_seed(config.seed)
    model = _model(data, known.weight, reached.new, len(relations.names), config).to(device)
    if start is not None:
        start_from(model, start, [str(item_id) for item_id in data.items["item_id"]], relations.names)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    curve, best = checkpoint.restore(model, optimiser) if checkpoint else State([], None)
    earlier = sum(epoch.seconds for epoch in curve)
    division = _division(config, order)
    blend = blend or blends.start(ordered=order != Order.NONE, linear=bool(linear.nnz))

    for epoch in range(len(curve) + 1, (epochs or config.max_epochs) + 1):
        if best and judged and epoch - best.epoch > config.patience:
            break
        epoch_started = time.monotonic()
        # Seeded by the epoch, so that a resumed run takes the very steps of an uninterrupted one.
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        rng = np.random.default_rng((config.seed, epoch))
        losses: list[Tensor] = []
        model.train()
        for batch in batches(known, config.batch_users, division, rng, device):
            optimiser.zero_grad(set_to_none=True)
            # The batch's own purchases are taken out of the counts: what is asked for sends no message.
            vectors = model(relations.without(batch.users), dtype)
            mine = share(batch.examples)
            loss = model.loss(vectors, mine, dtype=dtype) * (mine.n_users / batch.examples.n_users)
            torch.autograd.backward(loss)
            losses.append(loss.detach())
            add_up(losses[-1], *(p.grad for p in model.parameters()))
            optimiser.step()
        mean_loss = float(torch.stack(losses).mean())
        if not np.isfinite(mean_loss):
            raise ModelError(f"The loss became {mean_loss} in epoch {epoch}: try a lower learning rate.")
        now = _snapshot(epoch, model, relations)
        last = curve[-1].blend if curve else blend
        chosen, metrics = from_first(
            partial(judge, now, linear, reached, last, judged, order, config.stop_on)
        )
        seconds = time.monotonic() - epoch_started
        curve.append(Epoch(epoch, mean_loss, metrics, chosen, seconds))
        say(_line(curve[-1], config.stop_on))
        if (
            best is None
            or not judged
            or metrics[config.stop_on] > curve[best.epoch - 1].metrics[config.stop_on]
        ):
            best = now
        if checkpoint and is_first():
            checkpoint.save(model, optimiser, State(curve, best))

    if best is None:
        raise ModelError(f"Nothing was trained: epochs is {epochs}.")
    weights, blend = best.tensors["relation"].tolist(), curve[best.epoch - 1].blend
    if judged and not asks_for_new(judged, reached.new):
        played = rehearse(model, best, relations, linear, reached, config.seed)
        blend = blend._replace(
            lift=from_first(partial(_lift, played, best, linear, reached, blend, judged, config))
        )
    fresh = as_new(model, best, relations) if judged or blend.doubt else None
    goals = settled(best, linear, reached, fresh)
    if judged and fresh is not None:
        doubting = partial(best_doubt, goals, best, linear, blend, judged, config.stop_on)
        blend = blend._replace(doubt=from_first(doubting))
    target, whole = goals.served(linear, blend)
    return Fitted(
        best.tensors | {"target": torch.from_numpy(target)},
        whole,
        blend,
        best.epoch,
        curve,
        {name: (w[0], w[1]) for name, w in zip(relations.names, weights, strict=True)},
        earlier,
    )


def refit(
    data: ShopData,
    train: pd.DataFrame,
    config: TrainConfig,
    chosen: Fitted,
    *,
    order: Order,
    checkpoint: Checkpoint | None = None,
    start: SavedModel | None = None,
) -> Fitted:
    """Train on more, with the epochs and the blend that were chosen on less."""
    epochs, blend = chosen.epochs, chosen.blend
    return fit(
        data,
        train,
        config,
        order=order,
        epochs=epochs,
        blend=blend,
        checkpoint=checkpoint,
        start=start,
    )


def _lift(
    played: Rehearsal | None,
    best: Snapshot,
    linear: sp.csr_matrix,
    reached: Reach,
    blend: Blend,
    judged: Judgement,
    config: TrainConfig,
) -> float:
    """How new items count where validation does not ask for them."""
    lift, metric = 1.0, config.stop_on
    if played is not None:
        lift = fair_lift(played, best, linear, blend, judged, metric, config.new_item_cost)
    return room_for_new(lift, best, linear, reached, blend, judged, metric)


def _division(config: TrainConfig, order: Order) -> Division:
    if config.examples == "next" or (config.examples == "auto" and order == Order.STRICT):
        return Division(config.shown_share, config.next_items, config.fade)
    return Division(config.shown_share)


def _linear(known: Histories, config: TrainConfig) -> sp.csr_matrix:
    pairs = known.weight.copy()
    pairs.data[:] = known.age.data < LONGEST
    pairs.eliminate_zeros()
    return item_weights(pairs, config.linear_penalty, config.linear_k)


def graph_for(data: ShopData, train: pd.DataFrame, config: TrainConfig) -> HeteroData:
    """The messages that a configuration lets through.

    Raises:
        ModelError: a relation that is to be left out does not exist.
    """
    graph = shop_graph(
        data,
        train,
        relations=config.relations,
        text_k=config.text_k,
        bought_k=config.bought_k,
        bought_least=config.bought_least,
    )
    edges = {edge[1]: edge for edge in graph.edge_types if edge != INTERACTED}
    if unknown := sorted(config.left_out - {*edges, TEXT}):
        known = ", ".join([*edges, TEXT])
        raise ModelError(f"without={config.without!r}: no relation {', '.join(unknown)} here, but {known}.")
    for name in config.left_out - {TEXT}:
        del graph[edges[name]]
    return graph


def _model(
    data: ShopData,
    known: sp.csr_matrix,
    new: npt.NDArray[np.bool_],
    n_relations: int,
    config: TrainConfig,
) -> ItemGraphModel:
    if not (np.diff(known.indptr) >= 2).any():
        raise ModelError("No user has two items to learn from: the model learns from one item to the next.")
    if TEXT in config.left_out:
        data = data._replace(text=None)
    start = torch.from_numpy(from_first(lambda: spectral(known, config.dim, config.start_scale, config.seed)))
    text = None if data.text is None else torch.from_numpy(np.ascontiguousarray(data.text, dtype=np.float32))
    return ItemGraphModel(
        start,
        text,
        n_relations,
        config.id_dropout,
        config.temperature,
        config.relation_weight,
        torch.from_numpy(new),
    )


def _snapshot(epoch: int, model: ItemGraphModel, relations: Relations) -> Snapshot:
    """The parameters, and the item vectors that follow from them and all that the training part knows."""
    model.eval()
    with torch.no_grad():
        vectors = model(relations.all())
    tensors = model.state_dict() | {"context": vectors.context, "target": vectors.target}
    return Snapshot(epoch, {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()})


def _line(epoch: Epoch, stop_on: str) -> str:
    figure = f", validation {stop_on} {epoch.metrics[stop_on]:.4f}" if epoch.metrics else ""
    return f"epoch {epoch.epoch}: loss {epoch.loss:.4f}{figure}, {epoch.seconds:.1f} s"
