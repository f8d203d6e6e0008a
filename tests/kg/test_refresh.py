"""`shopgraph refresh` on a real Neo4j: what is loaded, pruned, counted, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from unittest.mock import ANY

import pytest

from kg.build import DEFAULTS, build_edges
from kg.checksum import measure
from kg.counts import settled
from kg.driver import Graph
from kg.encode import encode_items
from kg.errors import RefreshError, ShrinkError, StoppedError
from kg.ingest import ingest
from kg.live.events import Event
from kg.live.events import store as tell
from kg.queries import parse
from kg.refresh import StageName, stages
from kg.refresh.child import shopgraph
from kg.refresh.history import jobs, last
from kg.refresh.job import Job, Options
from kg.refresh.lease import Lease, holder
from kg.refresh.run import Outcome, refresh
from kg.refresh.source import remember, remembered
from kg.refresh.stopping import Stop
from kg.schema import make_keys
from kg.settings import Settings
from kg.words.intents import mine_intents
from tests.conftest import PROJECT, empty
from tests.kg.made_up import PRODUCTS, SALES, read_csv, write_csv, write_shop

NO_TRAINING = Options(retrain=False)
UNTIL_PRUNE = Options(until="prune", retrain=False)
Q = parse(
    "test",
    """
// name: edges
// Edges between users and items.
// params:
// returns: user, type, item, count
MATCH (u:User)-[r:VIEWED|BOUGHT]->(i:Item)
RETURN u.userId AS user, type(r) AS type, i.itemId AS item, r.count AS count

// name: take
// Give the lease to another holder.
// params:
// returns:
MATCH (l:Lease {name: 'refresh'})
SET l.token = l.token + 1

// name: items
// Items.
// params:
// returns: id, brand
MATCH (i:Item)
RETURN i.itemId AS id, i.brand AS brand
""",
)


def settings(graph: Graph, home: Path) -> Settings:
    c = graph.connection
    return Settings(home=home, neo4j_uri=c.uri, neo4j_user=c.user, neo4j_password=c.password)


def environment(graph: Graph, home: Path) -> dict[str, str]:
    c = graph.connection
    return {
        **os.environ, "SHOPGRAPH_HOME": str(home), "SHOPGRAPH_NEO4J_URI": c.uri,
        "SHOPGRAPH_NEO4J_USER": c.user, "SHOPGRAPH_NEO4J_PASSWORD": c.password,
    }  # fmt: skip


def change(folder: Path, *, texts: bool = True) -> None:
    """A day later: sales come and are taken back, a price, a product gone and perhaps a new one."""
    products, sales = read_csv(folder / "products.csv"), read_csv(folder / "sales.csv")
    products[3][3] = "99.5"
    products = [product for product in products if product[0] != "p7"]
    sales = [s for s in sales if s[1] != "p7" and s[0] != "u40"][:-6]
    for n in range(12):
        sales.append(
            [f"u{n}", f"p{(3 * n) % 7}", "purchase", 1_700_900_000 + n, 1, f"late-{n // 2}", "train"]
        )
    if texts:
        products.append(["p99", "Brand new", "Maker new", "5", "All/New shelf"])
        sales.append(["newcomer", "p99", "purchase", 1_700_900_100, 1, "r-new", "train"])
    pairs = [row for row in read_csv(folder / "together.csv") if "p7" not in row]
    write_csv(folder / "products.csv", PRODUCTS, products)
    write_csv(folder / "sales.csv", SALES, sales)
    write_csv(folder / "together.csv", ["how", "one", "other"], pairs)


def run(graph: Graph, home: Path, options: Options = NO_TRAINING) -> Outcome:
    return refresh(graph, settings(graph, home), options)


def rebuilt(graph: Graph, folder: Path, home: Path) -> Any:
    """The graph as it is when all is made anew from the files."""
    empty(graph)
    ingest(graph, folder, home)
    encode_items(graph, settings(graph, home))
    build_edges(graph)
    return measure(graph)


@pytest.fixture
def loaded(graph: Graph, shop: Path, home: Path) -> Path:
    """The shop's folder, its files loaded and encoded in this process, which has torch in memory."""
    ingest(graph, shop, home)
    encode_items(graph, settings(graph, home))
    run(graph, home)
    return shop


@pytest.fixture
def shop(tmp_path: Path, graph: Graph) -> Path:
    folder = write_shop(tmp_path / "shop", users=60, items=30)
    make_keys(graph)
    remember(graph, folder, None)
    return folder


