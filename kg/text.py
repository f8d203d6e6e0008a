"""An item's text: what the encoder reads."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

NEIGHBOURS: Final = 10  # text neighbours that an item keeps at most


def compose(item: Mapping[str, Any]) -> str:
    """One text from an item's properties, the most telling parts first, since encoders cut at the end.

    `attributes` is a JSON object as text, and speaks only for an item without a description: lists of figures
    blur the vector of a text that says what the item is. Missing properties leave no trace.

    >>> compose({"title": "Oat rings", "brand": "Acme", "categories": ["Food", "Cereal"]})
    'Oat rings. Acme. Food, Cereal'
    >>> compose({"title": "Shirt", "attributes": '{"size": ["S", "M"]}'})
    'Shirt. size S M'
    """
    attributes = item.get("attributes")
    known = json.loads(attributes) if isinstance(attributes, str) else {}
    facts = ", ".join(f"{key.replace('_', ' ')} {_told(value)}" for key, value in sorted(known.items()))
    parts = [
        _plain(item.get("title")),
        _plain(item.get("brand")),
        _plain(", ".join(_distinct(item.get("categories")))),
        _plain(item.get("description")) or _plain(facts),
    ]
    return ". ".join(part for part in parts if part)


def text_hash(text: str) -> str:
    """Changes when the text does: 128 bits, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _told(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(part: object) -> str:
    return " ".join(part.split()) if isinstance(part, str) else ""


def _distinct(names: Sequence[str] | None) -> list[str]:
    return list(dict.fromkeys(names if names is not None else ()))
