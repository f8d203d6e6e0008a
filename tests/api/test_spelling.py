"""Errors of spelling in what shoppers type."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.schemas import RecommendationRequest
from api.words.lexicon import Lexicon
from api.words.spelling import spelled
from api.words.tokens import split
from api.words.understand import understand
from tests.api.test_recommendations import ask, ids
from tests.api.test_understand import shop

TITLES = [
    "Camera Accessories Kit", "Lens accessory", "Chocolates in a box", "Chocolates, dark", "Razer mouse",
    "Surveillance camera", "Green tea", "Keyboards X500",
]  # fmt: skip
KNOWN = {"cannon", "could", "spare", "mouse"}  # by the encoder


SHOP = shop(dict.fromkeys(TITLES, 5.0))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Accesories", {"Accesories": "accessories"}),
        ("cheap choclates, acessories", {"choclates": "chocolates", "acessories": "accessories"}),
        ("survaillence", {"survaillence": "surveillance"}),  # two letters of a long word
        ("camrea", {"camrea": "camera"}),  # two neighbours exchanged
        ("cemare", {}),  # two letters of a short one
        ("chocolate", {}),  # an ending is no error
        ("cannon could spares", {}),  # words that the shop lacks
        ("raser", {"raser": "razer"}),
        ("tee", {}),
        ("x5000 keyboard2", {}),
        ("휴대폰케이스커버", {}),
        ("", {}),
    ],
)
def test_what_nobody_writes_so_is_read_as_the_nearest_word_of_the_shop(
    query: str, found: dict[str, str]
) -> None:
    assert spelled(query, SHOP, KNOWN.__contains__) == found


def test_of_several_as_near_the_one_that_most_titles_have() -> None:
    snapshot = shop(dict.fromkeys(("linen shirt", "liner set", "liner pen"), 5.0))
    assert spelled("linex", snapshot, KNOWN.__contains__) == {"linex": "liner"}


def test_titles_tell_how_a_word_is_written_however_many_items_have_it_elsewhere() -> None:
    many = {f"candle {n}": 5.0 for n in range(51)} | {f"cradle {n}": 5.0 for n in range(500)}
    assert spelled("crandle", shop(many), KNOWN.__contains__) == {"crandle": "cradle"}
    titles = [f"thing {n}" for n in range(200)] + ["Accessories one", "Accessories two"]
    snapshot = replace(
        shop(dict.fromkeys(titles, 5.0)), lexicon=Lexicon([f"{title} accessories" for title in titles])
    )
    assert spelled("accesories", snapshot, KNOWN.__contains__) == {"accesories": "accessories"}


def test_of_a_long_query_only_some_words_are_looked_for() -> None:
    query = " ".join(f"acces{letter}ries" for letter in "abcdefghijklm")
    assert len(spelled(query, SHOP, KNOWN.__contains__)) == 8


@given(st.text())
def test_whatever_is_typed_can_be_read(query: str) -> None:
    assert set(spelled(query, SHOP, KNOWN.__contains__)) <= set(split(query))


def test_the_rest_of_the_words_is_understood_as_ever() -> None:
    request = RecommendationRequest(query="acessories under $9 not survaillence")
    found = understand(request, SHOP, is_word=KNOWN.__contains__)
    assert found.request.query == "accessories"
    assert found.refused == {"Surveillance camera"}
    assert found.prices is not None
    assert found.prices.lte == 9
    assert found.notes == [
        "No item is written in 'acessories': read as 'accessories'.",
        "No item is written in 'survaillence': read as 'surveillance'.",
    ]
    assert understand(request, SHOP).spelled == {}


def test_the_answer_says_how_words_were_read(client: TestClient) -> None:
    answer = ask(client, query="cofffee", kind="search", limit=3)
    assert answer["intent"]["spelled"] == {"cofffee": "coffee"}
    assert answer["intent"]["words"] == "coffee"
    assert ids(answer) == ids(ask(client, query="coffee", kind="search", limit=3))
