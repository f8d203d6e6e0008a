"""What the validation part chooses after the training: how the vectors are used, and how new items count.

Where validation asks for new items, it says itself how much they should count beside known ones. Elsewhere a
tenth of the known items plays new: they are ranked by text, declared edges and kin alone, on the same
validation part, and the largest lift is kept that costs the others at most a hundredth of what they reach
when those items are known. So each shop has its own. But a catalogue may be full of items that nobody ever
came to: these may cost the known ones no more than a tenth.
"""

from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from gnn import blend as blends
from gnn.blend import DOUBTS, LIFTS, Blend
from gnn.checkpoint import Snapshot
from gnn.device import moved, training_device
from gnn.evaluation.evaluate import Asked, Figures, Judgement, Scorer, Scores, Table, evaluate, figures
from gnn.goals import Bools, Floats, Goals, Reach, settle
from gnn.histories import Histories, Order
from gnn.model import ItemGraphModel
from gnn.propagation import Relations
from kg.console import say

_NEW_SHARE: Final = 0.01  # of what is asked for: below it validation says nothing of new items
_PLAYED: Final = 0.1  # of the known items
_ROOM: Final = 0.1  # of what the known items reach: what the new ones may take


class Rehearsal(NamedTuple):
    """Some known items as if they were new."""

    items: Goals
    linear: sp.csr_matrix  # B without the columns of those items, [n_items, n_items]


def vector_scorer(context: Floats, target: Floats, linear: sp.csr_matrix, blend: Blend) -> Scorer:
    """score(u, j) = (Σ_i w_i c_i)·t_j / ‖Σ_i w_i c_i‖ + linear · Σ_i w_i B_ij, w faded.

    What it gives lies on the training device.
    """
    device = training_device()
    goals = moved(target, device, np.float32).T

    def score(asked: Asked) -> Scores:
        weights = Histories(asked.history, asked.age).faded(blend.fade)
        users = weights @ context
        users /= np.maximum(np.linalg.norm(users, axis=1, keepdims=True), 1e-12)
        scores = moved(users, device, np.float32) @ goals
        if blend.linear and linear.nnz:
            more = (weights @ linear).tocoo()
            at = moved(more.row, device, np.int64), moved(more.col, device, np.int64)
            scores[at] += moved(blend.linear * more.data, device, np.float32)
        return scores

    return score


def judge(
    now: Snapshot,
    linear: sp.csr_matrix,
    reached: Reach,
    blend: Blend,
    judged: Judgement | None,
    order: Order,
    metric: str,
) -> tuple[Blend, Table]:
    """The best blend near the last one, and its metrics on validation."""
    if judged is None:
        return blend, {}
    context, own = now.tensors["context"].numpy(), settled(now, linear, reached)
    asked = asks_for_new(judged, reached.new)

    def tried(blend: Blend) -> Figures:
        # Where nobody asks for new items, they would but stand in the way of those that tell epochs apart.
        served = own.served(linear, blend if asked else blend._replace(lift=0.0))
        return figures(vector_scorer(context, *served, blend), judged)

    return blends.choose(
        tried, metric, blend, ordered=order != Order.NONE, linear=bool(linear.nnz), lift=asked
    )


def settled(now: Snapshot, linear: sp.csr_matrix, reached: Reach, as_new: Floats | None = None) -> Goals:
    """A model's items as goals; see `gnn.goals`."""
    return settle(now.tensors["target"].numpy(), linear, reached, as_new)


def best_doubt(
    goals: Goals, best: Snapshot, linear: sp.csr_matrix, blend: Blend, judged: Judgement, metric: str
) -> float:
    """How much to doubt what few users tell of an item: what ranks best, and surely better than 0."""
    context = best.tensors["context"].numpy()

    def tried(doubt: float) -> Figures:
        served = goals.served(linear, blend._replace(doubt=doubt))
        return figures(vector_scorer(context, *served, blend), judged)

    found = {doubt: tried(doubt) for doubt in DOUBTS}
    able = [doubt for doubt in DOUBTS if not doubt or blends.surely_better(found[doubt], found[0.0], metric)]
    doubt = max(able, key=lambda of: found[of].table[metric])
    if doubt:
        say(
            f"items of few users are half known at {doubt:g}: "
            f"validation {metric} {found[0.0].table[metric]:.4f} -> {found[doubt].table[metric]:.4f}"
        )
    return doubt


def as_new(model: ItemGraphModel, best: Snapshot, relations: Relations) -> Floats | None:
    """Targets as if each item were new; None where there are no texts, by which a new item would go.

    Args:
        model: its parameters are set to those of `best`.
    """
    if model.text is None:
        return None
    model.load_state_dict({name: best.tensors[name] for name in model.state_dict()})
    model.eval()
    with torch.no_grad():
        return np.asarray(model.new_targets(relations.all()).cpu().numpy(), dtype=np.float32)


