"""Page tokens: which items were shown already, in the token itself, so that nothing is kept between pages.

A position or a score would not do: events between two pages move items, and one that sinks would come again.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Sequence

from api.problems import bad_field
from api.schemas import LONGEST_TOKEN

_LONGEST_LIST = 5_000_000  # bytes, unpacked


def token_of(shown: Sequence[str]) -> str | None:
    """The token that keeps these item ids from coming again; None where it would become too long."""
    text = json.dumps(shown).encode()
    token = base64.urlsafe_b64encode(zlib.compress(text)).decode()
    return token if len(token) <= LONGEST_TOKEN and len(text) <= _LONGEST_LIST else None


def shown_by(token: str | None) -> list[str]:
    """The item ids in a token, none without one.

    Raises:
        InvalidRequestError: it is not a token.
    """
    if token is None:
        return []
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(base64.b64decode(token, altchars=b"-_", validate=True), _LONGEST_LIST)
        if not unpacking.eof:  # cut short, or larger than any of ours
            raise ValueError("incomplete")
        shown = json.loads(text)
    except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
        raise _not_ours(token) from error
    if not isinstance(shown, list) or not all(isinstance(item_id, str) for item_id in shown):
        raise _not_ours(token)
    return shown


def _not_ours(token: str) -> Exception:
    return bad_field("page_token", token[:100], "the next_page_token of an earlier answer, unchanged")
