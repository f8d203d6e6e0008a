"""The commands as a person types them."""

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gnn.cli import app
from gnn.config import TrainConfig
from gnn.embed_new import Embedded
from gnn.pipeline import train_and_save
from kg.driver import Graph
from kg.errors import ModelError
from kg.models import live_version
from kg.queries import load
from tests.gnn.fake import fake_shop
from tests.gnn.test_write_back import Q
from tests.kg.gates import NOTHING_TOLD

RUNNER = CliRunner()


@pytest.mark.parametrize("command", ["train", "evaluate", "write-back", "benchmark", "tune"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = RUNNER.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: shopgraph gnn {command}" in result.output


def test_importing_the_commands_loads_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "scipy", "optuna", "matplotlib")
    code = f"import sys, gnn.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_evaluate_prints_what_training_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPGRAPH_HOME", str(tmp_path))
    assert isinstance(RUNNER.invoke(app, ["evaluate"]).exception, ModelError)
    about = train_and_save(fake_shop(), tmp_path, TrainConfig(dim=8, max_epochs=1), "random", ks=(5,))
    printed = json.loads(RUNNER.invoke(app, ["evaluate", "--json"]).stdout)
    assert printed["metrics"] == about.metrics
    assert printed["version"] == about.version
    assert "item_ids" not in printed


def test_write_back_takes_a_refused_model_by_force_alone(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "HOME": str(tmp_path), "NEO4J_URI": graph.connection.uri, "NEO4J_USER": graph.connection.user,
        "NEO4J_PASSWORD": graph.connection.password,
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"SHOPGRAPH_{name}", value)
    shop = fake_shop()
    graph.write(Q["items"], ids=list(shop.items["item_id"]))
    version = train_and_save(shop, tmp_path, TrainConfig(dim=8, max_epochs=1), "random", ks=(5,)).version
    refusal = {"publish": False, "reason": "worse", "report": "{}", "interactions": 1, **NOTHING_TOLD}
    graph.write(load("refresh").store_gate, candidate=version, live=None, **refusal)

    refused = RUNNER.invoke(app, ["write-back", version])
    assert isinstance(refused.exception, ModelError)
    assert f"shopgraph gnn write-back {version} --force" in str(refused.exception)
    assert live_version(graph) is None
    done = RUNNER.invoke(app, ["write-back", version, "--force", "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["version"] == version
    assert live_version(graph) == version
    again = RUNNER.invoke(app, ["write-back", version], catch_exceptions=False)
    assert "is live already" in again.output


@pytest.mark.parametrize("k", ["x", "0", ""])
def test_bad_cut_offs_are_refused(k: str, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").touch()
    result = RUNNER.invoke(app, ["benchmark", str(tmp_path), "--k", k])
    assert result.exit_code == 2
    assert "give whole numbers from 1 on" in " ".join(result.output.replace("│", " ").split())


def test_parameters_of_a_search_train_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[TrainConfig] = []
    monkeypatch.setattr("kg.driver.connect", lambda _settings: nullcontext())
    monkeypatch.setattr("kg.dataset.from_graph", lambda _graph: fake_shop())
    monkeypatch.setattr("gnn.pipeline.train_and_save", lambda _d, _h, config, *_, **__: told.append(config))
    monkeypatch.setattr("gnn.cli._report", lambda *_: None)
    found = tmp_path / "tuned.json"
    found.write_text(json.dumps({"models": {"gnn": {"params": {"dim": 8, "fade": 0.3, "relations": True}}}}))
    command = ["train", "--set", "fade=0.4", "--seed", "5"]
    assert RUNNER.invoke(app, [*command, "--tuned", str(found)]).exit_code == 0
    monkeypatch.setenv("SHOPGRAPH_TUNED", str(found))
    assert RUNNER.invoke(app, command).exit_code == 0
    wanted = TrainConfig(dim=8, fade=0.4, relations=True, seed=5)
    assert told == [wanted, wanted]
    refused = RUNNER.invoke(app, ["train", "--set", "dimm=8"])
    assert "gnn has no parameter dimm" in str(refused.exception)


def test_new_items_are_looked_for_again_until_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = iter([3, 1, 1, 2])  # items without vectors, at each look; one of them stays without
    passes: list[str] = []

    def embed(*_: object) -> Embedded:
        passes.append("pass")
        return Embedded("v1", "blue", 1, 5, 1)

    def sleep(seconds: float) -> None:
        assert seconds == 30
        passes.append("sleep")
        if passes.count("sleep") == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("kg.driver.connect", lambda _settings: nullcontext())
    monkeypatch.setattr("kg.refresh.retrain.strangers", lambda _graph: next(waiting))
    monkeypatch.setattr("kg.models.live_version", lambda _graph: "v1")
    monkeypatch.setattr("gnn.store.load", lambda *_: None)
    monkeypatch.setattr("kg.dataset.from_graph", lambda _graph: None)
    monkeypatch.setattr("gnn.embed_new.embed_new", embed)
    monkeypatch.setattr("time.sleep", sleep)
    told = RUNNER.invoke(app, ["embed-new", "--watch", "30"]).stdout
    assert passes == ["pass", "sleep", "sleep", "sleep", "pass", "sleep"]
    assert told.count("1 items have vectors of v1 now, 5 edges lead to them.") == 2