def asks_for_new(judged: Judgement, new: Bools) -> bool:
    """Whether enough of what validation asks for is new, to learn from it how new items should count."""
    asked_for = np.asarray(judged.targets.sum(axis=0)).ravel()
    return bool(asked_for[new].sum() >= _NEW_SHARE * asked_for.sum())


def rehearse(
    model: ItemGraphModel,
    best: Snapshot,
    relations: Relations,
    linear: sp.csr_matrix,
    reached: Reach,
    seed: int,
) -> Rehearsal | None:
    """Let some known items play new; None where there are no texts, by which a new item would go.

    Args:
        model: its parameters are set to those of `best`.
        best: a model that knows these items.
        linear: B, [n_items, n_items].
        reached: which items are new; they are left out.
        seed: draws the items.
    """
    if model.text is None:
        return None
    new = reached.new
    able = np.flatnonzero(~new & model.text.any(dim=1).cpu().numpy())
    playing = np.zeros_like(new)
    playing[np.random.default_rng(seed).permutation(able)[: int(len(able) * _PLAYED)]] = True
    if not playing.any():
        return None
    known = model.known
    model.load_state_dict({name: best.tensors[name] for name in model.state_dict()})
    model.known = torch.from_numpy(~(new | playing))[:, None].to(known)
    model.eval()
    with torch.no_grad():
        bare = model(relations.all()).target.cpu().numpy()
    model.known = known
    target = np.where(playing[:, None], bare, best.tensors["target"].numpy())
    target[new] = 0  # validation does not ask for them: their places would count against those that play
    kept = sp.csr_matrix(linear @ sp.diags_array((~playing).astype(np.float32)))
    return Rehearsal(settle(target, kept, reached._replace(new=playing)), kept)


def fair_lift(
    played: Rehearsal,
    best: Snapshot,
    linear: sp.csr_matrix,
    blend: Blend,
    judged: Judgement,
    metric: str,
    cost: float,
) -> float:
    """The largest lift with which the items that do not play lose no more than `cost` of their figure.

    They are compared with the shop as it is, where those that play are known: a new item gets about the room
    that it would have if it were known, and what `cost` leaves beyond that.
    """
    reached = played.items.reach
    context, others = best.tensors["context"].numpy(), _without(judged, reached.new)
    if not others.targets.nnz:
        return 1.0  # a shop so small that validation asks for those alone that play

    def figure(items: Goals, weights: sp.csr_matrix, lift: float = 1.0) -> float:
        served = items.served(weights, blend._replace(lift=lift))
        return evaluate(vector_scorer(context, *served, blend), others)[metric]

    known = settled(best, linear, reached._replace(new=np.zeros_like(reached.new)))
    least = (1 - cost) * figure(known, linear)
    borne = (lift for lift in reversed(LIFTS) if figure(played.items, played.linear, lift) >= least)
    lift = next(borne, LIFTS[0])
    say(
        f"new items count {lift:g} times: {reached.new.sum():,} known ones that played new "
        f"cost the others at most {cost:.1%}"
    )
    return lift


def room_for_new(
    lift: float,
    best: Snapshot,
    linear: sp.csr_matrix,
    reached: Reach,
    blend: Blend,
    judged: Judgement,
    metric: str,
) -> float:
    """The lift, or the largest below it with which the items that nobody has leave the others their places.

    Where most of a catalogue has never been bought, as much room as a known item has for each of them would
    leave the known ones none.
    """
    if not reached.new.any():
        return lift
    context, goals = best.tensors["context"].numpy(), settled(best, linear, reached)

    def figure(lift: float) -> float:
        served = goals.served(linear, blend._replace(lift=lift))
        return evaluate(vector_scorer(context, *served, blend), judged)[metric]

    least = (1 - _ROOM) * figure(0.0)
    found = next((of for of in reversed(LIFTS) if of <= lift and figure(of) >= least), LIFTS[0])
    if found < lift:
        say(f"… but {reached.new.sum():,} that nobody has leave the others their places at {found:g} times")
    return found


def _without(judged: Judgement, items: Bools) -> Judgement:
    """The same without these targets, and without the users who have no other."""
    targets = sp.csr_matrix(judged.targets @ sp.diags_array((~items).astype(np.float32)))
    targets.eliminate_zeros()
    users = np.flatnonzero(np.diff(targets.indptr))
    return judged._replace(targets=targets).rows(users)
