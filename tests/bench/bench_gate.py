"""Bar 6 of the fresh graph: of sound and damaged candidates the gate lets none of the damaged through.

    python -m tests.bench.bench_refresh --bars 6 --users 1500 --items 400

A made-up shop has a live model; then a last quarter comes. Five sound candidates are trained on all of it,
from the live model and anew; of ten others each is damaged in one way. Each is judged by both questions of
the gate against the same live model.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gnn.config import TrainConfig
from gnn.histories import Order
from gnn.pipeline import train_and_save
from gnn.store import SavedModel, load
from gnn.train import fit
from kg.console import say
from kg.dataset import ShopData, from_graph
from kg.driver import connect
from kg.settings import load_settings
from tests.bench.bench_publish import Bar, row, shopgraph
from tests.bench.market import LATE, write_market

Tensors = dict[str, Tensor]
SERVED, TWIN = "model.safetensors", "twin.safetensors"
# Those that the bar asks for; the others are harder to tell.
ASKED = ("shuffled vectors", "a tenth of the data", "leaked future", "a category zeroed", "popularity only")


class Shop(NamedTuple):
    """What candidates are made of."""

    data: ShopData
    home: Path
    live: SavedModel
    sound: SavedModel  # a candidate that damaged ones are copies of


def gate(home: Path, options: argparse.Namespace) -> Iterator[Bar]:
    """The bars, on a shop of its own in the graph of the settings."""
    words = f"python -m tests.bench.bench_refresh --bars 6 --users {options.users} --items {options.items}"
    shop, sound = prepared(home, options)
    verdicts = {name: verdict(version) for name, version in sound.items()}
    passed = [name for name, told in verdicts.items() if told["publish"]]
    damaged = {name: verdict(make(shop)) for name, make in DAMAGES.items()}
    for names, what in ((ASKED, ""), ([n for n in DAMAGES if n not in ASKED], "further ")):
        told = {name: damaged[name]["reason"] for name in names}
        through = [name for name in names if damaged[name]["publish"]]
        yield row(f"6 {what}damaged candidates published, of {len(told)}", len(through), 0, words, told=told)
    told = {name: of["reason"] for name, of in verdicts.items()}
    yield {"bar": f"6 sound candidates published, of {len(sound)}", "value": len(passed), "limit": ">= 3",
           "ok": len(passed) >= 3, "command": words, "told": told}  # fmt: skip


def prepared(home: Path, options: argparse.Namespace) -> tuple[Shop, dict[str, str]]:
    """The shop in the graph with its live model, and the versions of the sound candidates."""
    folder = home / "market"
    write_market(folder, options.users, options.items, until=LATE)
    for command in (
        ("graph", "ingest", str(folder)),
        ("graph", "encode"),
        ("gnn", "train"),
        ("gnn", "write-back"),
    ):
        shopgraph(*command)
    live = load(home)
    write_market(folder, options.users, options.items)
    for command in (("graph", "ingest", str(folder)), ("graph", "encode")):
        shopgraph(*command)
    with connect(load_settings()) as graph:
        data = from_graph(graph)
    plans: dict[str, tuple[TrainConfig, SavedModel | None]] = {
        "from the live model": (TrainConfig(), live),
        "from the live model, another seed": (TrainConfig(seed=1), live),
        "anew": (TrainConfig(seed=2), None),
        "anew, another seed": (TrainConfig(seed=3), None),
        "anew, shorter vectors": (TrainConfig(seed=4, dim=64), None),
    }
    sound = {
        name: train_and_save(data, home, config, ks=(20,), start=start).version
        for name, (config, start) in plans.items()
    }
    return Shop(data, home, live, load(home, sound["anew"])), sound


def verdict(version: str) -> dict[str, Any]:
    """What `shopgraph gnn gate` says and, of what it lets through, `shopgraph api gate`, as in a refresh."""
    told: dict[str, Any] = json.loads(shopgraph("gnn", "gate", version, "--json"))
    if told["publish"]:
        answers = json.loads(shopgraph("api", "gate", version, "--json"))
        told |= {"publish": answers["publish"], "reason": f"{told['reason']}; {answers['reason']}"}
    say(f"{version}: {'publish' if told['publish'] else 'refuse'}: {told['reason']}")
    return told


def copy(shop: Shop, name: str, change: Callable[[Tensors], Tensors], *files: str) -> str:
    """The version of a copy of the sound candidate with some of its files changed."""
    path = shop.home / "models" / f"damaged-{name}"
    shutil.copytree(shop.home / "models" / shop.sound.about.version, path)
    about = json.loads((path / "model.json").read_text()) | {"version": path.name}
    (path / "model.json").write_text(json.dumps(about))
    for file in files:
        changed = change(load_file(path / file))
        save_file({key: tensor.contiguous() for key, tensor in changed.items()}, path / file)
    return path.name


def shuffled(tensors: Tensors) -> Tensors:
    """Each item has the vectors of another one."""
    order = torch.from_numpy(np.random.default_rng(1).permutation(len(tensors["target"])))
    return tensors | {name: tensors[name][order] for name in ("context", "target")}


def popular(shop: Shop) -> Callable[[Tensors], Tensors]:
    """One direction for all, as long as an item is popular."""
    n_items = len(shop.data.items)
    bought = (
        np.log1p(np.bincount(shop.data.interactions["item"], minlength=n_items)).astype(np.float32) + 0.01
    )

    def change(tensors: Tensors) -> Tensors:
        context, target = torch.zeros_like(tensors["context"]), torch.zeros_like(tensors["target"])
        context[:, 0], target[:, 0] = 1, torch.from_numpy(bought)
        return tensors | {"context": context, "target": target,
                          "linear.data": torch.zeros_like(tensors["linear.data"])}  # fmt: skip

    return change


def category(shop: Shop, *, noise: bool) -> Callable[[Tensors], Tensors]:
    """The category that sells least loses its vectors, or gets others that say nothing."""
    first = shop.data.items["categories"].map(lambda names: names[0])
    sold = first[shop.data.interactions["item"]].value_counts()
    places = torch.from_numpy(np.flatnonzero(first == sold.index[-1]))

    def change(tensors: Tensors) -> Tensors:
        torch.manual_seed(1)
        changed = dict(tensors)
        for name in ("context", "target"):
            vectors = tensors[name].clone()
            other = torch.randn(len(places), vectors.shape[1])
            other *= vectors[places].norm(dim=1, keepdim=True) / other.norm(dim=1, keepdim=True)
            vectors[places] = other if noise else 0.0
            changed[name] = vectors
        return changed

    return change


def leaked(shop: Shop, share: float, seed: int) -> Callable[[Tensors], Tensors]:
    """What is judged was trained on the days that it is judged by, or on the first share of them."""
    about, rows = shop.sound.about, shop.data.interactions
    begin, end = about.judged_until or 0, int(rows["order"].max())
    known = rows[rows["order"] <= begin + share * (end - begin)]
    config = TrainConfig(**about.config).model_copy(update={"seed": seed})
    fitted = fit(shop.data, known, config, order=Order.STRICT, epochs=about.epochs)
    linear = {
        f"linear.{part}": torch.from_numpy(getattr(fitted.linear, part))
        for part in ("data", "indices", "indptr")
    }
    return lambda _: fitted.tensors | linear


def tenth(shop: Shop) -> str:
    """Trained anew on a tenth of the interactions."""
    rows = shop.data.interactions
    some = rows.sample(frac=0.1, random_state=1).sort_index()
    data = shop.data._replace(interactions=some.reset_index(drop=True))
    return train_and_save(data, shop.home, TrainConfig(seed=9), "time", ks=(20,)).version


DAMAGES: dict[str, Callable[[Shop], str]] = {
    "shuffled vectors": lambda shop: copy(shop, "shuffled", shuffled, SERVED),
    "a tenth of the data": tenth,
    "leaked future": lambda shop: copy(shop, "leaked", leaked(shop, 1.0, 8), TWIN),
    "a category zeroed": lambda shop: copy(shop, "zeroed", category(shop, noise=False), SERVED, TWIN),
    "popularity only": lambda shop: copy(shop, "popular", popular(shop), SERVED, TWIN),
    "shuffled before it was judged": lambda shop: copy(shop, "shuffled-both", shuffled, SERVED, TWIN),
    "half of the future leaked": lambda shop: copy(shop, "leaked-half", leaked(shop, 0.5, 8), TWIN),
    "a category of noise, where it serves": lambda shop: copy(
        shop, "noise", category(shop, noise=True), SERVED
    ),
    "a category of noise": lambda shop: copy(shop, "noise-both", category(shop, noise=True), SERVED, TWIN),
    "popularity only, where it serves": lambda shop: copy(shop, "popular-served", popular(shop), SERVED),
}
