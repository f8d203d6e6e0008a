"""Which fine-tuned encoder this home has adopted: the last line of <home>/encoders/adopted.

Each line names a folder beside the file. The file is replaced as a whole, so that a killed run leaves the old
one; a line that is taken off brings back what served before.
"""

import os
from pathlib import Path
from typing import NamedTuple

JUDGED = "judged"  # folder within that of an adopted encoder
TUNED = "tuned-"  # their names begin so


class Dropped(NamedTuple):
    """What undoing did."""

    dropped: str | None  # name of the encoder that is adopted no longer; None: none was
    encoder: str  # what serves now: a folder, or the name of the default


def encoders(home: Path) -> Path:
    """Where the fine-tuned encoders lie, a folder each."""
    return home / "encoders"


def adopted(home: Path) -> str | None:
    """The folder of the encoder that was adopted last, None while there is none."""
    names = _names(home)
    return str((encoders(home) / names[-1]).resolve()) if names else None


def judged(encoder: str) -> str:
    """The weights by which an adopted encoder was judged: those of a training without what was held out.

    What serves was trained on all pairs, so it knows what the next one is judged by.
    """
    folder = Path(encoder) / JUDGED
    return str(folder) if folder.is_dir() else encoder


def adopt(home: Path, name: str) -> None:
    """Let the encoder in the folder `name` serve from the next process on."""
    _write(home, [*_names(home), name])


def undo(home: Path, default: str) -> Dropped:
    """Take back the last adoption; the weights stay where they are."""
    names = _names(home)
    if not names:
        return Dropped(None, default)
    _write(home, names[:-1])
    return Dropped(names[-1], adopted(home) or default)


def _names(home: Path) -> list[str]:
    file = encoders(home) / "adopted"
    return file.read_text(encoding="utf-8").split() if file.is_file() else []


def _write(home: Path, names: list[str]) -> None:
    file = encoders(home) / "adopted"
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    draft.replace(file)
