"""Words that are for a shop's staff and not about its goods: "opening hours?", "where is my order"."""

import re
from collections.abc import Callable
from typing import Final

from api.ranking.signals import Words
from api.state.snapshot import Vectors

STAFF: Final = (
    "what are your opening hours", "when is the store open", "where is your shop", "where is my order",
    "track my delivery", "how long does shipping take", "how much is shipping", "do you ship abroad",
    "cancel my order", "change my delivery address", "can I return this item", "how do I get a refund",
    "how does the warranty work", "what is your phone number", "contact customer service", "talk to an agent",
    "which payment methods do you accept", "how do I pay with paypal", "do you have a discount code",
    "forgot my password", "log in to my account", "delete my account", "are you hiring",
    "what is the weather today", "who is the president", "tell me a joke",
)  # fmt: skip
ASTRAY: Final = "The words seem to be about something else than goods: what comes is nearest to them."
_FOR_STAFF = 0.5  # cosine to one of these from which on words may be meant so
_MARGIN = 0.15  # by which it exceeds that to any item: a shop that sells signs with opening hours has them
_STRANGE = 0.25  # below this cosine to every item the words are about something else
_ASKED = re.compile(r"^(?:who|what|when|where|why|how)\b")


def for_staff(vector: Vectors, encode: Callable[[str], Vectors]) -> float:
    """The cosine of words to the nearest question for the staff.

    Args:
        vector: that of the words, unit length.
        encode: remembers the vectors that it gave.
    """
    return max(float(encode(question) @ vector) for question in STAFF)


def out_of_scope(words: str, known: float, said: Words) -> float:
    """How sure it is that words are about something else than goods; 0 where nothing speaks for it.

    Args:
        known: share of the words that some item is written in.
    """
    to_staff = said.staff > _FOR_STAFF
    if not to_staff and known >= 0.5 and not _ASKED.match(words.casefold()):
        return 0.0  # to look at all texts takes time
    nearest = float(said.near.max(initial=-1.0))
    if to_staff and nearest < said.staff - _MARGIN:
        return said.staff
    return max(1 - known, 0.5) if nearest < _STRANGE else 0.0
