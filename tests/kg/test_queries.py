import ast

import pytest

from kg.errors import QueryFileError
from kg.queries import load, parse
from tests.conftest import PROJECT

GOOD = """// name: item
// One item.
// params: id (str), limit (int, at least 1)
// returns: title
MATCH (i:Item {itemId: $id})
RETURN i.title AS title LIMIT $limit
"""


def test_a_block_is_read_with_its_header():
    query = parse("shop", GOOD)["item"]
    assert (query.name, query.doc, query.params) == ("shop.item", "One item.", {"id", "limit"})
    assert query.text.startswith("MATCH (i:Item")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (GOOD.replace("id (str), ", ""), "declares params ['limit'] but uses ['id', 'limit']"),
        (GOOD.replace("// returns: title\n", ""), "'// returns:' is missing"),
        (GOOD.replace("// One item.\n", ""), "no line that says what it does"),
        (
            GOOD + "// name: item\n// x\n// params:\n// returns:\nRETURN 1\n",
            "shop.cypher:7: block 'item' is defined twice",
        ),
        (GOOD + ";", "one statement a block"),
        ("MATCH (n) RETURN n", "shop.cypher:1: a statement without"),
        (GOOD.split("MATCH")[0], "has no statement"),
    ],
)
def test_a_header_that_disagrees_is_refused(wrong, message):
    with pytest.raises(QueryFileError, match=message.replace("[", r"\[").replace("(", r"\(")):
        parse("shop", wrong)


def test_a_semicolon_or_dollar_inside_a_string_is_text():
    assert "odd" in parse("shop", "// name: odd\n// x\n// params:\n// returns: x\nRETURN '; $a' AS x")


def file_of(node):
    """The file that `load("file")` reads; beside a model's `load` it is called `queries`."""
    match node:
        case ast.Call(func=ast.Name(id="load" | "queries"), args=[ast.Constant(value=name)]):
            return name
    return None


def bound(node):
    """Names that an assignment gives to files."""
    match node:
        case ast.Assign(targets=[ast.Name() as name], value=value):
            return {(name.id, file_of(value))}
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            pairs = zip(names, values, strict=True)
            return {(name.id, file_of(value)) for name, value in pairs if isinstance(name, ast.Name)}
    return set()


def blocks_read(code):
    """Every file.block that code takes from a file by its name."""
    nodes = list(ast.walk(ast.parse(code)))
    names = {pair for node in nodes for pair in bound(node)}
    for node in nodes:
        if isinstance(node, ast.Attribute):
            of = {file for name, file in names if name == getattr(node.value, "id", None)}
            yield from (f"{file}.{node.attr}" for file in {*of, file_of(node.value)} if file)


def test_every_query_of_the_product_parses_and_is_used():
    files = {f.stem for f in (PROJECT / "cypher").glob("*.cypher")}
    code = [path.read_text() for part in ("kg", "gnn", "api") for path in (PROJECT / part).rglob("*.py")]
    whole = {name for name in files if f'in load("{name}")' in "".join(code)}  # all its blocks are run
    assert whole == {"check", "schema"}
    there = {query.name for name in files - whole for query in load(name)}
    assert {name for text in code for name in blocks_read(text)} == there


def test_an_unknown_block_names_the_known_ones():
    with pytest.raises(
        AttributeError, match=r"stats\.cypher has no block 'node'; it has: constraints, nodes, relationships"
    ):
        load("stats").node  # noqa: B018
