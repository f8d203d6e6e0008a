"""How new items come to count: known ones play new."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

from gnn.blend import DOUBTS, LIFTS, Blend, surely_better
from gnn.checkpoint import Snapshot
from gnn.evaluation.evaluate import evaluate, figures, judgement
from gnn.evaluation.judgements import pairs
from gnn.goals import Bools, reach
from gnn.graphs import shop_graph
from gnn.histories import histories
from gnn.judging import (
    Rehearsal,
    as_new,
    best_doubt,
    fair_lift,
    rehearse,
    room_for_new,
    settled,
    vector_scorer,
)
from gnn.linear import item_weights
from gnn.model import ItemGraphModel, spectral
from gnn.propagation import Relations
from tests.gnn.fake import fake_shop

DATA = fake_shop()
N = len(DATA.items)
KNOWN = histories(DATA.interactions, len(DATA.users), N)


class Played(NamedTuple):
    rehearsal: Rehearsal
    model: ItemGraphModel
    best: Snapshot
    linear: sp.csr_matrix
    new: Bools


def played(strange: Bools | None = None) -> Played:
    """A rehearsal, of a model to which the purchases of `strange` items taught the opposite."""
    torch.manual_seed(0)
    relations = Relations(shop_graph(DATA, DATA.interactions, text_k=3, bought_k=5), torch.device("cpu"))
    start = torch.from_numpy(spectral(KNOWN.weight, 16, 0.1, 0))
    assert DATA.text is not None
    reached = reach(KNOWN, DATA.text)
    model = ItemGraphModel(
        start, torch.from_numpy(DATA.text), len(relations.names), 0.0, new=torch.from_numpy(reached.new)
    )
    with torch.no_grad():
        if strange is not None:
            model.id[torch.from_numpy(strange)] *= -1
        vectors = model.eval()(relations.all())
    tensors = model.state_dict() | {"context": vectors.context, "target": vectors.target}
    best = Snapshot(1, {name: tensor.clone() for name, tensor in tensors.items()})
    pairs = KNOWN.weight.copy()
    pairs.data[:] = 1
    linear = item_weights(pairs, 10.0, 10)
    rehearsal = rehearse(model, best, relations, linear, reached, 0)
    assert rehearsal is not None
    return Played(rehearsal, model, best, linear, reached.new)


def test_items_that_play_new_have_nothing_that_purchases_taught() -> None:
    one = played()
    acting = one.rehearsal.items.reach.new
    other = played(strange=acting)
    assert 0 < acting.sum() <= 0.1 * N
    assert not (acting & one.new).any()
    assert not one.rehearsal.linear[:, acting].nnz
    assert one.linear[:, acting].nnz
    known = [p.best.tensors["target"].numpy()[acting] for p in (one, other)]
    mine = [p.rehearsal.items.target[acting] for p in (one, other)]
    # Their neighbours, and so the kin they lean to, did hear of them: close, not equal.
    assert (mine[0] * mine[1]).sum(axis=1).min() > 0.95
    assert (known[0] * known[1]).sum(axis=1).max() < 0.8


def test_others_stay_as_they_are_and_what_nobody_has_is_out_of_it() -> None:
    found = played()
    acting = found.rehearsal.items.reach.new
    others = ~acting & ~found.new
    np.testing.assert_array_equal(
        found.rehearsal.items.target[others], found.best.tensors["target"].numpy()[others]
    )
    assert (found.rehearsal.linear[:, others] != found.linear[:, others]).nnz == 0
    assert not found.rehearsal.items.target[found.new].any()
    np.testing.assert_array_equal(found.model.known[:, 0].bool().numpy(), ~found.new)  # put back


def test_as_a_new_item_each_has_what_the_new_ones_have() -> None:
    found = played()
    relations = Relations(shop_graph(DATA, DATA.interactions, text_k=3, bought_k=5), torch.device("cpu"))
    bare = as_new(found.model, found.best, relations)
    assert bare is not None
    np.testing.assert_allclose(bare[found.new], found.best.tensors["target"].numpy()[found.new], atol=1e-6)
    assert DATA.text is not None
    np.testing.assert_allclose(np.linalg.norm(bare, axis=1)[DATA.text.any(axis=1)], 1, rtol=1e-5)
    # Its own purchases tell nothing of it, but its neighbours' do.
    other = played(strange=np.arange(N) == 0)
    strange = as_new(other.model, other.best, relations)
    assert strange is not None
    np.testing.assert_allclose(strange[0], bare[0], atol=1e-6)
    assert np.abs(strange - bare).max() > 1e-3


def test_doubt_is_what_ranks_validation_best() -> None:
    found = played()
    reached = reach(KNOWN, DATA.text)
    relations = Relations(shop_graph(DATA, DATA.interactions, text_k=3, bought_k=5), torch.device("cpu"))
    rows = DATA.interactions
    judged = judgement(
        histories(rows[rows.index % 3 > 0], len(DATA.users), N), pairs(DATA, rows[rows.index % 3 == 0])
    )
    context, blend = found.best.tensors["context"].numpy(), Blend(linear=1.0)
    upset = Snapshot(1, found.best.tensors | {"target": found.best.tensors["target"].clone()})
    upset.tensors["target"][torch.from_numpy(reached.rare)] *= -1
    chosen = []
    for best in (found.best, upset):
        goals = settled(best, found.linear, reached, as_new(found.model, best, relations))
        doubt = best_doubt(goals, best, found.linear, blend, judged, "ndcg@10")
        found_by = {
            of: figures(
                vector_scorer(context, *goals.served(found.linear, blend._replace(doubt=of)), blend), judged
            )
            for of in DOUBTS
        }
        sure = [of for of in DOUBTS if not of or surely_better(found_by[of], found_by[0.0], "ndcg@10")]
        assert doubt == max(sure, key=lambda of: found_by[of].table["ndcg@10"])
        chosen.append(doubt)
    assert chosen[1] == DOUBTS[-1]  # what few users told was the opposite


def test_the_lift_is_the_largest_that_others_can_bear() -> None:
    found = played()
    rows, acting = DATA.interactions, found.rehearsal.items.reach.new
    asked = (rows.index % 3 == 0) | acting[rows["item"]]
    judged = judgement(histories(rows[~asked], len(DATA.users), N), pairs(DATA, rows[asked]))
    blend, context = Blend(linear=1.0, popularity=0.2), found.best.tensors["context"].numpy()
    others = judged.targets[:, ~acting].sum()

    def figure(lift: float | None) -> float:
        """Of the others alone: what plays new, or with None is known, is no target, but takes places."""
        longer = reach(KNOWN, DATA.text).popularity[:, None] ** 0.2
        plain = (found.best.tensors["target"].numpy() * longer, found.linear)
        acted = found.rehearsal.items.served(found.rehearsal.linear, blend._replace(lift=lift or 1.0))
        scorer = vector_scorer(context, *(plain if lift is None else acted), blend)
        targets = judged.targets.toarray()
        targets[:, acting] = 0
        kept = np.flatnonzero(targets.any(axis=1))
        return evaluate(scorer, judged._replace(targets=sp.csr_matrix(targets)).rows(kept))["ndcg@10"]

    assert 0 < others < judged.targets.sum()
    for cost in (0.0, 0.05, 0.3, 0.99):
        lift = fair_lift(found.rehearsal, found.best, found.linear, blend, judged, "ndcg@10", cost)
        bearable = [times for times in LIFTS if figure(times) >= (1 - cost) * figure(None)]
        assert lift == max(bearable, default=LIFTS[0])
    assert figure(LIFTS[-1]) < figure(LIFTS[0])


def test_a_catalogue_full_of_items_that_nobody_has_leaves_the_others_their_places() -> None:
    """Ten items that were never bought stand beside each known one, in nearly its words."""
    assert DATA.text is not None
    copies = np.tile(np.arange(N - 1), 10)
    noise = np.random.default_rng(0).standard_normal((len(copies), DATA.text.shape[1])) * 0.02
    text = np.concatenate([DATA.text, DATA.text[copies] + noise]).astype(np.float32)
    more = DATA.items.iloc[copies].assign(item_id=[f"unsold-{n}" for n in range(len(copies))])
    crowded = DATA._replace(items=pd.concat([DATA.items, more], ignore_index=True), text=text)
    rows, n = crowded.interactions, len(crowded.items)
    past = histories(rows[rows.index % 3 > 0], len(crowded.users), n)
    judged = judgement(past, pairs(crowded, rows[rows.index % 3 == 0]))
    torch.manual_seed(0)
    relations = Relations(shop_graph(crowded, rows, text_k=3, bought_k=5), torch.device("cpu"))
    known = histories(rows, len(crowded.users), n)
    reached = reach(known, text)
    start = torch.from_numpy(spectral(known.weight, 16, 0.1, 0))
    model = ItemGraphModel(
        start, torch.from_numpy(text), len(relations.names), 0.0, new=torch.from_numpy(reached.new)
    )
    with torch.no_grad():
        vectors = model.eval()(relations.all())
    best = Snapshot(1, {"context": vectors.context, "target": vectors.target})
    linear, blend = item_weights(known.weight, 10.0, 10), Blend(linear=1.0)

    def figure(lift: float) -> float:
        served = settled(best, linear, reached).served(linear, blend._replace(lift=lift))
        return evaluate(vector_scorer(vectors.context.numpy(), *served, blend), judged)["ndcg@10"]

    lift = room_for_new(1.35, best, linear, reached, blend, judged, "ndcg@10")

    assert reached.new.sum() >= len(copies)
    assert lift < 1.35
    assert figure(1.35) < 0.9 * figure(0)
    assert figure(lift) >= 0.9 * figure(0) or lift == LIFTS[0]
    assert figure(LIFTS[LIFTS.index(lift) + 1]) < 0.9 * figure(0)
    alone = reached._replace(new=np.zeros_like(reached.new))
    assert room_for_new(1.35, best, linear, alone, blend, judged, "ndcg@10") == 1.35
