"""docker-compose.yml and the Dockerfile, as far as a machine without a Docker engine can judge them."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kg.refresh import schedule
from kg.server.artifacts import neo4j_version
from tests.test_docs import parsed

PROJECT = Path(__file__).parent.parent
COMPOSE = PROJECT / "docker-compose.yml"
SECRETS = {"SHOPGRAPH_NEO4J_PASSWORD": "of-eight-or-more", "SHOPGRAPH_API_KEY": "key"}

Service = dict[str, Any]


def has_compose() -> bool:
    try:
        return (
            subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False


def resolved(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [
        "docker",
        "compose",
        "--profile",
        "refresh",
        "--file",
        str(COMPOSE),
        "config",
        "--format",
        "json",
    ]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/usr/local/bin", **environment},
    )


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as written; where Compose itself is installed, it must accept it too."""
    if has_compose():
        result = resolved(SECRETS)
        assert result.returncode == 0, result.stderr
        assert set(json.loads(result.stdout)["services"]) == {"neo4j", "api", "refresh", "embed"}
    written: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return written


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    found: dict[str, Service] = compose["services"]
    return found


def test_runs_the_neo4j_of_the_lock(services: dict[str, Service]) -> None:
    assert services["neo4j"]["image"] == f"neo4j:{neo4j_version()}-community"


def test_services_are_checked_and_come_back(services: dict[str, Service]) -> None:
    tests = {name: service["healthcheck"].get("test") for name, service in services.items()}
    assert tests == {
        "neo4j": ["CMD", "wget", "--quiet", "--spider", "http://127.0.0.1:7474"],
        "api": [
            "CMD",
            "python",
            "-c",
            'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8000/healthz", timeout=4)',
        ],
        "refresh": None,
        "embed": None,
    }
    assert {name: service["restart"] for name, service in services.items()} == {
        "neo4j": "unless-stopped",
        "api": "unless-stopped",
        "refresh": "unless-stopped",
        "embed": "unless-stopped",
    }
    waits = {name: service.get("depends_on") for name, service in services.items()}
    healthy = {"neo4j": {"condition": "service_healthy"}}
    assert waits == {"neo4j": None, "api": healthy, "refresh": healthy, "embed": healthy}


def test_secrets_come_from_the_environment_or_nothing_starts(services: dict[str, Service]) -> None:
    secret = {
        f"{name}.{key}": value
        for name, service in services.items()
        for key, value in service["environment"].items()
        if re.search("PASSWORD|KEY|AUTH|TOKEN|SECRET", key)
    }
    assert secret.keys() == {
        "neo4j.NEO4J_AUTH",
        "api.SHOPGRAPH_NEO4J_PASSWORD",
        "api.SHOPGRAPH_API_KEY",
        "refresh.SHOPGRAPH_NEO4J_PASSWORD",
        "embed.SHOPGRAPH_NEO4J_PASSWORD",
    }
    required = re.compile(r"(neo4j/)?\$\{(SHOPGRAPH_NEO4J_PASSWORD|SHOPGRAPH_API_KEY):\?[^}]+\}")
    assert [name for name, value in secret.items() if not required.fullmatch(value)] == []


@pytest.mark.parametrize("missing", SECRETS)
def test_compose_names_a_missing_secret(missing: str) -> None:
    if not has_compose():
        # Nothing but Compose expands ${NAME:?message}; the syntax is held by the test above.
        assert f"${{{missing}:?" in COMPOSE.read_text(encoding="utf-8")
        return
    result = resolved({name: value for name, value in SECRETS.items() if name != missing})
    assert result.returncode != 0
    assert missing in result.stderr


def test_publishes_the_api_and_to_this_machine_alone_neo4j(services: dict[str, Service]) -> None:
    assert {name: service.get("ports") for name, service in services.items()} == {
        "neo4j": ["127.0.0.1:7474:7474", "127.0.0.1:7687:7687"],
        "api": ["${SHOPGRAPH_API_PORT:-8000}:8000"],
        "refresh": None,
        "embed": None,
    }


def test_volumes_are_declared_and_kept_where_the_image_writes(compose: dict[str, Any]) -> None:
    mounts = {
        tuple(volume.rsplit(":", 2 if volume.endswith(":ro") else 1))
        for service in compose["services"].values()
        for volume in service["volumes"]
    }
    assert {mount[0] for mount in mounts if not mount[0].startswith("$")} == set(compose["volumes"])
    assert mounts == {
        ("${SHOPGRAPH_SHOP:-./shop}", "/shop", "ro"),
        ("neo4j-data", "/data"),
        ("neo4j-logs", "/logs"),
        ("shopgraph-home", "/var/lib/shopgraph"),
    }
    assert "SHOPGRAPH_HOME=/var/lib/shopgraph" in dockerfile()


def test_builds_targets_of_the_dockerfile(services: dict[str, Service]) -> None:
    targets = {name: service["build"]["target"] for name, service in services.items() if "build" in service}
    assert targets == {"api": "api", "refresh": "train", "embed": "train"}
    assert re.findall(r"^FROM \S+ AS (\w+)$", dockerfile(), re.MULTILINE) == ["base", "api", "train"]
    extras = re.findall(
        r"^RUN pip install --constraint constraints.txt '\.\[(.*)\]'$", dockerfile(), re.MULTILINE
    )
    assert extras == ["api", "api,train,refresh"]


def test_dockerfile_copies_what_is_there() -> None:
    copied = [
        word for line in re.findall(r"^COPY (.*) \S+$", dockerfile(), re.MULTILINE) for word in line.split()
    ]
    assert [name for name in copied if not (PROJECT / name).exists()] == []
    kept = (PROJECT / ".dockerignore").read_text(encoding="utf-8")
    assert set(re.findall(r"^!(.*)$", kept, re.MULTILINE)) == set(copied)


def commands() -> list[str]:
    """Every shopgraph command that a container runs, and the one that the head of the file tells people."""
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    runs = [shlex.join(service["command"]) for service in services.values() if "command" in service]
    told = re.findall(r"compose run --rm refresh (.*?)  ", COMPOSE.read_text(encoding="utf-8"))
    assert [command.split()[:2] for command in (*runs, *told)] == [
        ["api", "serve"], ["refresh", "schedule"], ["gnn", "embed-new"], ["refresh", "--source"],
    ]  # fmt: skip
    return [*runs, *told]


@pytest.mark.parametrize("command", commands())
def test_commands_exist_with_their_options(command: str) -> None:
    context = parsed(shlex.split(command.replace("/shop", "/tmp")))
    if context.info_name == "schedule":
        schedule.trigger(context.params["cron"].removeprefix("${SHOPGRAPH_REFRESH:-").removesuffix("}"))


def test_the_api_starts_before_there_is_a_model() -> None:
    """The model comes of the refresh, which people are told to run afterwards."""
    assert "--wait" in yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["api"]["command"]
    assert 'CMD ["api", "serve", "--wait",' in dockerfile()


def dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text(encoding="utf-8")
