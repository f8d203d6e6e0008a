"""What a verdict of the gate holds besides, in tests that do not look at it."""

from typing import Any, Final

NOTHING_TOLD: Final[dict[str, Any]] = dict.fromkeys(
    ("trained_at", "known_items", "metrics", "config", "until")
)