@pytest.fixture
def home(encoder_home: Path, tmp_path: Path) -> Path:
    """A home of its own whose encoder is exported already."""
    folder = tmp_path / "home"
    folder.mkdir()
    for path in encoder_home.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def test_a_refresh_ends_in_the_graph_of_a_full_rebuild_and_again_changes_nothing(
    graph: Graph, shop: Path, home: Path, tmp_path: Path
) -> None:
    first = run(graph, home)
    assert first.stages["ingest"]["madeup"]["items created"] == 30
    assert first.stages["encode"]["encoded"] == 30
    again = run(graph, home)
    assert not again.changed
    assert again.stages["ingest"]["madeup"].keys() == {"read"}
    before = measure(graph)
    change(shop)
    second = run(graph, home)
    assert second.changed
    assert second.stages["ingest"]["madeup"]["items created"] == 1
    assert second.stages["ingest"]["madeup"]["interactions created"] <= 13
    assert second.stages["encode"]["encoded"] == 1
    assert second.stages["prune"]["madeup"]["items"] == 1
    assert second.stages["prune"]["madeup"]["users"] == 1
    found = measure(graph)
    assert found != before
    assert found == rebuilt(graph, shop, tmp_path / "other")


def test_what_was_told_live_is_not_pruned(graph: Graph, shop: Path, home: Path) -> None:
    run(graph, home, Options(until="prune", retrain=False))
    event = Event("e1", "purchase", "live", "p1", datetime(2026, 1, 2, tzinfo=UTC))
    graph.transact("event", lambda tx: tell(tx, [event]))
    change(shop)
    run(graph, home, Options(until="prune", retrain=False))
    edges = {(row["user"], row["type"], row["item"]): row["count"] for row in graph.read(Q["edges"])}
    assert edges["live", "BOUGHT", "p1"] == 1
    assert not any(user == "u40" or item == "p7" for user, _, item in edges)


@pytest.mark.usefixtures("loaded")
def test_counting_what_changed_equals_counting_all_with_live_events(graph: Graph, home: Path) -> None:
    events = [
        Event(f"e{n}", "purchase", f"u{n % 9}", f"p{n % 5}", datetime(2026, 1, 2, tzinfo=UTC), f"b{n % 3}")
        for n in range(40)
    ]
    graph.transact("events", lambda tx: tell(tx, events))
    done = run(graph, home)
    assert done.stages["count"]["BOUGHT_WITH"]["written"] > 0
    found = measure(graph)
    assert all(change.written == change.deleted == 0 for change in build_edges(graph).values())
    assert measure(graph) == found


def test_a_source_that_shrinks_stops_before_anything_is_written(graph: Graph, shop: Path, home: Path) -> None:
    until = Options(until="prune", retrain=False)
    run(graph, home, until)
    before = measure(graph)
    write_csv(shop / "sales.csv", SALES, read_csv(shop / "sales.csv")[:400])
    with pytest.raises(
        ShrinkError, match=r"madeup has 400 interactions, it had 720: 44% are gone.*--allow-shrink"
    ):
        run(graph, home, until)
    assert measure(graph) == before
    assert jobs(graph, 1)[0]["status"] == "stopped"
    done = run(graph, home, until.model_copy(update={"allow_shrink": True}))
    assert done.stages["prune"]["madeup"]["edges"] > 0
    assert sum(row["count"] for row in graph.read(Q["edges"])) == 400


def test_a_failed_load_never_prunes(graph: Graph, shop: Path, home: Path) -> None:
    run(graph, home, Options(until="prune", retrain=False))
    before = measure(graph)
    change(shop)
    sales = read_csv(shop / "sales.csv")
    write_csv(shop / "sales.csv", SALES, [[*row[:3], "no time", *row[4:]] if n % 5 == 0 else row
                                          for n, row in enumerate(sales)])  # fmt: skip
    with pytest.raises(Exception, match="were rejected"):
        run(graph, home)
    assert measure(graph) == before


def test_without_a_source_it_says_what_to_do(graph: Graph, home: Path) -> None:
    with pytest.raises(RefreshError, match="shopgraph refresh --source FOLDER"):
        run(graph, home)
    assert holder(graph) is None


