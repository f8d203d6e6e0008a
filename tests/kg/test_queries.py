import re

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


def test_every_query_of_the_product_parses_and_is_used():
    files = {f.stem for f in (PROJECT / "cypher").glob("*.cypher")}
    code = "".join(
        path.read_text() for part in ("kg", "gnn", "api") for path in (PROJECT / part).rglob("*.py")
    )
    whole = {name for name in files if f'in load("{name}")' in code}  # all its blocks are run
    assert whole == {"check", "schema"}
    blocks = [query.name.split(".")[1] for name in files - whole for query in load(name)]
    assert [block for block in blocks if not re.search(rf"\.{block}\b", code)] == []


def test_an_unknown_block_names_the_known_ones():
    with pytest.raises(
        AttributeError, match=r"stats\.cypher has no block 'node'; it has: constraints, nodes, relationships"
    ):
        load("stats").node  # noqa: B018
