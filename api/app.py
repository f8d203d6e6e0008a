"""The FastAPI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from api.admission import Admission
from api.ledger import Ledger
from api.problems import install
from api.routes.audience import router as audiences
from api.routes.events import events
from api.routes.explain import router as explanations
from api.routes.health import health
from api.routes.items import items
from api.routes.recommendations import v1
from api.routes.replay import replays
from api.routes.scenarios import scenarios
from api.routes.search import router as searches
from api.routes.suggest import router as suggestions
from api.routes.trends import router as trends
from api.routes.users import users
from api.state.serving import Keeper
from api.writer import Writer
from kg.settings import Settings, load_settings

_PATIENCE = 30.0  # seconds that the start waits for the first snapshot; then /readyz says what is missing
_ABOUT = """What should this shopper see, given who they are, what they look at and ask for, and why.

Try `POST /v1/recommendations` with `{"query": "..."}`, then add a `user_id`: the same words, other items.
Every error is an RFC 9457 problem document that says what was wrong and what to do.
"""


def create_app(settings: Settings) -> FastAPI:
    """The application on one graph. It starts without a graph or a model too, and says so at /readyz."""
    app = FastAPI(
        title="shopgraph",
        summary="Recommendations from a shop's knowledge graph",
        description=_ABOUT,
        version=version("shopgraph"),
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.keeper = Keeper(settings)
    app.state.admission = Admission()
    app.state.audience_turn = asyncio.Lock()
    app.state.writer = Writer(app.state.keeper)
    app.state.ledger = Ledger(app.state.keeper, app.state.writer)
    for router in (
        v1,
        replays,
        searches,
        suggestions,
        trends,
        audiences,
        explanations,
        events,
        items,
        users,
        scenarios,
        health,
    ):
        app.include_router(router)
    install(app)
    return app


def from_environment() -> FastAPI:
    """For servers that are given a factory: `uvicorn --factory api.app:from_environment`."""
    return create_app(load_settings())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    keeper: Keeper = app.state.keeper
    ledger: Ledger = app.state.ledger
    watcher = asyncio.create_task(keeper.run(), name="follow the graph")
    scribe = asyncio.create_task(ledger.run(), name="write answers")
    with suppress(TimeoutError):
        await asyncio.wait_for(keeper.stepped.wait(), _PATIENCE)
    rehearsal = asyncio.create_task(app.state.writer.rehearse(), name="plan writes")
    try:
        yield
    finally:
        for task in (rehearsal, scribe, watcher):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await ledger.close()
        app.state.writer.close()
        await keeper.close()
