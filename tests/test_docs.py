"""The documents say what the product does."""

import doctest
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command

from kg import main
from kg.files.manifest import Column, Intents, Interactions, Items, Join, Manifest, Queries, Relations, Table

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()


def modules_with_examples():
    files = (path for part in ("kg", "gnn", "api") for path in (PROJECT / part).rglob("*.py"))
    told = sorted(path.relative_to(PROJECT) for path in files if ">>> " in path.read_text())
    return [".".join(path.with_suffix("").parts) for path in told]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_hold(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def command_names():
    """Every command as one would type it, with its help."""
    main.register()
    found = {}

    def walk(command, words):
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                walk(child, [*words, name])
        else:
            found[" ".join(words)] = command.help or ""

    walk(get_command(main.app), ["shopgraph"])
    return found


def test_every_command_has_help_with_an_example_and_stands_in_the_readme():
    commands = command_names()
    assert len(commands) >= 16
    for name, help_text in commands.items():
        assert "Example" in help_text, name
        group, _, verb = name.rpartition(" ")
        assert name in README or re.search(rf"{group} [\w|\\-]*\b{verb}\b", README), name


def test_every_command_in_the_readme_exists():
    commands = command_names()
    typed = re.findall(r"^\$ (shopgraph [a-z-]+(?: [a-z-]+)*)", README, flags=re.M)
    assert len(typed) >= 7
    for line in typed:
        assert any(line.startswith(name) for name in commands), line


def test_the_readme_s_manifest_is_valid():
    block = re.search(r"```toml\n(.*?)```", README, flags=re.S)
    assert block is not None
    manifest = Manifest.model_validate(tomllib.loads(block[1]))
    assert manifest.items[0].id.names == ["sku"]
    assert manifest.interactions[0].basket.names == ["order_no"]


def test_every_key_of_the_manifest_is_documented():
    text = (PROJECT / "docs" / "manifest.md").read_text()
    models = (Manifest, Table, Items, Interactions, Relations, Queries, Intents, Column, Join)
    missing = {
        key
        for model in models
        for key in model.model_fields
        if f"`{key}`" not in text and f"[{key}]" not in text
    }
    assert missing - {"on", "left", "right"} == set()


def test_every_make_target_of_the_readme_exists():
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\w+)", README, flags=re.M):
        assert re.search(rf"^{target}:.*## ", makefile, flags=re.M), target
