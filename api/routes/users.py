"""DELETE /v1/users/{id}."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from api.routes.guard import LedgerOf, guarded
from api.schemas.conditions import Strict
from api.writer import WriterOf
from kg.live.erasure import erase
from kg.live.event_shape import Key

users = APIRouter(**guarded, tags=["users"])


class Erased(Strict):
    """Proof of an erasure."""

    user_id: str = Field(description="As given.", examples=["A1YJEY40YUW4SE"])
    deleted: dict[str, int] = Field(
        description="What there was, by label or relationship type.",
        examples=[{"User": 1, "Event": 3, "Answer": 12, "BOUGHT": 2}],
    )
    left: dict[str, int] = Field(
        description="What there is now, looked up in the same transaction.",
        examples=[{"User": 0, "Event": 0, "Answer": 0}],
    )


@users.delete("/users/{user_id:path}")
async def delete(
    user_id: Annotated[Key, Path(description="The shopper.", examples=["A1YJEY40YUW4SE"])],
    writer: WriterOf,
    ledger: LedgerOf,
) -> Erased:
    """Erase a shopper: node, edges, events, answers. Counts such as BOUGHT_WITH follow at the next build.

    Files and late events bring back nothing of what happened until now. An anonymous session is the user
    session:<its id>.
    """
    ledger.forget(user_id)
    deleted, left = await writer.transact("erasure", partial(erase, user_id=user_id))
    return Erased(user_id=user_id, deleted=deleted, left=left)
