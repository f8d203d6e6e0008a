"""The answers of this process on their way into the graph, without a request waiting for it."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from fastapi import Request

from api.recommender import Given
from api.state.serving import Keeper
from api.writer import Writer
from kg.errors import ShopgraphError
from kg.feedback.answers import Answer, expire, keep

log = logging.getLogger("shopgraph.api")
_PAUSE = 0.5  # seconds between writes: an answer is in the graph within a second
_BATCH = 500  # answers of one transaction
_ROOM = 64 << 20  # characters that wait at most; more is dropped
_TRIES = 3  # of a batch, before it is dropped: the graph is gone, or does not take it
_TIDY = 60.0  # seconds between looks for answers that are too old
_LAST = 5.0  # seconds that the end of the process waits for what is not written yet


class Ledger:
    """A bounded queue that one task writes to the graph. Until then, its answers are found here."""

    def __init__(self, keeper: Keeper, writer: Writer) -> None:
        self._keeper = keeper
        self._writer = writer
        self._waiting: dict[str, Answer] = {}
        self._room = _ROOM
        self._failed = 0  # tries of the first batch
        self._tidy_at = 0.0
        self.dropped = 0  # answers that cannot be replayed and are missing from reports

    def add(self, given: Given, body: str) -> None:
        """Take an answer and the JSON that is sent; drop it where too much waits."""
        if len(body) > self._room:
            self._drop(1, "more is answered than the graph takes")
            return
        r = given.response
        self._room -= len(body)
        self._waiting[r.recommendation_id] = Answer(
            recommendation_id=r.recommendation_id,
            at=datetime.now(UTC),
            kind=given.kind,
            scenario=r.scenario,
            model_version=r.model_version,
            graph_version=r.graph_version,
            user_id=given.shopper,
            experiment=r.experiment,
            arm=r.arm,
            items=[item.item_id for item in r.items],
            body=body,
        )

    def find(self, recommendation_id: str) -> str | None:
        """The body of an answer that is not in the graph yet."""
        answer = self._waiting.get(recommendation_id)
        return answer and answer.body

    def forget(self, user_id: str) -> None:
        """Leave out what was answered to a user."""
        self._take_out([a for a in self._waiting.values() if a.user_id == user_id])

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            await self.flush()
            if time.monotonic() >= self._tidy_at:
                self._tidy_at = time.monotonic() + _TIDY
                await self._tidy()

    async def flush(self) -> None:
        """Write what waits, in batches; what the graph does not take is tried again, and dropped at last."""
        while batch := list(islice(self._waiting.values(), _BATCH)):
            try:
                await self._writer.transact("answers", partial(keep, answers=batch), begun=True)
            except ShopgraphError as error:
                self._failed += 1
                if self._failed < _TRIES:
                    return
                self._drop(len(batch), str(error))
            self._failed = 0
            self._take_out(batch)

    async def close(self) -> None:
        """Write what waits, unless the graph is gone."""
        if self._failed == 0:
            try:
                await asyncio.wait_for(self.flush(), _LAST)
            except TimeoutError:
                self._drop(len(self._waiting), f"they were not written within {_LAST:g} s")

    async def _tidy(self) -> None:
        try:
            await asyncio.to_thread(expire, self._keeper.graph, datetime.now(UTC))
        except ShopgraphError as error:
            log.warning("Old answers stay for now: %s", error)

    def _take_out(self, answers: list[Answer]) -> None:
        for answer in answers:
            if self._waiting.pop(answer.recommendation_id, None):
                self._room += len(answer.body)

    def _drop(self, n: int, why: str) -> None:
        self.dropped += n
        log.warning("%d answers were not kept, %d since the start: %s", n, self.dropped, why)


def ledger_of(request: Request) -> Ledger:
    """The process's ledger."""
    ledger: Ledger = request.app.state.ledger
    return ledger
