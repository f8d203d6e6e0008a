"""Page tokens: which items were shown already, in the token itself, so that nothing is kept between pages.

A position or a score would not do: events between two pages move items, and one that sinks would come again.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from api.problems import bad_field
from api.schemas import LONGEST_TOKEN

_LONGEST_LIST = 5_000_000  # bytes, unpacked


class Page(NamedTuple):
    """What came before a page."""

    shown: list[str]  # ids of the items on the pages before
    elsewhere: list[str]  # ids of the items that other answers of their batch show


def token_of(shown: Sequence[str], elsewhere: Collection[str] = ()) -> str | None:
    """The token that keeps these item ids from coming again; None where it would become too long."""
    text = json.dumps([list(shown), list(elsewhere)]).encode()
    token = base64.urlsafe_b64encode(zlib.compress(text)).decode()
    return token if len(token) <= LONGEST_TOKEN and len(text) <= _LONGEST_LIST else None


def shown_by(token: str | None) -> Page:
    """The item ids in a token, none without one.

    Raises:
        InvalidRequestError: it is not a token.
    """
    if token is None:
        return Page([], [])
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(base64.b64decode(token, altchars=b"-_", validate=True), _LONGEST_LIST)
        if not unpacking.eof:  # cut short, or larger than any of ours
            raise ValueError("incomplete")
        page = Page(*json.loads(text))
    except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError) as error:
        raise _not_ours(token) from error
    if not all(isinstance(ids, list) and all(isinstance(i, str) for i in ids) for ids in page):
        raise _not_ours(token)
    return page


def _not_ours(token: str) -> Exception:
    return bad_field("page_token", token[:100], "the next_page_token of an earlier answer, unchanged")
