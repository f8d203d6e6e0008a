"""Which answers the bench of kills takes for those of the live model."""

import httpx
import pytest

from tests.bench.bench_kills import Answers


def answered(version: str | None, detail: str = "") -> httpx.Response:
    if detail:
        return httpx.Response(503, json={"detail": detail})
    return httpx.Response(200, json={"model_version": version, "items": []})


def test_answers_of_the_live_model_and_for_a_while_of_the_one_before_are_right() -> None:
    answers = Answers()
    for live, version in [("a", "a"), ("b", "a"), ("b", "b"), ("c", "b"), ("c", "c")]:
        answers.live(live)
        answers.take(answered(version))
    assert (answers.asked, answers.wrong) == (5, [])


@pytest.mark.parametrize(
    ("lived", "before", "response", "said"),
    [
        ("a", "a", answered("b"), "200 of model b, after a; live was a"),  # written, not yet live
        ("ab", "ab", answered("a"), "200 of model a, after b; live was b"),
        ("abc", "a", answered("a"), "200 of model a, after a; live was c"),
        ("a", "a", answered("none"), "200 of model none, after a; live was a"),
        ("a", "a", answered(None, "full"), "503 of model None, after a; live was a: full"),
    ],
)
def test_other_answers_are_wrong(lived: str, before: str, response: httpx.Response, said: str) -> None:
    answers = Answers()
    for version in lived:
        answers.live(version)
        if version in before:
            answers.take(answered(version))
    answers.take(response)
    assert answers.wrong == [said]
