"""Loads the named Cypher statements of the folder cypher/.

A file holds blocks. Each starts with a header and holds one statement:

    // name: item_count
    // Number of items.
    // params:
    // returns: items (int)
    MATCH (i:Item)
    RETURN count(i) AS items

The loader refuses a header that disagrees with its statement and says file:line.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

from kg.errors import QueryFileError

_HEADER = re.compile(r"//\s*(?P<key>name|params|returns):\s*(?P<value>.*)")
_PARAM = re.compile(r"(\w+)(?:\s*\(([^)]*)\))?")
_USED = re.compile(r"\$(\w+)")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class Query(NamedTuple):
    """One named statement."""

    name: str  # file.block, for example ingest.items
    doc: str
    params: frozenset[str]
    returns: str
    text: str


class Queries:
    """The blocks of one file, as attributes: `load("graph").item_count`."""

    def __init__(self, name: str, blocks: dict[str, Query]) -> None:
        self._name = name
        self._blocks = blocks

    def __getattr__(self, block: str) -> Query:
        try:
            return self._blocks[block]
        except KeyError:
            known = ", ".join(sorted(self._blocks))
            raise AttributeError(
                f"cypher/{self._name}.cypher has no block {block!r}; it has: {known}"
            ) from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._blocks.values())


@cache
def load(name: str) -> Queries:
    """The blocks of cypher/<name>.cypher.

    Raises:
        QueryFileError: the file is missing or a block's header disagrees with its statement.
    """
    path = resources.files("cypher") / f"{name}.cypher"
    if not path.is_file():
        raise QueryFileError(f"cypher/{name}.cypher does not exist.")
    return Queries(name, parse(name, path.read_text(encoding="utf-8")))


def parse(name: str, text: str) -> dict[str, Query]:
    """Split a file's text into its blocks; `name` is used in messages and query names."""
    blocks: dict[str, Query] = {}
    for line, chunk in _chunks(name, text):
        query = _block(name, line, chunk)
        short = query.name.split(".")[1]
        if short in blocks:
            raise QueryFileError(f"cypher/{name}.cypher:{line}: block {short!r} is defined twice.")
        blocks[short] = query
    return blocks


def _chunks(name: str, text: str) -> list[tuple[int, list[str]]]:
    chunks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header and header["key"] == "name":
            chunks.append((number, [line]))
        elif chunks:
            chunks[-1][1].append(line)
        elif line.strip() and not line.startswith("//"):
            raise QueryFileError(f"cypher/{name}.cypher:{number}: a statement without a '// name:' header.")
    return chunks


def _block(file: str, line: int, lines: list[str]) -> Query:
    where = f"cypher/{file}.cypher:{line}"
    headers = {m["key"]: m["value"].strip() for m in map(_HEADER.match, lines) if m}
    for key in ("name", "params", "returns"):
        if key not in headers:
            raise QueryFileError(f"{where}: header line '// {key}:' is missing.")
    doc = " ".join(s[2:].strip() for s in lines if s.startswith("//") and not _HEADER.match(s))
    if not doc:
        raise QueryFileError(f"{where}: block {headers['name']!r} has no line that says what it does.")
    body = "\n".join(s for s in lines if not s.startswith("//")).strip()
    if not body:
        raise QueryFileError(f"{where}: block {headers['name']!r} has no statement.")
    if ";" in _STRING.sub("", body):
        raise QueryFileError(f"{where}: block {headers['name']!r} holds a ';': one statement a block.")
    declared = frozenset(m[0] for m in _PARAM.findall(re.sub(r"\([^)]*\)", "", headers["params"])))
    used = frozenset(_USED.findall(_STRING.sub("", body)))
    if declared != used:
        raise QueryFileError(
            f"{where}: block {headers['name']!r} declares params {sorted(declared)} but uses {sorted(used)}."
        )
    return Query(f"{file}.{headers['name']}", doc, declared, headers["returns"], body)
