"""What a person sees of a command: progress bars on a terminal, plain lines in a log, JSON on request."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console

# A log has no width; tables take what they need up to this.
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True, soft_wrap=True)


class Advance(Protocol):
    """Moves a progress display on by `n` steps."""

    def __call__(self, n: int = 1) -> None: ...


def say(message: str) -> None:
    """A line for the person, on standard error so that --json output stays clean."""
    err.print(message, highlight=False, markup=False)  # it may name [items, dim] or a file called [x]


def emit_json(value: Any) -> None:
    """The machine-readable result of a command, on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Advance]:
    """Progress over `total` steps: a bar on a terminal, else a plain line every ten seconds.

    >>> with progress("items", 100) as advance:
    ...     advance(50)
    """
    if err.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=err) as bar:
            task = bar.add_task(label, total=total)

            def step(n: int = 1) -> None:
                bar.advance(task, n)

            yield step
        return
    started = said = time.monotonic()
    done = 0

    def line(n: int = 1) -> None:
        nonlocal said, done
        done += n
        if time.monotonic() - said >= 10:
            said = time.monotonic()
            of = f" of {total:,}" if total else ""
            say(f"{label}: {done:,}{of} after {said - started:.0f} s")

    yield line
    say(f"{label}: {done:,} in {time.monotonic() - started:.1f} s")
