"""An item's text: what the encoder reads."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def compose(item: Mapping[str, Any]) -> str:
    """One text from an item's properties, the most telling parts first, since encoders cut at the end.

    `attributes` is a JSON object as text; missing properties leave no trace.

    >>> compose({"title": "Oat rings", "brand": "Acme", "categories": ["Food", "Cereal"]})
    'Oat rings. Acme. Food, Cereal'
    """
    attributes = item.get("attributes")
    known = json.loads(attributes) if isinstance(attributes, str) else {}
    parts = [
        item.get("title"),
        item.get("brand"),
        ", ".join(_distinct(item.get("categories"))),
        item.get("description"),
        ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in sorted(known.items())),
    ]
    return ". ".join(p for part in parts if isinstance(part, str) and (p := " ".join(part.split())))


def text_hash(text: str) -> str:
    """Changes when the text does: 128 bits, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _distinct(names: Sequence[str] | None) -> list[str]:
    return list(dict.fromkeys(names if names is not None else ()))
