"""What the driver's errors are told as."""

import pytest
from neo4j.exceptions import DatabaseError, ServiceUnavailable, SessionExpired, TransientError

from kg.driver import _explained
from kg.errors import GraphError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ServiceUnavailable("gone"), r"stopped answering during items \(gone\)"),
        (SessionExpired("moved"), r"stopped answering during items \(moved\)"),
        (TransientError("memory"), "did not take items: "),
        (DatabaseError("disk"), "did not take items: "),
    ],
)
def test_every_error_of_the_driver_names_what_was_done(error: Exception, told: str) -> None:
    with pytest.raises(GraphError, match=told), _explained("items"):
        raise error
