"""The training loop, top to bottom."""

import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from gnn.checkpoint import Checkpoint, Epoch, Snapshot, State
from gnn.config import TrainConfig
from gnn.evaluate import Asked, Judgement, Scorer, Scores, Table, evaluate
from gnn.examples import batches
from gnn.graphs import history, shop_graph
from gnn.model import ItemGraphModel, spectral
from gnn.propagation import Relations
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError


class Fitted(NamedTuple):
    """A trained model: the parameters, and the item vectors that serve: `context`, `target`, [n_items, d]."""

    tensors: dict[str, Tensor]
    epochs: int  # the epoch that they are from
    curve: list[Epoch]
    relation_weights: dict[str, tuple[float, float]]  # relation -> context and target tower's weight
    seconds: float
    cpu_seconds: float

    @property
    def scorer(self) -> Scorer:
        return vector_scorer(self.tensors["context"].numpy(), self.tensors["target"].numpy())


def fit(
    data: ShopData,
    train: pd.DataFrame,
    config: TrainConfig,
    *,
    judged: Judgement | None = None,
    epochs: int | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Train on the interactions `train`.

    Args:
        judged: the validation part; the best epoch on it is kept, and training stops when it stays behind.
        epochs: without `judged`, the number of epochs to run.
        checkpoint: where each epoch is saved, and where an interrupted run goes on from.

    Raises:
        ModelError: no user has two items, or the loss is no longer a number.
    """
    started, cpu = time.monotonic(), time.process_time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = history(train, len(data.users), len(data.items))
    relations = Relations(_graph(data, train, config), device)
    torch.manual_seed(config.seed)
    model = _model(data, known, len(relations.names), config).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    curve, best = checkpoint.restore(model, optimiser) if checkpoint else State([], None)

    for epoch in range(len(curve) + 1, (epochs or config.max_epochs) + 1):
        if best and judged and epoch - best.epoch > config.patience:
            break
        epoch_started = time.monotonic()
        # Seeded by the epoch, so that a resumed run takes the very steps of an uninterrupted one.
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        rng = np.random.default_rng((config.seed, epoch))
        losses = []
        model.train()
        for batch in batches(known, config.batch_users, config.shown_share, rng, device):
            optimiser.zero_grad(set_to_none=True)
            # The batch's own purchases are taken out of the counts: what is asked for sends no message.
            vectors = model(relations.without(batch.users))
            loss = model.loss(vectors, batch.examples)
            torch.autograd.backward(loss)
            optimiser.step()
            losses.append(loss.item())
        if not np.isfinite(losses).all():
            raise ModelError(f"The loss became {losses[-1]} in epoch {epoch}: try a lower learning rate.")
        now = _snapshot(epoch, model, relations)
        metrics = _judge(now, judged)
        curve.append(Epoch(epoch, float(np.mean(losses)), metrics, time.monotonic() - epoch_started))
        say(_line(curve[-1], config.stop_on))
        if (
            best is None
            or not judged
            or metrics[config.stop_on] > curve[best.epoch - 1].metrics[config.stop_on]
        ):
            best = now
        if checkpoint:
            checkpoint.save(model, optimiser, State(curve, best))

    if best is None:
        raise ModelError(f"Nothing was trained: epochs is {epochs}.")
    weights = best.tensors["relation"].tolist()
    return Fitted(
        best.tensors,
        best.epoch,
        curve,
        {name: (w[0], w[1]) for name, w in zip(relations.names, weights, strict=True)},
        time.monotonic() - started,
        time.process_time() - cpu,
    )


def vector_scorer(context: np.ndarray, target: np.ndarray) -> Scorer:
    """score(u, j) = (Σ_i w_i c_i)·t_j / ‖Σ_i w_i c_i‖ for the histories of some users."""

    def score(asked: Asked) -> Scores:
        users = asked.history @ context
        users /= np.maximum(np.linalg.norm(users, axis=1, keepdims=True), 1e-12)
        return np.asarray(users @ target.T, dtype=np.float32)

    return score


def _graph(data: ShopData, train: pd.DataFrame, config: TrainConfig) -> HeteroData:
    return shop_graph(
        data,
        train,
        relations=config.relations,
        text_k=config.text_k,
        bought_k=config.bought_k,
        bought_least=config.bought_least,
    )


def _model(data: ShopData, known: sp.csr_matrix, n_relations: int, config: TrainConfig) -> ItemGraphModel:
    if not (np.diff(known.indptr) >= 2).any():
        raise ModelError("No user has two items to learn from: the model learns from one item to the next.")
    start = torch.from_numpy(spectral(known, config.dim, config.start_scale, config.seed))
    text = None if data.text is None else torch.from_numpy(np.ascontiguousarray(data.text, dtype=np.float32))
    return ItemGraphModel(
        start, text, n_relations, config.id_dropout, config.temperature, config.relation_weight
    )


def _snapshot(epoch: int, model: ItemGraphModel, relations: Relations) -> Snapshot:
    """The parameters, and the item vectors that follow from them and all that the training part knows."""
    model.eval()
    with torch.no_grad():
        vectors = model(relations.all())
    tensors = model.state_dict() | {"context": vectors.context, "target": vectors.target}
    return Snapshot(epoch, {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()})


def _judge(now: Snapshot, judged: Judgement | None) -> Table:
    if judged is None:
        return {}
    return evaluate(vector_scorer(now.tensors["context"].numpy(), now.tensors["target"].numpy()), judged)


def _line(epoch: Epoch, stop_on: str) -> str:
    figure = f", validation {stop_on} {epoch.metrics[stop_on]:.4f}" if epoch.metrics else ""
    return f"epoch {epoch.epoch}: loss {epoch.loss:.4f}{figure}, {epoch.seconds:.1f} s"
