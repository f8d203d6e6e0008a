"""The gate lets better models through and none that is broken; training starts from an earlier one."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import load_file, save_file

from gnn.config import TrainConfig
from gnn.evaluation.evaluate import Asked, Judgement, target_ranks
from gnn.evaluation.slices import Slice
from gnn.gate import Found, _compare, _reason, comparable, judge
from gnn.gating import gated
from gnn.histories import Order
from gnn.model import ItemGraphModel
from gnn.pipeline import train_and_save
from gnn.store import SavedModel, load
from gnn.train import fit
from gnn.warm import start_from
from kg.dataset import ShopData
from kg.driver import Graph
from kg.errors import ModelError
from kg.models import gates
from kg.queries import parse
from tests.gnn.fake import fake_shop

CONFIG = TrainConfig(dim=16, max_epochs=6, precision="float32")
ITEMS = parse(
    "gate",
    """
// name: items
// Some items.
// params: ids (list of str)
// returns: nothing
UNWIND $ids AS id
CREATE (:Item {itemId: id})
""",
)["items"]


def shop(n_users: int = 400, n_items: int = 60) -> ShopData:
    """Two kinds of people and two halves of the catalogue, over one stretch of time."""
    rng = np.random.default_rng(3)
    half, rows = n_items // 2, []
    for user in range(n_users):
        bought = rng.choice(half, size=8, replace=False) + half * (user % 2)
        rows += [
            (user, int(item), int(time))
            for item, time in zip(bought, rng.integers(1_000_000, size=8), strict=True)
        ]
    events = pd.DataFrame(rows, columns=["user", "item", "order"]).assign(
        basket=None, type="purchase", weight=np.float32(1)
    )
    items = pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(n_items)], "text": "", "brand": None, "price": 1.0,
            "categories": [["left"] if n < half else ["right"] for n in range(n_items)],
        }
    )  # fmt: skip
    events = events.astype({"user": np.int32, "item": np.int32, "type": "category", "basket": object})
    events = events.sort_values(["user", "order", "item"], ignore_index=True)
    users = np.array([f"u{n}" for n in range(n_users)])
    return ShopData(items, users, events, True, fake_shop().relations.iloc[:0], None)


def until(data: ShopData, time: int) -> ShopData:
    return data._replace(interactions=data.interactions[data.interactions["order"] <= time])


def vectors(model: SavedModel, **changes: torch.Tensor) -> SavedModel:
    return model._replace(tensors=model.tensors | changes)


@pytest.fixture(scope="module")
def data() -> ShopData:
    return shop()


@pytest.fixture(scope="module")
def home(data: ShopData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model, trained on all but the newest tenth and then on everything."""
    folder = tmp_path_factory.mktemp("home")
    train_and_save(data, folder, CONFIG, "time", ks=(20,))
    return folder


def test_without_a_live_model_it_must_beat_popularity(data: ShopData, home: Path) -> None:
    candidate, twin = load(home), load(home, twin=True)
    assert not torch.equal(candidate.tensors["context"], twin.tensors["context"])
    assert candidate.about.until == int(data.interactions["order"].max())
    assert twin.about.judged_until is not None
    assert twin.about.judged_until < candidate.about.until
    verdict = judge(data, candidate, twin, None)
    assert verdict.publish, verdict.reason
    assert verdict.overall["difference"] > 0
    assert verdict.users > 100


def test_damaged_vectors_are_refused(data: ShopData, home: Path) -> None:
    candidate, twin = load(home), load(home, twin=True)
    order = torch.from_numpy(np.random.default_rng(1).permutation(len(data.items)))
    shuffled = {"target": candidate.tensors["target"][order]}
    served = judge(data, vectors(candidate, **shuffled), twin, None)
    assert not served.publish
    assert "they were damaged" in served.reason
    both = judge(
        data, vectors(candidate, **shuffled), vectors(twin, target=twin.tensors["target"][order]), None
    )
    assert not both.publish
    left = candidate.tensors["target"].clone()
    left[:30] = -left[:30]
    one = judge(data, vectors(candidate, target=left), twin, None)
    assert not one.publish


