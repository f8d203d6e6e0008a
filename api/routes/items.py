"""PUT, PATCH and DELETE of items."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.problems import ApiError, shown_id
from api.routes.guard import KeeperOf, guarded
from api.schemas.items import Item, ItemBatch, ItemResult, ItemResults
from api.state.serving import Keeper
from api.writer import Writer, WriterOf
from kg.live import item_shape as told_items
from kg.live.event_shape import Key
from kg.live.items import Deletion, ItemWrite, Stored, discard, store
from kg.live.newcomers import changed_texts, describe, encode, link

Judged = ItemWrite | Deletion | ItemResult
items = APIRouter(**guarded, tags=["items"])
ItemId = Annotated[Key, Path(description="The item.", examples=["B004756YJA"])]


@items.put("/items/{item_id:path}")
async def put(item_id: ItemId, body: Item, keeper: KeeperOf, writer: WriterOf) -> ItemResult:
    """A new item, or all that is known of an item."""
    return await _store_one(item_id, body, keeper, writer, whole=True)


@items.patch("/items/{item_id:path}")
async def patch(item_id: ItemId, body: Item, keeper: KeeperOf, writer: WriterOf) -> ItemResult:
    """Some fields of an item: its price, whether it is in stock, whether it is hidden."""
    return await _store_one(item_id, body, keeper, writer, whole=False)


@items.delete("/items/{item_id:path}")
async def delete(item_id: ItemId, keeper: KeeperOf, writer: WriterOf) -> ItemResult:
    """Delete an item with its edges. Once this answers, no recommendation has it."""
    (result,) = await _store([Deletion(item_id)], keeper, writer)
    return _good(result)


@items.post("/items:bulk")
async def bulk(body: ItemBatch, keeper: KeeperOf, writer: WriterOf) -> ItemResults:
    """Many items to store or to delete; bad ones block no good ones."""
    judged = await asyncio.to_thread(_judged, body.items, whole=body.whole)
    return ItemResults(results=await _store(judged, keeper, writer))


async def _store_one(item_id: str, item: Item, keeper: Keeper, writer: Writer, *, whole: bool) -> ItemResult:
    named = item.model_dump(exclude_unset=True) | {"item_id": item_id}
    (result,) = await _store(_judged([named], whole=whole), keeper, writer)
    return _good(result)


def _good(result: ItemResult) -> ItemResult:
    if result.status == "rejected":
        raise ApiError(422, "invalid-request", f"Item {result.item_id!r}: {result.reason}")
    if result.status == "unknown":
        raise ApiError(404, "unknown-item", f"There is no item {result.item_id!r} in the graph.")
    return result


def _judged(told: list[Any], *, whole: bool) -> list[Judged]:
    """Each item ready to be stored or deleted, or rejected."""
    judged: list[Judged] = []
    seen: set[str] = set()
    for raw, item in zip(told, told_items.judged(told, whole=whole), strict=True):
        if isinstance(item, str):
            judged.append(ItemResult(item_id=shown_id(raw, "item_id"), status="rejected", reason=item))
        elif item.item_id in seen:
            reason = "the item stands here twice"
            judged.append(ItemResult(item_id=item.item_id, status="rejected", reason=reason))
        else:
            judged.append(item)
            seen.add(item.item_id)
    return judged


async def _store(judged: list[Judged], keeper: Keeper, writer: Writer) -> list[ItemResult]:
    writes = [item for item in judged if isinstance(item, ItemWrite)]
    deletions = [item for item in judged if isinstance(item, Deletion)]
    stored: list[Stored] = []
    if writes:
        stored += await writer.transact("items", partial(store, items=writes))
    if deletions:
        work = partial(discard, items=deletions)
        stored += await writer.transact("deletions", work, begun=bool(writes))
    changes: list[ItemWrite | Deletion] = [*writes, *deletions]
    became = {item.item_id: one for item, one in zip(changes, stored, strict=True)}
    there = [item_id for item_id, one in became.items() if one.status in ("created", "changed")]
    notes = await _describe(there, keeper, writer)
    await keeper.look()
    return [
        item if isinstance(item, ItemResult) else _result(item.item_id, became[item.item_id], notes)
        for item in judged
    ]


async def _describe(item_ids: list[str], keeper: Keeper, writer: Writer) -> list[str]:
    """Encode changed texts and link their items; returns why that could not be done."""
    if not item_ids:
        return []
    encoder = keeper.current.encoder if keeper.current is not None else None
    if encoder is None:
        return ["Not encoded, since the API has no encoder. Run: shopgraph graph encode"]
    work = partial(changed_texts, item_ids=item_ids, model=encoder.name)
    changed = await writer.transact("texts", work, begun=True)
    if changed:
        texts = await asyncio.to_thread(encode, changed, encoder.embed)
        described = partial(describe, texts=texts, model=encoder.name)
        ids = await writer.transact("text vectors", described, begun=True)
        await writer.transact("text neighbours", partial(link, item_ids=ids), begun=True)
    return []


def _result(item_id: str, stored: Stored, notes: list[str]) -> ItemResult:
    if stored.left_out:
        notes = [*notes, f"Relations to unknown items were left out: {', '.join(stored.left_out)}."]
    return ItemResult(item_id=item_id, status=stored.status, attached_events=stored.attached, notes=notes)
