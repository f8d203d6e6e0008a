"""Every user's recommendations in one Parquet file, by the very function that answers the API.

Columns: user_id, rank (from 1), item_id, score, source, fallback (null, or what was answered instead). The
file's metadata names the model, the graph, the kind, the limit and the scenario, where one is asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from api.reads import Reads
from api.recommender import recommend
from api.schemas import Kind, RecommendationRequest
from api.schemas.answers import RecommendationResponse
from api.sources import Timeouts
from api.state.served import Serving, load_serving
from kg.console import Advance, progress
from kg.driver import Graph, connect
from kg.errors import SettingsError
from kg.queries import load
from kg.settings import Settings

_Q = load("api")
_AT_ONCE = 16  # users asked about at a time
_GROUP = 5_000  # users in a row group, which is what memory holds
_PATIENT = Timeouts(*[60.0] * len(Timeouts._fields))  # nobody waits: what is late is to be waited for
_COLUMNS = pa.schema(
    {
        "user_id": pa.string(),
        "rank": pa.int32(),
        "item_id": pa.string(),
        "score": pa.float64(),
        "source": pa.string(),
        "fallback": pa.string(),
    }
)


def export(settings: Settings, file: Path, kind: Kind | None, limit: int, scenario: str | None = None) -> int:
    """Write the file and count the users in it; a file that is there is replaced only when all is written.

    Args:
        kind: by default the scenario's, or for_you.
        scenario: the placement whose rules, filters and weights hold.

    Raises:
        SettingsError: the file cannot be written.
        ShopgraphError: no graph, no model, no such scenario, or a kind that needs items.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        with connect(settings) as graph:
            users = [row["user_id"] for row in graph.stream(_Q.users)]
            serving = load_serving(graph, settings)._replace(timeouts=_PATIENT)
            named: dict[str, Any] = {} if kind is None else {"kind": kind}
            asked = RecommendationRequest(limit=limit, scenario=scenario, explain="none", fields=[], **named)
            asyncio.run(_write(part, graph, serving, users, asked))
        part.replace(file)
    except OSError as error:
        raise SettingsError(f"--out {str(file)!r} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return len(users)


async def _write(
    part: Path, graph: Graph, serving: Serving, users: Sequence[str], asked: RecommendationRequest
) -> None:
    version = serving.snapshot.version
    about = {
        "model_version": version.model,
        "graph_version": version.graph,
        "kind": serving.scenarios.at(asked.scenario).completed(asked).kind,
        "limit": str(asked.limit),
        **({"scenario": asked.scenario} if asked.scenario else {}),
    }
    reads = Reads(graph)
    try:
        with (
            pq.ParquetWriter(part, _COLUMNS.with_metadata(about)) as writer,
            progress("users", len(users)) as advance,
        ):
            for start in range(0, len(users), _GROUP):
                group = users[start : start + _GROUP]
                answers = _answers(group, serving, reads, asked, advance)
                writer.write_table(_table([answer async for answer in answers]))
    finally:
        await reads.close()


async def _answers(
    users: Sequence[str], serving: Serving, reads: Reads, asked: RecommendationRequest, advance: Advance
) -> AsyncIterator[tuple[str, RecommendationResponse]]:
    for start in range(0, len(users), _AT_ONCE):
        some = users[start : start + _AT_ONCE]
        requests = [asked.model_copy(update={"user_id": user}) for user in some]
        answers = await asyncio.gather(*(recommend(request, serving, reads) for request in requests))
        for pair in zip(some, answers, strict=True):
            yield pair
        advance(len(some))


def _table(answers: Sequence[tuple[str, RecommendationResponse]]) -> pa.Table:
    rows = [
        (user, item.rank, item.item_id, item.score, item.source, a.fallback_used and a.fallback_used.to)
        for user, a in answers
        for item in a.items
    ]
    columns = zip(*rows, strict=True) if rows else ((),) * len(_COLUMNS)
    return pa.table([pa.array(c, t) for c, t in zip(columns, _COLUMNS.types, strict=True)], schema=_COLUMNS)