@pytest.mark.parametrize(("found", "damaged"), [(1.0, False), (0.9, False), (0.6, True)])
def test_only_a_fall_by_more_than_a_fifth_is_damage(found: float, damaged: bool) -> None:
    """The twin has all of what 200 users wanted at the first place, the vectors that would serve a part."""
    users, nothing = np.arange(200), sp.csr_matrix((200, 40), dtype=np.float32)
    targets = sp.csr_matrix((np.ones(200, np.float32), (users, users % 20)), shape=(200, 40))
    judged = Judgement(Asked(users, nothing, nothing), targets)
    other = np.broadcast_to(np.arange(20, 40, dtype=np.int32), (200, 20))
    right, some = other.copy(), other.copy()
    right[:, 0] = users % 20
    some[: int(200 * found), 0] = right[: int(200 * found), 0]
    served, twin = (Found(ranking, targets) for ranking in (some, right))
    row = _compare(Slice("overall", users, None), judged, served, twin, same=True)
    assert (row["candidate"], row["live"]) == (found, 1)
    refused = _reason(row | {"difference": 0.1}, {}, {"overall": row})
    assert (refused is not None and "they were damaged" in refused) == damaged


def test_items_that_are_new_to_the_twin_alone_are_no_damage() -> None:
    every = np.arange(3)
    segments = [Slice(name, every, None) for name in ("items: new", "items: others", "category: left")]
    assert [one.name for one in comparable(segments)] == ["items: others", "category: left"]


def test_a_model_that_knows_the_answers_is_refused(data: ShopData, home: Path) -> None:
    candidate, twin = load(home), load(home, twin=True)
    honest = judge(data, candidate, twin, None)
    assert honest.publish, honest.reason
    assert [gain["unknown"] > gain["known"] for gain in honest.learned] == [True] * len(honest.learned)
    newest = data.interactions["order"].max()
    half = int((newest + (twin.about.judged_until or 0)) / 2)
    for known, seed in ((newest, 0), (newest, 5), (half, 5)):
        told = data.interactions[data.interactions["order"] <= known]
        config = CONFIG.model_copy(update={"seed": seed})
        how = {"epochs": candidate.about.epochs, "blend": candidate.about.blend}
        fitted = fit(data, told, config, order=Order.STRICT, **how)
        leaked = judge(data, candidate, twin._replace(tensors=fitted.tensors, linear=fitted.linear), None)
        assert leaked.overall["candidate"] > honest.overall["candidate"]
        assert not leaked.publish
        assert "seems to know the days that it is judged by" in leaked.reason


def test_ranks_count_what_scores_better_and_half_of_what_scores_alike() -> None:
    history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0]], np.float32))
    wanted = sp.csr_matrix(np.array([[0, 1, 0, 1, 1]], np.float32))
    judged = Judgement(Asked(np.array([0]), history, history), wanted)
    scores = np.array([[9, 5, 7, 5, 1]], np.float32)  # the first is the user's own: it does not count
    assert target_ranks(lambda _: scores, judged).tolist() == [2.5, 2.5, 4.0]


def test_against_a_live_model_only_what_neither_has_seen_counts(
    data: ShopData, home: Path, tmp_path: Path
) -> None:
    early = until(data, 800_000)
    train_and_save(early, tmp_path, TrainConfig(dim=16, max_epochs=1, precision="float32"), "time", ks=(20,))
    live = load(tmp_path)
    candidate, twin = load(home), load(home, twin=True)
    verdict = judge(data, candidate, twin, live)
    assert verdict.since == max(live.about.until or 0, twin.about.judged_until or 0)
    assert set(verdict.segments) >= {"category: left", "category: right"}
    # The same model against itself, which has seen it all: nothing is left to judge by.
    same = judge(data, candidate, twin, candidate)
    assert not same.publish
    assert "only 0 users" in same.reason


