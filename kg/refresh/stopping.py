"""SIGTERM and Ctrl-C: a refresh ends where nothing is half done, with its reason noted and its lease free.

The signal sets a flag alone. An exception out of nowhere could end up in the database's driver or in DuckDB,
which make another error of it and leave a connection that nothing more can be said over.
"""

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

from kg.errors import StoppedError


class Stop:
    """Takes the signals for a `with` block, in the main thread."""

    def __init__(self) -> None:
        self.number: int | None = None  # of the signal that came
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {n: signal.signal(n, self._told) for n in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def check(self) -> None:
        """Go no further once a signal has come.

        Raises:
            StoppedError: one has.
        """
        if self.number is not None:
            raise StoppedError(self.number)

    def _told(self, number: int, _: FrameType | None) -> None:
        # systemd tells every process, and so does the schedule that it tells; a second Ctrl-C means more.
        if self.number is None:
            self.number = number
            again = " (Ctrl-C again: at once)" if number == signal.SIGINT else ""
            # Not by `say`, which imports: a signal may come in the middle of an import.
            words = f"told to stop: the step at hand comes to its end first{again}\n"
            os.write(2, words.encode())
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
