"""What one command leaves for the next: which process the server is and where it listens."""

from pydantic import BaseModel, ValidationError

from kg.console import say
from kg.server.layout import Layout, write_private
from kg.server.ports import Ports


class State(BaseModel, frozen=True):
    """Kept in state.json. The ports stay when the server stops, so that addresses last."""

    bolt_port: int
    http_port: int
    pid: int | None = None  # None when stopped

    @property
    def ports(self) -> Ports:
        return Ports(self.bolt_port, self.http_port)


def load(layout: Layout) -> State | None:
    """The state, or None when there is none or the file is broken (a broken one is said)."""
    try:
        return State.model_validate_json(layout.state.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError:
        say(f"{layout.state} is broken and will be written anew.")
        return None


def save(layout: Layout, state: State) -> None:
    """Replace the state file in one step."""
    write_private(layout.state, state.model_dump_json(indent=2) + "\n")
