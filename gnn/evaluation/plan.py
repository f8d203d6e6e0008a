"""Which models a benchmark or a search runs, with which parameters: from what a person typed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gnn.evaluation.params import checked
from gnn.evaluation.rivals import parameters
from kg.errors import ModelError


class Planned(NamedTuple):
    """One row of the report."""

    label: str  # as it was asked for: "ease", "gnn:id_dropout=0"
    model: str
    params: dict[str, Any]  # all of them, checked


def planned(
    asked: Sequence[str],
    gnn: dict[str, Any] | None = None,
    tuned: dict[str, dict[str, Any]] | None = None,
) -> list[Planned]:
    """The models that were asked for.

    A model may carry parameters of its own after a colon, so that a variant runs beside the model itself:
    "gnn:id_dropout=0", "ease:penalty=200", "ials:factors=64;alpha=20".

    Args:
        gnn: parameters of every gnn, names and values.
        tuned: parameters of each model, as `gnn tune` chose them; `gnn` and those after a colon go before.

    Raises:
        ModelError: a model or a parameter is not known, or a value does not do.
    """
    rows = []
    for label in dict.fromkeys(asked):
        model, _, own = label.partition(":")
        kind = parameters(model)
        values = dict((tuned or {}).get(model, {}))
        if model == "gnn":
            values |= gnn or {}
        values |= settings(own.split(";") if own else [])
        rows.append(Planned(label, model, checked(kind, values, model).model_dump()))
    return rows


def settings(pairs: Sequence[str]) -> dict[str, str]:
    """Names and values.

    >>> settings(["dim=64", "temperature=0.1"])
    {'dim': '64', 'temperature': '0.1'}

    Raises:
        ModelError: one of them is not NAME=VALUE.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ModelError(f"{pair!r} is not NAME=VALUE, for example temperature=0.1.")
        found[name.strip()] = value.strip()
    return found


def read_tuned(path: Path) -> dict[str, dict[str, Any]]:
    """What `gnn tune` chose: model -> parameters.

    Raises:
        ModelError: the file is not one of `gnn tune`.
    """
    try:
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {name: dict(of["params"]) for name, of in models.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no result of shopgraph gnn tune ({error!r}).") from error
