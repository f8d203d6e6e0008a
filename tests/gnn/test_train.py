"""What catches real bugs in training: see STYLE.md, habit 6."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from gnn.blend import Blend
from gnn.checkpoint import Checkpoint
from gnn.config import TrainConfig
from gnn.evaluation.evaluate import Asked, judgement
from gnn.examples import Division, batches, divide
from gnn.graphs import shop_graph
from gnn.histories import Histories, Order, histories
from gnn.judging import vector_scorer
from gnn.model import ItemGraphModel, spectral, user_vectors
from gnn.propagation import Relations
from gnn.split import split
from gnn.train import Fitted, fit
from kg.dataset import ShopData
from kg.errors import ModelError
from tests.gnn.fake import fake_shop

CPU = torch.device("cpu")
HALF = Division(0.5)
SMALL = TrainConfig(dim=16, max_epochs=3, text_k=3, bought_k=5, stop_on="ndcg@10", precision="float32")


def everybody(known: Histories) -> Asked:
    return Asked(np.arange(known.weight.shape[0]), *known)


def made(data: ShopData, train: pd.DataFrame) -> tuple[ItemGraphModel, Relations, Histories]:
    torch.manual_seed(0)
    known = histories(train, len(data.users), len(data.items))
    relations = Relations(shop_graph(data, train, text_k=3, bought_k=5), CPU)
    text = None if data.text is None else torch.from_numpy(data.text)
    start = torch.from_numpy(spectral(known.weight, 16, 0.1, 0))
    return ItemGraphModel(start, text, len(relations.names), id_dropout=0.0), relations, known


def test_gradients_are_none_at_the_start_and_reach_every_parameter() -> None:
    data = fake_shop()
    model, relations, known = made(data, data.interactions)
    assert all(p.grad is None for p in model.parameters())
    batch = next(batches(known, 64, HALF, np.random.default_rng(0), CPU))
    torch.autograd.backward(model.loss(model(relations.without(batch.users)), batch.examples))
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached == {"id", "log_length", "relation", "project"}


def test_the_loss_on_one_fixed_batch_falls() -> None:
    data = fake_shop()
    model, relations, known = made(data, data.interactions)
    users = np.flatnonzero(np.diff(known.weight.indptr) >= 2)
    examples = divide(known.rows(users), HALF, np.random.default_rng(0), CPU)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(model(relations.without(users)), examples)
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.6 * losses[0]


def test_ten_edges_can_be_overfitted() -> None:
    rows = [(user, item) for user in range(5) for item in (2 * user, 2 * user + 1)]
    events = pd.DataFrame(rows, columns=["user", "item"]).assign(
        type="purchase", order=0, basket=None, weight=1.0
    )
    data = fake_shop(5, with_text=False)._replace(interactions=events)
    fitted = fit(data, events, SMALL.model_copy(update={"learning_rate": 0.05}), epochs=60)
    known = histories(events[events["item"] % 2 == 0], 5, 40)
    scores = np.where(known.weight.toarray() > 0, -9, fitted.scorer(everybody(known)))
    assert scores.argmax(axis=1).tolist() == [1, 3, 5, 7, 9]


def test_permuting_users_permutes_scores_and_the_batch_does_not_matter() -> None:
    data = fake_shop()
    scorer = fit(data, data.interactions, SMALL, epochs=1).scorer
    known = everybody(histories(data.interactions, len(data.users), len(data.items)))
    order = np.random.default_rng(0).permutation(len(known.users))
    scores = scorer(known)
    np.testing.assert_allclose(scorer(known.rows(order)), scores[order], rtol=1e-5, atol=1e-6)
    alone = np.vstack([scorer(known.rows(np.array([user]))) for user in known.users])
    np.testing.assert_allclose(alone, scores, rtol=1e-5, atol=1e-6)


def test_a_score_is_the_sum_of_what_the_past_items_contribute() -> None:
    data = fake_shop()
    blend = Blend(fade=0.3, linear=2.0)
    fitted = fit(data, data.interactions, SMALL, epochs=1, order=Order.STRICT, blend=blend)
    context, target = fitted.tensors["context"].numpy(), fitted.tensors["target"].numpy()
    asked = everybody(histories(data.interactions, len(data.users), len(data.items))).rows(np.array([7]))
    items, ages = asked.history.indices, asked.age.data
    w = asked.history.data * np.exp(-0.3 * ages)
    parts = w[:, None] * (context[items] @ target.T) / np.linalg.norm(w @ context[items])
    parts += 2.0 * w[:, None] * fitted.linear.toarray()[items]
    assert sorted(ages) == list(range(len(items)))
    assert fitted.linear.nnz
    np.testing.assert_allclose(parts.sum(axis=0), fitted.scorer(asked)[0], rtol=1e-4, atol=1e-6)


def test_other_interactions_than_the_training_part_change_nothing() -> None:
    data = fake_shop()
    parts = split(data, "random")
    alone = data._replace(interactions=parts.train)
    served = Blend(linear=2.4, popularity=0.2, doubt=3.0)
    one, other = (fit(shop, parts.train, SMALL, epochs=1, blend=served) for shop in (data, alone))
    assert all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())
    assert one.linear.nnz > 0
    assert np.array_equal(one.linear.toarray(), other.linear.toarray())


def test_what_a_batch_did_sends_no_message_in_its_own_step() -> None:
    data = fake_shop()
    users = np.array([3, 8, 21])
    rest = data.interactions[~data.interactions["user"].isin(users)]
    _, relations, _ = made(data, data.interactions)
    place = relations.names.index("bought_with")
    hidden = relations.without(users)[place](torch.eye(len(data.items))).numpy()
    # The same pattern of edges, counted from the other users alone.
    everything = shop_graph(data, data.interactions, text_k=3, bought_k=5)
    without = shop_graph(data, rest, text_k=3, bought_k=5)
    for column in ("group", "item", "user"):
        everything["bought"][column] = without["bought"][column]
    expected = Relations(everything, CPU).all()[place](torch.eye(len(data.items))).numpy()
    np.testing.assert_allclose(hidden, expected, atol=1e-6)
    assert not np.allclose(hidden, relations.all()[place](torch.eye(len(data.items))).numpy())


def test_the_loss_does_not_depend_on_the_chunk() -> None:
    data = fake_shop()
    model, relations, known = made(data, data.interactions)
    batch = next(batches(known, 64, HALF, np.random.default_rng(0), CPU))
    gradients = []
    for cells in (2**24, 100):
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(model.loss(model(relations.all()), batch.examples, cells=cells))
        gradients.append(torch.cat([p.grad.ravel() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_items_that_nobody_has_are_no_negatives_and_have_nothing_learned() -> None:
    data = fake_shop()
    gone = data.interactions["item"].unique()[:3]
    train = data.interactions[~data.interactions["item"].isin(gone)]
    told = fit(data, train, SMALL, epochs=2, blend=Blend())
    # Their own parameters stay as they began, and their vectors have the length that all new items get.
    assert not told.tensors["log_length"][gone].any()
    assert told.tensors["log_length"].any()
    torch.testing.assert_close(told.tensors["target"][gone].norm(dim=1), torch.full((3,), Blend().lift))
    assert told.linear[:, gone].nnz > 0
    assert told.linear[gone].nnz == 0


def test_items_that_are_treated_as_new_say_what_an_unknown_item_would() -> None:
    data = fake_shop()
    model, relations, _ = made(data, data.interactions)
    model.id_dropout = 1.0  # all of them
    with torch.no_grad():
        model.log_length += 1.0
        dropped = model(relations.all())
        model.eval()
        model.id.zero_()
        model.log_length.zero_()
        place = relations.names.index("bought_with")
        model.relation[place] = 0.0
        new = model(relations.all())
    torch.testing.assert_close(dropped.target, new.target)
    torch.testing.assert_close(dropped.context, new.context)


def test_spectral_finds_the_singular_vectors() -> None:
    rng = np.random.default_rng(0)
    pairs = sp.csr_matrix((rng.random((40, 25)) < 0.3).astype(np.float32))
    start = spectral(pairs, 8, 0.1, 0)
    by_user, by_item = pairs.sum(axis=1), pairs.sum(axis=0)
    normal = pairs.toarray() / np.sqrt(np.outer(by_user, by_item))
    _, values, vectors = np.linalg.svd(normal, full_matrices=False)
    expected = vectors[:8].T * np.sqrt(values[:8])
    cosine = (expected * start).sum(axis=0) / np.linalg.norm(expected, axis=0) / np.linalg.norm(start, axis=0)
    np.testing.assert_allclose(np.abs(cosine[:4]), 1, atol=0.01)
    assert start.std() == pytest.approx(0.1, rel=0.01)


def test_a_run_that_is_taken_up_again_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    data = fake_shop()
    parts = split(data, "random")
    known = histories(parts.train, len(data.users), len(data.items))
    judged = judgement(known, histories(parts.valid, len(data.users), len(data.items)).weight)

    def run(max_epochs: int, checkpoint: Checkpoint | None) -> Fitted:
        config = SMALL.model_copy(update={"max_epochs": max_epochs, "patience": 9})
        return fit(data, parts.train, config, judged=judged, checkpoint=checkpoint)

    whole = run(4, None)
    run(2, Checkpoint(tmp_path, "run"))
    resumed = run(4, Checkpoint(tmp_path, "run"))
    assert [e._replace(seconds=0) for e in resumed.curve] == [e._replace(seconds=0) for e in whole.curve]
    assert resumed.epochs == whole.epochs
    assert whole.earlier == 0
    assert resumed.earlier == sum(e.seconds for e in resumed.curve[:2])
    assert resumed.blend == whole.blend
    assert torch.equal(resumed.tensors["target"], whole.tensors["target"])


def test_a_shop_without_text_brands_and_categories_can_be_trained() -> None:
    data = fake_shop(with_text=False, with_time=False)
    data.items["brand"] = None
    data.items["categories"] = [[] for _ in data.items.index]
    fitted = fit(data, data.interactions, SMALL, epochs=1)
    assert list(fitted.relation_weights) == ["bought_with"]
    assert torch.isfinite(fitted.tensors["target"]).all()


def test_relations_and_text_can_be_left_out() -> None:
    data = fake_shop()
    whole = fit(data, data.interactions, SMALL, epochs=1)
    assert set(whole.relation_weights) == {"similar_to", "bought_with", "made_by", "in_category"}
    config = SMALL.model_copy(update={"without": "text+similar_to+made_by"})
    less = fit(data, data.interactions, config, epochs=1)
    assert set(whole.relation_weights) - set(less.relation_weights) == {"similar_to", "made_by"}
    assert "project" not in less.tensors
    with pytest.raises(ModelError, match=r"no relation made_buy here, but .*made_by.*, text"):
        fit(data, data.interactions, SMALL.model_copy(update={"without": "made_buy"}), epochs=1)


def test_nobody_with_two_items_is_refused() -> None:
    data = fake_shop()
    one_each = data.interactions.drop_duplicates("user")
    with pytest.raises(ModelError, match="No user has two items"):
        fit(data, one_each, SMALL, epochs=1)


def test_the_scorer_is_the_formula() -> None:
    context = np.array([[1, 0], [0, 2], [1, 1]], dtype=np.float32)
    target = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    known = sp.csr_matrix(np.array([[3, 2, 0]], dtype=np.float32))
    age = sp.csr_matrix((np.array([0, 1], dtype=np.float32), known.indices, known.indptr), known.shape)
    asked = everybody(Histories(known, age))
    linear = sp.csr_matrix(np.array([[0, 0, 0.5], [0, 0, 0.25], [9, 9, 0]], dtype=np.float32))
    # u = 3(1, 0) + 2(0, 2) = (3, 4), length 5
    np.testing.assert_allclose(vector_scorer(context, target, linear, Blend())(asked), [[0.6, 0.8, 1.0]])
    # and 2 * (3 * 0.5 + 2 * 0.25) for the last item
    blend = Blend(linear=2.0)
    np.testing.assert_allclose(vector_scorer(context, target, linear, blend)(asked), [[0.6, 0.8, 5.0]])
    # the older item counts half: u = 3(1, 0) + 1(0, 2) = (3, 2)
    blend, length = Blend(fade=np.log(2)), np.sqrt(13)
    np.testing.assert_allclose(
        vector_scorer(context, target, linear, blend)(asked),
        [[3 / length, 2 / length, 3.4 / length]],
        rtol=1e-6,
    )
    u = user_vectors(
        torch.from_numpy(context), torch.tensor([0, 0]), torch.tensor([0, 1]), torch.tensor([3.0, 2.0]), 1
    )
    torch.testing.assert_close(u, torch.tensor([[0.6, 0.8]]))