def test_a_model_against_one_that_is_better_in_half_of_the_shop(data: ShopData, home: Path) -> None:
    candidate, twin = load(home), load(home, twin=True)
    live = twin._replace(about=twin.about._replace(until=twin.about.judged_until, version="live"))
    worse = twin.tensors["target"].clone()
    worse[30:] = -worse[30:]
    verdict = judge(data, vectors(candidate, target=worse), vectors(twin, target=worse), live)
    assert not verdict.publish
    assert verdict.reason.startswith("not better overall")
    right, left = verdict.segments["category: right"], verdict.segments["category: left"]
    assert right["rank"] < 0.5
    assert left["rank"] == 1
    assert right["candidate"] < right["live"] / 2
    assert right["high"] < 0
    assert left["difference"] == 0


def turned(model: SavedModel, items: slice) -> SavedModel:
    """The model with some items' vectors damaged."""
    target = model.tensors["target"].clone()
    target[items] = -target[items]
    return vectors(model, target=target)


def test_damage_in_one_segment_is_refused_where_the_whole_is_better(data: ShopData, home: Path) -> None:
    candidate, twin = load(home), load(home, twin=True)
    live = turned(twin, slice(0, 36))  # the left half, and a little of the right
    live = live._replace(about=live.about._replace(until=twin.about.judged_until, version="live"))
    half = slice(30, 60)
    verdict = judge(data, turned(candidate, half), turned(twin, half), live)
    assert verdict.overall["difference"] > 0
    assert not verdict.publish
    right = verdict.segments["category: right"]
    told = f"ndcg@20 {right['candidate']:.4f} against {right['live']:.4f}, p {right['p']:.4f}"
    assert verdict.reason == f"clearly worse in category: right: {told}"


def test_vectors_that_would_serve_are_refused_for_one_segment(data: ShopData, home: Path) -> None:
    candidate, twin = load(home), load(home, twin=True)
    verdict = judge(data, turned(candidate, slice(0, 26)), twin, None)
    assert verdict.served["difference"] > 0
    assert {"serving", "judged"} <= verdict.served.keys()
    assert not verdict.publish
    assert "(category: left: ndcg@20 " in verdict.reason


def test_one_segment_that_is_clearly_worse_refuses_what_is_better_overall() -> None:
    same = {"users_p": 0.9, "rank": 1.0, "rank_p": 0.9}
    better = {"candidate": 0.1, "live": 0.09, "difference": 0.01, "p": 0.001, **same}
    worse = {"candidate": 0.1, "live": 0.2, "difference": -0.1, "p": 0.012, **same}
    luck = {"candidate": 0.1, "live": 0.11, "difference": -0.01, "p": 0.02, **same}
    fine = {"overall": better}
    assert _reason(better, {"a": better, "b": better}, fine) is None
    # Holm, three segments, half of 0.05 for each of two figures: 0.001 < 0.025 / 3, then 0.012 < 0.025 / 2;
    # 0.02 among three is no longer sure.
    told = _reason(better, {"a": better, "b": worse, "c": better | {"p": 0.9}}, fine)
    assert told == "clearly worse in b: ndcg@20 0.1000 against 0.2000, p 0.0120"
    assert _reason(better, {"a": luck, "b": better | {"p": 0.9}, "c": better | {"p": 0.8}}, fine) is None
    # By the users alone, where ranks agree that it hangs on no single item.
    seen = luck | {"p": 0.3, "users_p": 0.001, "rank": 0.25, "rank_p": 0.002}
    told = _reason(better, {"a": better, "b": seen}, fine)
    assert told == (
        "clearly worse in b: ndcg@20 0.1000 against 0.1100, and what was wanted ranks 0.25 times as high, "
        "p 0.0020"
    )
    for one in ({"rank_p": 0.3}, {"users_p": 0.3}, {"rank": 1.1}, {"difference": 0.01}):
        assert _reason(better, {"a": better, "b": seen | one}, fine) is None
    damaged = _reason(better, {}, {"overall": better, "a": worse})
    assert damaged is not None
    assert "they were damaged" in damaged


