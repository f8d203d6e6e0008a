"""The documents say what the product does."""

import doctest
import re
import shlex
import tomllib
from functools import cache
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


@cache
def shopgraph():
    main.register()
    return get_command(main.app)


def command_names():
    """Every command as one would type it, with its help."""
    found = {}

    def walk(command, words):
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                walk(child, [*words, name])
        else:
            found[" ".join(words)] = command.help or ""

    walk(shopgraph(), ["shopgraph"])
    return found


def parsed(words):
    """What the command line makes of the words after `shopgraph`; it refuses them as when they are typed."""
    context = shopgraph().make_context("shopgraph", list(words))
    while rest := [*context._protected_args, *context.args]:
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    assert not hasattr(context.command, "commands") or context.command.invoke_without_command
    if context.info_name == "schedule":
        parsed(["refresh", *(context.params["options"] or [])])
    return context


def typed_commands():
    """Every `shopgraph …` of the documents' blocks, as words: command lines begin with $ or four spaces."""
    for path in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))):
        text = re.sub(r"\\\n\s*", " ", path.read_text())
        for line in re.findall(r"^(?:\$ | {4})((?:torchrun .* )?shopgraph .*)$", text, flags=re.M):
            words = shlex.split(line, comments=True)
            while "shopgraph" in words:
                words = words[words.index("shopgraph") + 1 :]
                end = words.index("&&") if "&&" in words else len(words)
                yield pytest.param(words[:end], id=f"{path.name}: {' '.join(words[:end])}")
                words = words[end:]


def test_every_command_has_help_with_an_example_and_stands_in_the_readme():
    commands = command_names()
    assert len(commands) >= 16
    for name, help_text in commands.items():
        assert "Example" in help_text, name
        group, _, verb = name.rpartition(" ")
        assert name in README or re.search(rf"{group} [\w|\\-]*\b{verb}\b", README), name


TYPED = list(typed_commands())


def test_the_documents_show_commands():
    assert len(TYPED) >= 50


@pytest.mark.parametrize("words", TYPED)
def test_every_command_in_the_documents_is_taken(words, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for word in words:
        if re.fullmatch(r"FOLDER|myshop|\.{1,2}/.*", word):
            Path(word).mkdir(parents=True)
        elif re.fullmatch(r".*\.jsonl?", word):
            Path(word).touch()
    parsed(words)


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
    told = re.findall(r"^\$ make ([\w-]+)", README, flags=re.M)
    assert "bench-model" in told
    for target in told:
        assert re.search(rf"^{target}:.*## ", makefile, flags=re.M), target
