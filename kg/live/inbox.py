"""Files of events and items, JSON lines in the shapes of POST /v1/events and /v1/items:bulk: read once, or
a folder watched.

The graph notes how many bytes of a file have been read and a hash of them. A file that was appended to is
read on from there; one that was written anew under its old name is read from its start, where the event_ids
tell what is known.
"""

import hashlib
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Stop
from typing import IO, Final, NamedTuple

from kg.console import say
from kg.errors import IngestError
from kg.files.jsonfile import read_record
from kg.files.sources import PACKED, damage_told, unpacked
from kg.live.streams import BATCH, Batch, Elsewhere, Message, Position, Sink, positions, told

_LINES: Final = {".jsonl", ".ndjson"}
_BLOCK = 1 << 20  # bytes that are hashed at a time
_AWAY = 30.0  # seconds until a folder that is gone is looked for again
POLL = 1.0  # seconds between two looks at a folder


def files_of(path: Path) -> list[Path]:
    """The files of JSON lines of a folder by name, or the one file itself.

    Raises:
        IngestError: there is no such file or folder, or the file is none of JSON lines.
    """
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and _fits(file))
    if not path.is_file():
        raise IngestError(f"There is no file or folder {path}.")
    if not _fits(path):
        raise IngestError(
            f"{path} is not a file of JSON lines: its name must end in .jsonl or .ndjson (.gz)."
        )
    return [path]


def read_events(sink: Sink, path: Path, *, watching: bool) -> Counter[str]:
    """Read what is new in a file or folder, until SIGTERM or Ctrl-C where it is watched.

    Returns:
        How many were accepted, duplicate, pending and rejected.

    Raises:
        IngestError: there is no such file, or one is damaged; all others were read.
        GraphError: the graph did not take something; the next run goes on with them.
    """
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if watching:
        return watch(sink, path, stop)
    total: Counter[str] = Counter()
    damaged = list[str]()
    files = files_of(path)
    for file in files:
        try:
            total += read_file(sink, file, stop, growing=False)
        except IngestError as error:
            damaged.append(str(error))
    if damaged:
        rest = f" Of the other files and before it: {told(total)}." if len(files) > 1 else ""
        raise IngestError(" ".join(damaged) + rest)
    return total


def watch(sink: Sink, folder: Path, stop: Stop) -> Counter[str]:
    """Read what is new, and go on to look for more, until `stop` is set.

    A folder on another machine tells nobody of changes, so it is looked at every second.
    """
    total: Counter[str] = Counter()
    seen: dict[Path, _Look] = {}  # when a file was last read
    files = files_of(folder)
    while True:
        for file in files:
            look = _look(file)
            if look is None or seen.get(file) == look:
                continue
            seen[file] = look
            try:
                done = read_file(sink, file, stop, growing=True)
            except IngestError as error:  # perhaps half of it has come; it is read again when it changes
                say(f"{error} It is read again when it changes.")
                continue
            total += done
            if done:
                say(f"{file.name}: {told(done)}")
        if stop.wait(POLL):
            return total
        try:
            files = files_of(folder)
        except IngestError as error:  # a folder on another machine may be away for a while
            say(f"{error} It is looked for again.")
            files = []
            stop.wait(_AWAY)


def read_file(sink: Sink, file: Path, stop: Stop, *, growing: bool) -> Counter[str]:
    """Read what is new of one file.

    Args:
        growing: whether an unfinished last line may still be finished, so that it has to wait.

    Raises:
        IngestError: the file is damaged.
    """
    total: Counter[str] = Counter()
    source = str(file.resolve())
    whole = False
    while not whole and not stop.is_set():
        whole = True
        known = positions(sink.graph, source, [None]).get(None)
        for batch in batches(file, known, growing=growing):
            done = sink.take(source, None, batch)
            if isinstance(done, Elsewhere):  # another process reads it too: on from where that one is
                whole = False
                break
            total += done
            if stop.is_set():
                break
    return total


def batches(file: Path, known: Position | None, *, growing: bool) -> Iterator[Batch]:
    """The lines of a file that are new, with how far each batch came.

    Raises:
        IngestError: the file is damaged.
    """
    now = datetime.now(UTC)
    with damage_told(file), unpacked(file) as lines:
        place = _Place.after(lines, known)
        if place is None:  # other content than what was read
            lines.seek(0)
            place = _Place()
        before, messages = known, list[Message]()
        for line in lines:
            if growing and not line.endswith(b"\n") and isinstance(read_record(line), str):
                break
            if line.strip():
                messages.append(Message(place.lines + 1, line, now))
            place.add(line)
            if len(messages) == BATCH:
                after = place.position()
                yield Batch(messages, before, after)
                before, messages = after, []
        if messages:
            yield Batch(messages, before, place.position())


class _Place:
    """A place in a file: bytes and lines before it, and the hash of those bytes."""

    def __init__(self) -> None:
        self.bytes, self.lines, self.digest = 0, 0, hashlib.sha256()

    @classmethod
    def after(cls, file: IO[bytes], known: Position | None) -> "_Place | None":
        """The place that was read up to; None where the bytes before it are other ones."""
        place = cls()
        while known is not None and place.bytes < known.next:
            block = file.read(min(_BLOCK, known.next - place.bytes))
            if not block:
                return None
            place.add(block)
        same = known is None or known.mark == place.digest.hexdigest()
        return place if same else None

    def add(self, block: bytes) -> None:
        self.bytes += len(block)
        self.lines += block.count(b"\n")
        self.digest.update(block)

    def position(self) -> Position:
        return Position(self.bytes, self.digest.hexdigest(), self.bytes)


class _Look(NamedTuple):
    size: int
    changed: int  # nanoseconds since 1970


def _look(file: Path) -> _Look | None:
    """None where the file is gone."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return _Look(found.st_size, found.st_mtime_ns)


def _fits(file: Path) -> bool:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _LINES and not file.name.startswith(".")
