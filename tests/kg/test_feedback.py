"""What recommendations led to, with figures worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from kg.driver import Graph
from kg.errors import SettingsError
from kg.feedback.answers import Answer, keep
from kg.feedback.cli import app
from kg.feedback.comparison import compare, difference, ratio
from kg.feedback.experiments import Experiment
from kg.feedback.report import report
from kg.live.events import Event, store
from kg.live.items import remove
from kg.queries import parse
from kg.schema import make_keys

NOW = datetime.now(UTC).replace(microsecond=0)
PRICES = parse(
    "priced",
    """
// name: items
// Items.
// params: rows
// returns:
UNWIND $rows AS row
CREATE (i:Item)
SET i = row

// name: reprice
// Other prices of items.
// params: ids, price, currency
// returns:
UNWIND $ids AS id
MATCH (i:Item {itemId: id})
SET i.price = $price, i.currency = $currency

// name: forget
// Events without prices.
// params:
// returns:
MATCH (e:Event)
SET e.price = null, e.currency = null
""",
)


def answer(id_: str, scenario: str | None, model: str, items: str, days: float = 0) -> Answer:
    at = NOW - timedelta(days=days)
    return Answer(id_, at, "for_you", scenario, model, "g", "ann", None, None, items.split(), "{}")


def event(id_: str, kind: str, item: str, of: str | None, quantity: float = 1.0) -> Event:
    return Event(id_, kind, "ann", item, NOW, weight=quantity, recommendation_id=of)


@pytest.fixture
def told(graph: Graph) -> Graph:
    make_keys(graph)
    prices: list[dict[str, Any]] = [
        {"itemId": "x", "price": 2.5, "currency": "EUR"},
        {"itemId": "y", "price": 4.0, "currency": "USD"},
        {"itemId": "z"},
    ]
    graph.write(PRICES["items"], rows=prices)
    answers = [
        answer("1", "home", "m1", "x y z"),
        answer("2", "home", "m2", "y x"),
        answer("3", None, "m2", "z"),
        answer("4", "home", "m2", ""),
        answer("old", "home", "m0", "x", days=40),
    ]
    graph.transact("answers", lambda tx: keep(tx, answers))
    events = [
        event("a", "view", "x", "1"),
        event("b", "view", "x", "1"),  # the same place again
        event("c", "purchase", "x", "1", 2),
        event("d", "purchase", "x", "1", 1),
        event("e", "purchase", "y", "2", 3),  # without a look at it
        event("f", "view", "x", "2"),
        event("g", "purchase", "z", "3"),
        event("h", "view", "y", "3"),  # was not shown there
        event("i", "view", "x", None),
        event("j", "cart", "z", "1"),
        event("k", "view", "x", "nowhere"),
        event("l", "view", "x", "old"),
    ]
    graph.transact("events", lambda tx: store(tx, events))
    return graph


def test_figures_by_scenario_model_and_position(told: Graph) -> None:
    found = {by: [tuple(f) for f in report(told, by)] for by in ("scenario", "model", "position")}
    money = {"EUR": 7.5, "USD": 12.0}
    # key, answers, shown, clicks, purchases, revenue, unpriced
    assert found["scenario"] == [("", 1, 1, 0, 1, {}, 1), ("home", 3, 5, 2, 2, money, 0)]
    assert found["model"] == [
        ("m1", 1, 3, 1, 1, {"EUR": 7.5}, 0),
        ("m2", 3, 3, 1, 2, {"USD": 12.0}, 1),
    ]
    assert found["position"] == [
        ("1", 3, 3, 1, 3, money, 1),
        ("2", 2, 2, 1, 0, {}, 0),
        ("3", 1, 1, 0, 0, {}, 0),
    ]
    home = report(told)[1]
    assert (home.click_through, home.conversion) == (2 / 5, 2 / 5)
    assert [f.key for f in report(told, "model", 50)] == ["m0", "m1", "m2"]
    with pytest.raises(SettingsError, match="--by is 'colour': expected one of scenario"):
        report(told, "colour")
    with pytest.raises(SettingsError, match="--days is 91"):
        report(told, days=91)


def test_revenue_is_that_of_the_purchases_whatever_items_cost_later(told: Graph) -> None:
    before = [tuple(f) for f in report(told)]
    told.write(PRICES["reprice"], ids=["x", "y", "z"], price=100.0, currency="GBP")
    told.transact("removal", lambda tx: remove(tx, ["y"]))
    changed = [tuple(f) for f in report(told)]
    assert changed[1] == before[1]
    assert changed[0][-2:] == ({"GBP": 100.0}, 0)  # z had no price: that of today
    told.write(PRICES["forget"])  # as purchases were kept before
    assert report(told)[1][-2:] == ({"GBP": 300.0}, 1)


def test_a_place_counts_once_and_each_purchase_at_its_price_and_currency(told: Graph) -> None:
    told.transact("events", lambda tx: store(tx, [event("m", "purchase", "x", "1", 2)._replace(price=1.5)]))
    told.write(PRICES["reprice"], ids=["x"], price=9.0, currency="USD")
    told.transact("events", lambda tx: store(tx, [event("n", "purchase", "x", "1", 1)]))
    home = report(told)[1]
    assert (home.clicks, home.purchases, home.unpriced) == (2, 2, 0)
    assert home.revenue == {"EUR": 7.5 + 3.0, "USD": 12.0 + 9.0}


def test_an_experiment_counts_as_reports_do(told: Graph) -> None:
    arms = [
        answer(f"t{arm}", "home", "m1", "x y")._replace(experiment="t", arm=arm, user_id=f"user-{arm}")
        for arm in ("a", "b")
    ]
    told.transact("answers", lambda tx: keep(tx, arms))
    events = [
        event("m", "view", "x", "ta"),
        event("n", "purchase", "x", "ta", 3),
        event("o", "purchase", "y", "tb")._replace(price=3.0),
        event("p", "purchase", "y", "tb"),
        event("q", "view", "y", "tb"),
    ]
    told.transact("events", lambda tx: store(tx, events))
    told.write(PRICES["reprice"], ids=["x", "y"], price=100.0, currency="GBP")
    told.transact("removal", lambda tx: remove(tx, ["y"]))
    a, b = compare(told, Experiment("t", "scenario", "home", "other", 0.5, NOW)).sides
    assert (a.clicks, a.purchases, a.unpriced, a.revenue_per_user) == (1, 1, 0, {"EUR": 7.5, "USD": 0.0})
    assert (b.clicks, b.purchases, b.unpriced, b.revenue_per_user) == (1, 1, 0, {"EUR": 0.0, "USD": 7.0})


def test_the_command_prints_them(told: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    c = told.connection
    for name, value in (("URI", c.uri), ("USER", c.user), ("PASSWORD", c.password)):
        monkeypatch.setenv(f"SHOPGRAPH_NEO4J_{name}", value)
    done = CliRunner().invoke(app, ["report", "--by", "position"], catch_exceptions=False)
    assert "33.33" in done.stdout
    assert "7.50 EUR, 12.00 USD" in done.stdout
    assert "1 of the items bought have no price" in done.stderr


def test_shoppers_are_split_by_the_share_for_ever_and_anew_in_each_experiment() -> None:
    users = [f"user-{n}" for n in range(20_000)]
    one, again, other = (
        np.array([Experiment(name, "scenario", "x", "y", 0.3, NOW).arm_of(u) == "b" for u in users])
        for name in ("one", "one", "other")
    )
    assert (one == again).all()
    for arms in (one, other):
        assert arms.mean() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 20_000) ** 0.5)
    assert (one & other).mean() == pytest.approx(0.09, abs=0.01)
    assert not (
        one & ~np.array([Experiment("one", "scenario", "x", "y", 0.5, NOW).arm_of(u) == "b" for u in users])
    ).any()


def test_the_difference_of_two_rates_by_hand() -> None:
    a, b = (
        ratio(np.array([1.0, 0.0]), np.array([4.0, 4.0])),
        ratio(np.array([1.0, 2.0]), np.array([2.0, 6.0])),
    )
    assert (a.mean(), b.mean()) == (pytest.approx(1 / 8), pytest.approx(3 / 8))
    assert a.tolist() == pytest.approx([0.25, 0.0])  # users who see as much: their own rates
    assert b.tolist() == pytest.approx([3 / 8 + (1 - 3 / 4) / 4, 3 / 8 + (2 - 18 / 8) / 4])
    assert difference("x", a, b).difference == pytest.approx(0.25)
    assert difference("x", a, b[:1]).low is None
    assert difference("x", np.ones(5), np.ones(5))[2:] == (0.0, None, None)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Shoppers differ in how much they see and in how they click, so that places are not independent."""
    random = np.random.default_rng(0)

    def side(rate: float, users: int) -> tuple[np.ndarray, np.ndarray]:
        shown = random.integers(1, 40, users)
        own = random.beta(10 * rate, 10 * (1 - rate), users)
        return random.binomial(shown, own).astype(float), shown.astype(float)

    rounds, covered, clear = 1_000, 0, 0
    for _ in range(rounds):
        found = difference("x", ratio(*side(0.10, 400)), ratio(*side(0.13, 600)))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.03 <= found.high
        clear += found.clear
    assert covered / rounds == pytest.approx(0.95, abs=0.025)
    assert clear / rounds > 0.9
