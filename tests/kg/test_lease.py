"""The lease on the graph: one holder at a time, and none for ever."""

import time
from threading import Barrier, Thread

import pytest

from kg.driver import Graph
from kg.errors import BusyError, RefreshError
from kg.queries import parse
from kg.refresh.lease import Lease, holder
from kg.schema import make_keys

TAKE = parse(
    "take",
    """
// name: take
// Give the lease to another holder.
// params:
// returns:
MATCH (l:Lease {name: 'refresh'})
SET l.token = l.token + 1, l.holder = 'thief', l.expiresAt = datetime.realtime() + duration({seconds: 30})
""",
)


def test_one_lease_at_a_time_and_a_number_that_grows(graph: Graph) -> None:
    make_keys(graph)
    with Lease(graph, "one", seconds=30) as first:
        with (
            pytest.raises(BusyError, match="one holds the lease until") as caught,
            Lease(graph, "two", seconds=30),
        ):
            pass
        assert caught.value.exit_code == 75
        first.check()
    assert holder(graph) is None
    with Lease(graph, "three", seconds=30) as third:
        assert third.token == first.token + 1
        with pytest.raises(RefreshError, match="another refresh has taken it"):
            first.check()


def test_the_lease_of_a_dead_holder_frees_itself_and_the_dead_writes_no_more(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_keys(graph)
    dead = Lease(graph, "dead", seconds=1)
    monkeypatch.setattr(dead, "_renew", lambda: None)  # as if it were stopped
    dead._thread = type(dead._thread)(target=dead._renew)
    dead.__enter__()
    with pytest.raises(BusyError), Lease(graph, "too early", seconds=30):
        pass
    time.sleep(1.2)
    with Lease(graph, "next", seconds=30) as lease:
        assert lease.token == dead.token + 1
        with pytest.raises(RefreshError):
            graph.transact("publication", dead.check)


def test_a_lease_is_renewed_for_as_long_as_it_is_held(graph: Graph) -> None:
    make_keys(graph)
    with Lease(graph, "one", seconds=2) as lease:
        time.sleep(3.5)
        with pytest.raises(BusyError, match="one holds the lease until"), Lease(graph, "two", seconds=30):
            pass
        lease.check()
        assert not lease.lost


def test_a_lease_that_was_taken_is_lost(graph: Graph) -> None:
    make_keys(graph)
    with Lease(graph, "one", seconds=1) as lease:
        graph.write(TAKE["take"])
        until = time.monotonic() + 10
        while not lease.lost and time.monotonic() < until:
            time.sleep(0.05)
        assert lease.lost
        with pytest.raises(RefreshError, match="another refresh has taken it"):
            lease.check()
    assert holder(graph) is not None  # what another one has is not released


def test_of_two_that_ask_for_the_lease_together_one_gets_it(graph: Graph) -> None:
    make_keys(graph)
    for trial in range(20):
        barrier, got = Barrier(2), []

        def ask(name: str, barrier: Barrier = barrier, got: list[str] = got) -> None:
            barrier.wait()
            try:
                with Lease(graph, name, seconds=30):
                    got.append(name)
                    barrier.wait()
            except BusyError:
                barrier.wait()

        pair = [Thread(target=ask, args=(f"{trial}-{n}",)) for n in range(2)]
        for thread in pair:
            thread.start()
        for thread in pair:
            thread.join()
        assert len(got) == 1
    assert holder(graph) is None