def test_a_shop_that_came_without_a_source_is_refreshed(graph: Graph, home: Path, tmp_path: Path) -> None:
    ingest(graph, write_shop(tmp_path / "fed", users=60, items=30), home)  # stands for the API and streams
    done = run(graph, home)
    told = {"seconds": ANY, "skipped": "no source: what came by the API and streams is in the graph"}
    assert done.stages["ingest"] == done.stages["prune"] == told
    assert done.stages["encode"]["encoded"] == 30
    assert done.stages["count"]["BOUGHT_WITH"]["written"] > 0
    assert done.stages["check"]["checked"]
    assert not run(graph, home).changed


@pytest.mark.usefixtures("loaded")
def test_a_run_that_failed_late_does_not_keep_what_is_told_live_from_being_counted(
    graph: Graph, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RefreshError("nothing trains today")

    event = Event("e1", "purchase", "u1", "p1", datetime(2026, 1, 2, tzinfo=UTC))
    graph.transact("event", lambda tx: tell(tx, [event]))
    monkeypatch.setattr(stages.retrain, "reason", broken)
    with pytest.raises(RefreshError, match="nothing trains"):
        run(graph, home)
    graph.transact("event", lambda tx: tell(tx, [event._replace(event_id="e2", item_id="p2")]))
    with pytest.raises(RefreshError, match="nothing trains"):
        run(graph, home)
    assert settled(graph, home, DEFAULTS)
    monkeypatch.undo()
    done = run(graph, home)
    assert done.resumed
    assert "ingest" not in done.stages
    assert done.stages["check"]["checked"]


@pytest.mark.usefixtures("shop")
def test_what_a_run_until_a_stage_changed_is_checked_by_the_next(graph: Graph, home: Path) -> None:
    run(graph, home, Options(until="count", retrain=False))
    whole = run(graph, home)
    assert not whole.changed
    assert whole.stages["check"]["checked"]
    assert not run(graph, home).stages["check"]["checked"]
    assert run(graph, home, Options(full=True, retrain=False)).stages["check"]["checked"]


def test_a_command_that_fails_says_why_in_the_refresh(graph: Graph, home: Path) -> None:
    with (
        Lease(graph, "a run") as lease,
        pytest.raises(RefreshError, match="shopgraph gnn gate nope ended with 1: No model 'nope' in"),
    ):
        shopgraph(graph, settings(graph, home), lease, "gnn", "gate", "nope")


def test_a_command_ends_when_the_refresh_is_told_to_stop(graph: Graph, home: Path) -> None:
    stop = Stop()
    with Lease(graph, "a run", stop=stop) as lease:
        timer = threading.Timer(2, lambda: setattr(stop, "number", signal.SIGTERM))
        timer.start()
        began = time.monotonic()
        with pytest.raises(StoppedError) as told:
            shopgraph(graph, settings(graph, home), lease, "gnn", "embed-new", "--watch", "600")
    assert told.value.exit_code == 143
    assert time.monotonic() - began < 20
    assert holder(graph) is None


def test_the_stages_have_the_names_that_until_takes() -> None:
    assert get_args(StageName) == tuple(stage.name for stage in stages.STAGES)


def stopped(graph: Graph, home: Path, options: Options) -> str:
    """A refresh that is told to stop before its first stage; returns its run id."""
    stop = Stop()
    stop.number = signal.SIGTERM
    with pytest.raises(StoppedError):
        refresh(graph, settings(graph, home), options, stop=stop)
    job = last(graph)["job"]
    assert (job["status"], job["error"]) == ("stopped", "told to stop")
    return str(job["run_id"])


def test_a_whole_run_that_was_stopped_is_finished_as_one(graph: Graph, shop: Path, home: Path) -> None:
    run(graph, home)
    whole = NO_TRAINING.model_copy(update={"full": True})
    begun = stopped(graph, home, whole)
    done = run(graph, home)
    assert (done.run_id, done.resumed, last(graph)["job"]["mode"]) == (begun, True, "full")
    stopped(graph, home, whole)
    change(shop, texts=False)
    other = run(graph, home)
    assert (other.resumed, last(graph)["job"]["mode"]) == (False, "full")
    begun = stopped(graph, home, NO_TRAINING)
    asked = run(graph, home, whole)
    assert (asked.run_id == begun, last(graph)["job"]["mode"]) == (False, "full")
    run(graph, home)
    assert last(graph)["job"]["mode"] == "incremental"


def test_bad_rows_are_told_of_each_time(
    graph: Graph, shop: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sales = read_csv(shop / "sales.csv")
    write_csv(shop / "sales.csv", SALES, [*sales, ["u1", "p1", "purchase", "never", "1", "r", "train"]])
    for _ in range(2):
        counts = run(graph, home, UNTIL_PRUNE).stages["ingest"]["madeup"]
        assert counts["rejected"] == {"interactions": 1}
        assert "never" in counts["rejects"].read_text()
        said = capsys.readouterr().err
        assert "madeup: 1 rows of interactions were rejected: " in said
        assert f"all of them: {counts['rejects']}" in said
    assert not run(graph, home, UNTIL_PRUNE).changed


@pytest.mark.usefixtures("shop")
def test_without_the_lease_no_batch_is_written(graph: Graph, home: Path) -> None:
    before = measure(graph)
    with Lease(graph, "a run") as lease:
        job = Job(graph, settings(graph, home), NO_TRAINING, "r", lease, remembered(graph))
        graph.write(Q["take"])
        with pytest.raises(RefreshError, match="has expired and another refresh has taken it"):
            stages.ingest(job)
    assert measure(graph) == before


def test_without_the_lease_no_batch_is_pruned(graph: Graph, shop: Path, home: Path) -> None:
    run(graph, home, UNTIL_PRUNE)
    change(shop, texts=False)
    run(graph, home, Options(until="ingest", retrain=False))
    before = measure(graph)
    with Lease(graph, "a run") as lease:
        job = Job(graph, settings(graph, home), NO_TRAINING, "r", lease, remembered(graph))
        job.done["ingest"] = stages.ingest(job)
        graph.write(Q["take"])
        with pytest.raises(RefreshError, match="has expired and another refresh has taken it"):
            stages.prune(job)
    assert measure(graph) == before


@pytest.mark.usefixtures("shop")
def test_a_second_refresh_exits_at_once_and_says_who_runs(graph: Graph, home: Path) -> None:
    command = [sys.executable, "-m", "kg.main", "refresh", "--until", "prune", "--json"]
    with Lease(graph, "the first", seconds=60):
        second = subprocess.run(
            command, env=environment(graph, home), cwd=PROJECT, text=True, capture_output=True, check=False
        )
    assert second.returncode == 75, second.stderr
    assert "the first holds the lease until" in second.stderr
    assert "the first holds the lease until" in json.loads(second.stdout)["error"]
    assert jobs(graph, 9) == []


@pytest.mark.parametrize(
    ("stage", "after"),
    [
        ("ingest", "1w"),
        ("ingest", "6w"),
        ("prune", "0w"),
        ("prune", "2w"),
        ("encode", "4s"),
        ("count", "2.5s"),
    ],
)
def test_killed_in_a_stage_the_next_run_ends_in_the_same_graph(
    graph: Graph, loaded: Path, home: Path, tmp_path: Path, stage: str, after: str
) -> None:
    change(loaded, texts=stage == "encode")
    arguments = ["--no-retrain", "--lease-seconds", "4"]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.kg.killed", stage, after, *arguments],
        env=environment(graph, home), cwd=PROJECT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    stopped = last(graph)["job"]
    assert stopped["status"] == "running"
    until = time.monotonic() + 10
    while holder(graph) is not None and time.monotonic() < until:
        time.sleep(0.2)
    assert last(graph)["job"]["status"] == "killed"  # running only as long as its lease may be renewed
    done = run(graph, home)
    assert (done.run_id, done.resumed) == (stopped["run_id"], True)
    assert stage in done.stages
    assert last(graph)["job"]["status"] == "done"
    found = measure(graph)
    assert found == rebuilt(graph, loaded, tmp_path / "other")


def test_needs_that_were_mined_before_are_mined_again_when_anything_changed(
    graph: Graph, loaded: Path, home: Path
) -> None:
    def search(*users: str) -> None:
        at = datetime.fromtimestamp(1_700_000_000 - 60, tz=UTC)
        events = [Event(f"s-{user}", "search", user, None, at, query="a good product") for user in users]
        graph.transact("searches", lambda tx: tell(tx, events))

    search("u0", "u1", "u2")
    change(loaded)
    assert run(graph, home).stages["mine"] == {"seconds": ANY}  # nobody asked for needs yet
    assert mine_intents(graph, settings(graph, home)).needs == 1
    assert run(graph, home).stages["mine"] == {"seconds": ANY}  # nothing changed
    search(*(f"u{n}" for n in range(3, 20)))
    change(loaded, texts=False)
    assert run(graph, home).stages["mine"] == {"seconds": ANY, "needs": 1, "written": 1, "deleted": 0}
    before = measure(graph).checksum
    mine_intents(graph, settings(graph, home))
    assert measure(graph).checksum == before
