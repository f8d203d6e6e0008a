"""Reasons: the parts of a score in words, and the ways through the graph behind them."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from api.ranking.signals import Boost, Edge, Floats, Need, Numbers, Part, Seed
from api.schemas.answers import PartType, Path, Reason
from kg.driver import Row
from kg.queries import Query, load

NAMED = 5  # reasons an item names; the small rest of each type is summed into one
_WAYS = 2  # ways through the graph that an item shows
_Q = load("api")
_DID = {"VIEWED": "viewed", "ADDED_TO_CART": "put in the cart", "BOUGHT": "bought", "RATED": "rated"}
_TIED = {
    "BOUGHT_WITH": "Bought together with",
    "VIEWED_WITH": "Viewed together with",
    "COMPLEMENTS": "Goes with",
    "SUBSTITUTES": "Can replace",
}

Title = Callable[[str], str | None]


class Told(NamedTuple):
    """The parts of some items' scores, put together once for all of the items."""

    parts: Sequence[Part]
    values: Floats  # [parts, items]
    importance: Floats  # [parts, items]: what the item would lose without the part
    types: Sequence[PartType]  # each that there is
    type_of: Numbers  # its place among these, [parts]


def told(parts: Sequence[Part], n_items: int) -> Told:
    """Put the parts together."""
    values = np.array([part.values for part in parts], dtype=np.float64).reshape(len(parts), n_items)
    unknown = np.full(n_items, np.nan)
    lost = np.array([unknown if part.lost is None else part.lost for part in parts]).reshape(values.shape)
    place = {name: n for n, name in enumerate(dict.fromkeys(part.type for part in parts))}
    type_of = np.array([place[part.type] for part in parts], dtype=np.int64)
    return Told(parts, values, np.where(np.isnan(lost), values, lost), list(place), type_of)


def reasons_of(told: Told, column: int, words: str | None, shoppers: int, title: Title) -> list[Reason]:
    """The reasons of the item in `column`; they sum to its score.

    First comes what the item would lose most without: for a past item that is not quite its contribution,
    since the user's vector would have another length. What is too small to be named is summed up at the end.
    """
    values, importance = told.values[:, column], told.importance[:, column]
    order = np.argsort(-np.abs(importance), kind="stable")
    order = order[values[order] != 0]
    named, small = order[:NAMED], order[NAMED:]
    positive = float(values[values > 0].sum()) or 1.0
    reasons = []
    for n in named[np.argsort(-importance[named], kind="stable")].tolist():
        part = told.parts[n]
        item_id = _cause_id(part)
        label = (title(item_id) or item_id) if item_id else None
        sentence = (_sentence if values[n] > 0 else _objection)(part, label, words, shoppers)
        reasons.append(_reason(part.type, item_id, label, _name(part), sentence, float(values[n]), positive))
    types = told.type_of[small]
    rest, count = np.bincount(types, values[small], len(told.types)), np.bincount(types)
    for n in dict.fromkeys(types.tolist()):
        text = f"{count[n]} more of this kind ({told.types[n]}), each small."
        reasons.append(_reason(told.types[n], None, None, None, text, float(rest[n]), positive))
    return reasons


def source_of(told: Told, column: int) -> str:
    """The type of reason that adds most to the item in `column`; none where nothing speaks for it."""
    sums = np.bincount(told.type_of, told.values[:, column], len(told.types))
    return told.types[int(sums.argmax())] if len(sums) else "none"


def causes(item_id: str, reasons: Iterable[Reason]) -> list[Reason]:
    """The reasons whose ways through the graph are worth showing: the two largest that come from a node."""
    found: dict[tuple[str | None, str | None], Reason] = {}
    for reason in reasons:
        from_item = reason.item_id is not None and reason.item_id != item_id
        if reason.contribution > 0 and (from_item or reason.type == "intent"):
            found.setdefault((reason.item_id, reason.name), reason)
    return list(found.values())[:_WAYS]


