"""A command that another one started ends when that one does, however it ended."""

import os
import signal
import threading
import time
from typing import Final

PARENT: Final = "SHOPGRAPH_PARENT"  # environment variable: process id of the command that started this one
_EVERY = 0.5  # seconds


def end_with_parent() -> None:
    """Watch the process that PARENT names, where it is set.

    A killed parent cannot stop its child; a child that went on would write beside the next run.
    """
    parent = os.environ.get(PARENT)
    if parent is not None and parent.isdigit():
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_EVERY)
    os.kill(os.getpid(), signal.SIGKILL)
