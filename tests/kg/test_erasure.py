"""A user who was erased stays so: files and late events bring back nothing of what happened until then."""

import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from kg.driver import Graph
from kg.live.erasure import erase
from kg.live.events import Event, store
from kg.refresh.job import Options
from kg.refresh.source import remember
from kg.schema import make_keys
from tests.kg.made_up import SALES, read_csv, write_csv, write_shop
from tests.kg.test_refresh import UNTIL_PRUNE, Q, run

AGAIN = Options(full=True, until="prune", retrain=False)


@pytest.fixture
def shop(graph: Graph, tmp_path: Path) -> Path:
    """Loaded, and u3 erased afterwards."""
    make_keys(graph)
    folder = write_shop(tmp_path / "shop")
    remember(graph, folder, None)
    run(graph, tmp_path / "home", UNTIL_PRUNE)
    graph.transact("erasure", partial(erase, user_id="u3"))
    return folder


def of(graph: Graph, user: str) -> list[tuple[str, str, int]]:
    """What a user did, as the graph has it: type, item, count."""
    return [(r["type"], r["item"], r["count"]) for r in graph.read(Q["edges"]) if r["user"] == user]


def buy(folder: Path, at: int) -> str:
    """A purchase by u3 of what they had bought before, as a row of the files; returns the item."""
    sales = read_csv(folder / "sales.csv")
    item = next(row[1] for row in sales if row[0] == "u3" and row[2] == "purchase")
    write_csv(folder / "sales.csv", SALES, [*sales, ["u3", item, "purchase", str(at), "2", "new", "train"]])
    return item


def test_files_do_not_bring_an_erased_user_back(graph: Graph, shop: Path, tmp_path: Path) -> None:
    others = of(graph, "u4")
    run(graph, tmp_path / "home", AGAIN)
    buy(shop, int(time.time()) - 86_400)
    run(graph, tmp_path / "home", UNTIL_PRUNE)
    assert of(graph, "u3") == []
    assert of(graph, "u4") == others != []
    with graph.driver.session() as session:
        named = "MATCH (n) WHERE any(key IN keys(n) WHERE n[key] = 'u3') RETURN count(n) AS n"
        assert session.run(named).single(strict=True)["n"] == 0


def test_who_was_erased_may_come_back_with_what_they_do_since(
    graph: Graph, shop: Path, tmp_path: Path
) -> None:
    item = buy(shop, int(time.time()) + 3_600)
    run(graph, tmp_path / "home", UNTIL_PRUNE)
    assert of(graph, "u3") == [("BOUGHT", item, 1)]
    run(graph, tmp_path / "home", AGAIN)
    assert of(graph, "u3") == [("BOUGHT", item, 1)]
    write_csv(shop / "sales.csv", SALES, read_csv(shop / "sales.csv")[:-1])
    run(graph, tmp_path / "home", UNTIL_PRUNE)
    assert of(graph, "u3") == []


@pytest.mark.usefixtures("shop")
def test_what_was_dated_ahead_is_forgotten_too_and_the_same_second_is_not(graph: Graph) -> None:
    tomorrow = datetime.fromtimestamp(int(time.time()) + 70_000, UTC)
    ahead = Event("ahead", "purchase", "u5", "p1", tomorrow)
    graph.transact("events", partial(store, events=[ahead]))
    for user in ("u5", "u6"):
        graph.transact("erasure", partial(erase, user_id=user))
    now = datetime.now(UTC).replace(microsecond=0)
    later = [ahead._replace(event_id="again"), Event("since", "purchase", "u6", "p1", now)]
    assert graph.transact("events", partial(store, events=later)) == ["erased", "accepted"]
    assert (of(graph, "u5"), of(graph, "u6")) == ([], [("BOUGHT", "p1", 1)])


@pytest.mark.usefixtures("shop")
def test_late_events_of_an_erased_user_are_not_kept(graph: Graph) -> None:
    late = Event("late", "purchase", "u3", "p1", datetime(2026, 1, 1, tzinfo=UTC))
    search = late._replace(event_id="search", type="search", item_id=None, query="tea")
    since = late._replace(event_id="since", at=datetime.fromtimestamp(int(time.time()) + 60, UTC))
    other = late._replace(event_id="other", user_id="u4")
    told = partial(store, events=[late, search, since, other])
    assert graph.transact("events", told) == ["erased", "erased", "accepted", "accepted"]
    assert of(graph, "u3") == [("BOUGHT", "p1", 1)]
    assert graph.transact("events", told) == ["erased", "erased", "duplicate", "duplicate"]


@pytest.mark.usefixtures("shop")
def test_erasing_again_takes_nothing_of_an_erasure_back(graph: Graph) -> None:
    tomorrow = datetime.fromtimestamp(int(time.time()) + 70_000, UTC)
    ahead = Event("ahead", "purchase", "u5", "p1", tomorrow)
    graph.transact("events", partial(store, events=[ahead]))
    for _ in range(2):
        graph.transact("erasure", partial(erase, user_id="u5"))
    assert graph.transact("events", partial(store, events=[ahead._replace(event_id="again")])) == ["erased"]
