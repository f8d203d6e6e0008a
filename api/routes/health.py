"""Whether the process is up, and whether it can answer."""

from fastapi import APIRouter

from api.problems import ApiError
from api.routes.guard import PROBLEMS, KeeperOf, LedgerOf
from api.schemas.answers import Health, Ready
from api.state.version import check_model
from kg.queries import load

_Q = load("api")
health = APIRouter(tags=["health"], responses={500: PROBLEMS[500]})


@health.get("/healthz")
async def healthz() -> Health:
    """Whether the process is up."""
    return Health()


@health.get("/readyz", responses={503: PROBLEMS[503]})
async def readyz(keeper: KeeperOf, ledger: LedgerOf) -> Ready:
    """Whether the API can answer: the graph answers, a model is live and in memory, words can be read."""
    await keeper.reads.rows(_Q.ping)
    serving = keeper.serving
    if serving.encoder is None:
        raise ApiError(503, "no-encoder", f"Words cannot be read: {serving.encoder_problem}")
    version = serving.snapshot.version
    check_model(version)
    return Ready(
        model_version=version.model,
        graph_version=version.graph,
        items=len(serving.snapshot.ids),
        encoder=serving.encoder.name,
        problem=keeper.problem,
        answers_dropped=ledger.dropped,
    )
