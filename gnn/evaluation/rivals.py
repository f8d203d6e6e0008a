"""All models that the benchmark and `gnn tune` know, each with its parameters: one fitting call for all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import BaseModel

from gnn.config import TrainConfig
from gnn.evaluation.baselines import content_knn, ease, frequency, item_knn, popularity
from gnn.evaluation.evaluate import Judgement, Scorer
from gnn.evaluation.judgements import pairs, valid_judgement
from gnn.evaluation.params import (
    BprParams,
    ContentKnnParams,
    EaseParams,
    IalsParams,
    ItemKnnParams,
    LightGcnParams,
    Params,
)
from gnn.evaluation.rivals_learned import Learned, bpr, ials, lightgcn
from gnn.pipeline import fit_twice
from gnn.split import Split
from gnn.train import Fitted, fit
from kg.console import say
from kg.dataset import ShopData
from kg.errors import ModelError

FREQUENCY: Final = "frequency"  # of repeat purchases alone; the main judgement masks all that it knows
VALID_USERS: Final = int(TrainConfig().valid_users)  # that the rivals' epochs are chosen by, as the gnn's

# A line an epoch: epoch, metrics on validation, and for the gnn loss and seconds.
Curve = list[dict[str, float]]


class Chosen(NamedTuple):
    """A model fitted for the test part."""

    scorer: Scorer
    epochs: int  # 0 for models without epochs
    curve: Curve  # of the run that chose the epochs
    earlier: float = 0.0  # seconds that an interrupted run had trained before


class Rival(NamedTuple):
    """One of the models that the gnn is compared with."""

    params: type[Params]
    # The training pairs (1 each), the items' text vectors or None, parameters -> scorer
    plain: Callable[[sp.csr_matrix, npt.NDArray[np.float32] | None, Any], Scorer] | None = None
    # For models with epochs: see gnn.evaluation.rivals_learned
    learned: Callable[..., Learned] | None = None


def _content(_train: sp.csr_matrix, text: npt.NDArray[np.float32] | None, p: ContentKnnParams) -> Scorer:
    if text is None:
        raise ModelError("content-knn needs item texts, and this shop has none.")
    return content_knn(text, p.neighbours)


RIVALS: Final[dict[str, Rival]] = {
    "popularity": Rival(Params, lambda train, _text, _p: popularity(train)),
    "item-knn": Rival(ItemKnnParams, lambda train, _text, p: item_knn(train, p.neighbours, p.shrink)),
    "ease": Rival(EaseParams, lambda train, _text, p: ease(train, p.penalty)),
    "ials": Rival(IalsParams, learned=ials),
    "bpr": Rival(BprParams, learned=bpr),
    "lightgcn": Rival(LightGcnParams, learned=lightgcn),
    "content-knn": Rival(ContentKnnParams, _content),
}
MODELS: Final = (*RIVALS, "gnn")
SEEDED: Final = {"gnn", *(name for name, rival in RIVALS.items() if rival.learned)}


def parameters(name: str) -> type[BaseModel]:
    """The kind of parameters that a model takes.

    Raises:
        ModelError: there is no such model.
    """
    if name == "gnn":
        return TrainConfig
    if name == FREQUENCY:
        return Params
    if name not in RIVALS:
        raise ModelError(f"No model {name}; there are: {', '.join(MODELS)}.")
    return RIVALS[name].params


def fit_model(
    name: str, data: ShopData, parts: Split, params: BaseModel, seed: int, folder: Path | None = None
) -> Chosen:
    """A model fitted on train and valid, its epochs chosen on valid by one that knows train alone.

    Args:
        folder: where the gnn keeps its checkpoints.
    """
    if name == "gnn":
        config = cast(TrainConfig, params).model_copy(update={"seed": seed})
        chosen, judged = fit_twice(data, parts, config, folder)
        # Without the validation part both are one training.
        earlier = chosen.earlier + (judged.earlier if judged is not chosen else 0)
        return Chosen(judged.scorer, judged.epochs, _curve(chosen), earlier)
    if name == FREQUENCY:
        return Chosen(_frequency(data, parts), 0, [])
    rival = RIVALS[name]
    if rival.plain:
        return Chosen(rival.plain(pairs(data, parts.fitting), data.text, params), 0, [])
    on_valid = try_model(name, data, parts, params, seed)
    learned = cast(Callable[..., Learned], rival.learned)
    say(f"best epoch {on_valid.epochs}; again on train and validation together")
    judged_one = learned(pairs(data, parts.fitting), params, seed, epochs=on_valid.epochs)
    return Chosen(judged_one.scorer, on_valid.epochs, on_valid.curve)


def try_model(name: str, data: ShopData, parts: Split, params: BaseModel, seed: int) -> Chosen:
    """A model that knows train alone, its epochs chosen on valid; `curve` says how it did there.

    The scorer of a model with epochs may be of a later epoch than the best one.
    """
    if name == "gnn":
        config = cast(TrainConfig, params).model_copy(update={"seed": seed})
        valid = _valid(data, parts, config.valid_users)
        fitted = fit(data, parts.train, config, judged=valid, order=parts.order)
        return Chosen(fitted.scorer, fitted.epochs, _curve(fitted))
    rival = RIVALS[name]
    known = pairs(data, parts.train)
    if rival.plain:
        return Chosen(rival.plain(known, data.text, params), 0, [])
    learned = cast(Callable[..., Learned], rival.learned)
    done = learned(known, params, seed, judged=_valid(data, parts, VALID_USERS))
    return Chosen(done.scorer, done.epochs, [{"epoch": epoch, **table} for epoch, table in done.curve])


def _valid(data: ShopData, parts: Split, n_users: int) -> Judgement:
    return valid_judgement(data, parts).some_users(n_users)


def _curve(fitted: Fitted) -> Curve:
    return [{"epoch": e.epoch, "loss": e.loss, "seconds": e.seconds, **e.metrics} for e in fitted.curve]


def _frequency(data: ShopData, parts: Split) -> Scorer:
    by_pair = parts.fitting.groupby(["user", "item"])["order"]
    times, last = by_pair.size(), by_pair.max()
    of_user = last.groupby("user")
    place = of_user.rank(method="first").to_numpy() / (of_user.transform("size").to_numpy() + 1)
    at = times.index.get_level_values("user"), times.index.get_level_values("item")
    shape = len(data.users), len(data.items)
    return frequency(sp.csr_matrix((times.to_numpy(float), at), shape), sp.csr_matrix((place, at), shape))