def paths_of(
    item_id: str,
    reasons: Sequence[Reason],
    found: dict[tuple[str, str], Row],
    events: dict[str, str],
    user_id: str | None,
    slot: str,
) -> list[Path]:
    """The ways behind an item's largest reasons.

    Args:
        found: rows of api.paths by (from, to). A pair without one is tied by the learned vectors alone.
        events: relationship type between the user and each of their past items.
        slot: that of the model that scored.
    """
    paths = []
    for reason in causes(item_id, reasons):
        if (cause := reason.item_id) is None:
            cypher = pasteable(_Q.browse_intent_path, text=reason.name, item_id=item_id)
            nodes, types = [f"Intent:{reason.name}", f"Item:{item_id}"], ["SATISFIED_BY"]
            paths.append(Path(nodes=nodes, relationships=types, cypher=cypher))
            continue
        row = found.get((cause, item_id))
        nodes = list(row["nodes"]) if row else [f"Item:{cause}", f"Item:{item_id}"]
        types = list(row["relationships"]) if row else ["(learned)"]
        if user_id is not None and cause in events:
            nodes, types = [f"User:{user_id}", *nodes], [events[cause], *types]
            cypher = pasteable(
                _Q.browse_user_path, user_id=user_id, from_id=cause, item_id=item_id, slot=slot
            )
        else:
            cypher = pasteable(_Q.browse_item_path, from_id=cause, item_id=item_id, slot=slot)
        paths.append(Path(nodes=nodes, relationships=types, cypher=cypher))
    return paths or [
        Path(nodes=[f"Item:{item_id}"], relationships=[], cypher=pasteable(_Q.browse_item, item_id=item_id))
    ]


def pasteable(query: Query, **params: Any) -> str:
    """A query with its parameters written out, for a person to paste into Neo4j Browser; never run by us."""
    return re.sub(r"\$(\w+)", lambda m: json.dumps(params[m[1]]), query.text)


def _cause_id(part: Part) -> str | None:
    if isinstance(part.cause, Edge):
        return part.cause.seed_id
    return part.cause.item_id if isinstance(part.cause, Seed) else None


def _name(part: Part) -> str | None:
    return part.cause.name if isinstance(part.cause, Boost | Need) else None


def _sentence(part: Part, label: str | None, words: str | None, shoppers: int) -> str:
    if isinstance(part.cause, Edge):
        times = f" ({part.cause.times} times)" if part.cause.times > 1 else ""
        return f"{_TIED[part.cause.type]} {label}{times}."
    if isinstance(part.cause, Seed):
        match part.type:
            case "history":
                return f"You {_DID[part.cause.event]} {label}."
            case "session":
                return f"You looked at {label} in this session."
            case _:
                return f"Suits {label}, which you are looking at."
    if isinstance(part.cause, Boost):
        return part.cause.text
    if isinstance(part.cause, Need):
        return f"Chosen by others who asked for “{part.cause.name}”."
    if part.type == "words":
        return f"Matches “{words}”."
    if part.type == "trend":
        return "Chosen more than others of late."
    if part.type == "novelty":
        return "For how new it is."
    if part.type == "discount":
        return "For costing less than usual."
    if part.type == "season":
        return "For the time of the year."
    return f"Chosen by {shoppers:,} shoppers."


def _objection(part: Part, label: str | None, words: str | None, shoppers: int) -> str:
    """What a part says that takes from the score."""
    sentence = _sentence(part, label, words, shoppers)
    if isinstance(part.cause, Boost):
        return sentence
    if part.type == "season":
        return "Less wanted at this time of the year."
    return f"Not like “{words}”." if part.type == "words" else f"Counts against it: {sentence}"


def _reason(
    type_: Any,
    item_id: str | None,
    label: str | None,
    name: str | None,
    text: str,
    value: float,
    positive: float,
) -> Reason:
    share = round(100 * max(value, 0.0) / positive, 1)
    return Reason.model_construct(
        type=type_, item_id=item_id, title=label, name=name, text=text, contribution=value, share=share
    )