@pytest.mark.parametrize(
    ("damage", "reason"), [("nan", "is not finite"), ("size", "all must be"), ("cut", "is broken")]
)
def test_broken_files_are_refused_with_the_reason(
    graph: Graph, home: Path, tmp_path: Path, damage: str, reason: str
) -> None:
    good = load(home)
    folder = tmp_path / "models" / good.about.version
    folder.mkdir(parents=True)
    for name in ("model.json", "twin.safetensors", "model.safetensors"):
        (folder / name).write_bytes((home / "models" / good.about.version / name).read_bytes())
    file = folder / "model.safetensors"
    tensors = load_file(file)
    if damage == "nan":
        tensors["context"][3, 0] = torch.nan
        save_file(tensors, file)
    elif damage == "size":
        tensors["target"] = tensors["target"][:, :5].contiguous()
        save_file(tensors, file)
    else:
        file.write_bytes(file.read_bytes()[:5_000])
    graph.write(ITEMS, ids=good.about.item_ids)
    verdict = gated(graph, tmp_path, None)
    assert not verdict.publish
    assert reason in verdict.reason
    stored = gates(graph, good.about.version)
    assert [(row["publish"], row["reason"]) for row in stored] == [(False, verdict.reason)]


def test_training_starts_from_an_earlier_model_and_is_judged_on_what_it_has_not_seen(
    data: ShopData, tmp_path: Path
) -> None:
    train_and_save(until(data, 800_000), tmp_path, CONFIG, "time", ks=(20,))
    first = load(tmp_path)
    about = train_and_save(data, tmp_path, CONFIG, ks=(20,), start=first)
    assert about.split == f"since:{first.about.until}"
    assert first.about.until is not None
    assert about.judged_until is not None
    assert first.about.until < about.judged_until < (about.until or 0)
    with pytest.raises(ModelError, match="does not say what it was trained on"):
        train_and_save(data, tmp_path, CONFIG, start=first._replace(about=first.about._replace(until=None)))


def test_what_is_dated_ahead_hides_nothing_that_comes_after_training(data: ShopData, tmp_path: Path) -> None:
    ahead = data.interactions.copy()
    ahead.loc[ahead["order"].idxmax(), "order"] = int(time.time()) + 80_000
    about = train_and_save(data._replace(interactions=ahead), tmp_path, CONFIG, "time", ks=(20,))
    assert about.until is not None
    assert about.until <= time.time()


def test_training_begins_anew_where_all_that_came_since_is_of_newcomers(
    data: ShopData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_and_save(until(data, 800_000), tmp_path, CONFIG, "time", ks=(20,))
    first = load(tmp_path)
    rows = data.interactions
    late = rows["order"] > (first.about.until or 0)
    numbers = np.arange(int(late.sum())) // 2 + len(data.users)
    rows = rows.assign(user=rows["user"].mask(late, pd.Series(numbers, index=rows.index[late])))
    users = np.concatenate([data.users, [f"newcomer-{n}" for n in np.unique(numbers)]])
    about = train_and_save(
        data._replace(users=users, interactions=rows), tmp_path, CONFIG, ks=(20,), start=first
    )
    assert about.split == "leave-one-out"  # nor can they be judged by time
    assert "So training begins anew" in capsys.readouterr().err


def test_parameters_are_copied_by_id_and_new_items_start_from_text(home: Path) -> None:
    saved = load(home)
    texts = vectors(saved, project=torch.rand(4, 32))
    ids = ["told", "untold", *reversed(saved.about.item_ids)]
    text = torch.ones(len(ids), 4)
    text[1] = 0
    model = ItemGraphModel(torch.rand(len(ids), 16), text, 1)
    start_from(model, texts, ids, list(saved.about.relation_weights)[:1])
    assert not model.id[0].any()
    assert model.id[1].all()  # else nothing would say where it is
    assert torch.equal(model.id[2:].detach(), saved.tensors["id"].flip(0))
    assert torch.equal(model.project.detach(), texts.tensors["project"])
    plain = ItemGraphModel(torch.rand(len(ids), 16), None, 1)
    start_from(plain, saved, ids, [])
    assert plain.id[:2].all()
    with pytest.raises(ModelError, match="has other sizes"):
        start_from(ItemGraphModel(torch.rand(len(ids), 8), None, 1), saved, ids, [])
