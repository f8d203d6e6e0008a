"""The export agrees with what the API answers, and is never half written."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from api import export as module
from api.export import export
from api.problems import ApiError
from kg.driver import Graph
from kg.errors import ShopgraphError
from kg.settings import Settings
from tests.api import shop
from tests.api.test_cli import environment, shopgraph  # noqa: F401 - a fixture
from tests.api.test_recommendations import ask


def whole(client: TestClient, **body: Any) -> dict[str, Any]:
    """An answer with all of its sources: on a busy machine one may be late, which an export awaits."""
    answers = (ask(client, **body) for _ in range(10))
    return next(answer for answer in answers if not answer["sources_left_out"])


def test_every_user_gets_what_the_api_answers(
    filled: Graph, client: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 4)
    monkeypatch.setattr(module, "_GROUP", 10)
    filled.write(shop.WRITES["user"], user="new")
    file = tmp_path / "all.parquet"

    assert export(settings, file, "for_you", 3) == 22

    table = pq.read_table(file)
    found = table.to_pylist()
    users = [f"user-{n}" for n in range(20)] + ["ann", "new"]
    assert {row["user_id"] for row in found} == set(users)
    for user in users:
        answer = whole(client, user_id=user, limit=3)
        assert [
            (row["rank"], row["item_id"], row["score"], row["source"])
            for row in found
            if row["user_id"] == user
        ] == [(i["rank"], i["item_id"], i["score"], i["source"]) for i in answer["items"]]
    assert {row["user_id"] for row in found if row["fallback"] == "popular"} == {"new"}
    assert not {"tea-0", "tea-1", "tea-2"} & {row["item_id"] for row in found if row["user_id"] == "ann"}
    assert table.schema.metadata[b"model_version"] == b"model-1"
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


@pytest.mark.usefixtures("filled")
def test_a_failed_export_leaves_the_old_file_and_nothing_else(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    file.write_text("old")

    with pytest.raises(ApiError, match="item_ids"):
        export(settings, file, "similar", 3)
    with pytest.raises(ShopgraphError, match="cannot be written"):
        export(settings, tmp_path / "missing" / "all.parquet", "for_you", 3)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("all.parquet", "old")]


@pytest.mark.usefixtures("filled")
def test_the_command(environment: dict[str, str], tmp_path: Path) -> None:  # noqa: F811 - the fixture
    file = tmp_path / "all.parquet"

    done = shopgraph(environment, "api", "export", "--out", str(file), "--limit", "2", "--kind", "trending")

    assert done.returncode == 0, done.stderr
    assert "21 users" in done.stderr
    assert pq.read_table(file).num_rows == 42
    refused = shopgraph(environment, "api", "export", "--out", str(file), "--kind", "similar")
    assert refused.returncode == 2
    assert "'similar' is not one of" in " ".join(refused.stderr.split())
