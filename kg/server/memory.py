"""How much memory the local Neo4j may take."""

from pathlib import Path
from typing import NamedTuple

from kg.errors import ServerError

MIB = 1024 * 1024
OVERHEAD = 350  # MiB the JVM takes besides heap and page cache: classes, code, threads, network buffers
LEAST_HEAP, LEAST_PAGE_CACHE = 256, 32  # MiB; with less Neo4j 2026.09 does not start
_CGROUP = Path("/sys/fs/cgroup")


class Memory(NamedTuple):
    """Limits in MiB."""

    heap: int
    page_cache: int


class Machine(NamedTuple):
    """Memory in MiB, of the machine or of the container around us, whichever is smaller."""

    total: int
    available: int


def machine() -> Machine:
    """What this machine has now."""
    import psutil

    memory = psutil.virtual_memory()
    total, available = memory.total // MIB, memory.available // MIB
    try:
        limit = int((_CGROUP / "memory.max").read_text()) // MIB
        used = int((_CGROUP / "memory.current").read_text()) // MIB
    except (OSError, ValueError):  # no such limit: another system, or the file says "max"
        return Machine(total, available)
    return Machine(min(total, limit), min(available, max(limit - used, 0)))


def choose(has: Machine, heap: int | None = None, page_cache: int | None = None) -> Memory:
    """The asked limits, or an eighth of the machine each, or less where less is free.

    Raises:
        ServerError: not enough memory is free.
    """
    room = has.available - OVERHEAD
    wanted = Memory(
        heap or min(max(has.total // 8, 512), 4096),
        page_cache or min(max(has.total // 8, 128), 8192),
    )
    if sum(wanted) <= room:
        return wanted
    least_heap = heap or LEAST_HEAP
    smaller_cache = page_cache or min(
        wanted.page_cache, max(min(room // 3, room - least_heap), LEAST_PAGE_CACHE)
    )
    smaller = Memory(heap or min(wanted.heap, max(room - smaller_cache, LEAST_HEAP)), smaller_cache)
    if sum(smaller) > room:
        raise ServerError(
            f"Neo4j needs {sum(smaller) + OVERHEAD} MiB of memory (heap {smaller.heap}, page cache "
            f"{smaller.page_cache}, JVM {OVERHEAD}), but {has.available} MiB of {has.total} MiB are free. "
            "Close other programs, or set SHOPGRAPH_NEO4J_URI to a Neo4j on another machine."
        )
    return smaller
