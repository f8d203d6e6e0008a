"""JSON lines and JSON documents, record by record, with the reason where one cannot be used."""

import json
from collections.abc import Iterator
from typing import IO, Any

from kg.files.delimited import CELL_LIMIT

Numbered = tuple[int, dict[str, Any] | str]  # row number, and the record or the reason why there is none


def read_lines(file: IO[bytes]) -> Iterator[Numbered]:
    """(line number, record, or the reason why there is none)."""
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, read_record(line)


def read_record(text: bytes) -> dict[str, Any] | str:
    """A JSON object, or the reason why there is none."""
    try:
        record = json.loads(text)
    except UnicodeDecodeError:
        return "broken encoding"
    except (ValueError, RecursionError) as error:
        return "a NUL byte" if b"\0" in text else f"not JSON: {error}"
    return _checked(record, text)


def _checked(record: Any, line: bytes) -> dict[str, Any] | str:
    if not isinstance(record, dict):
        return f"not a JSON object but a {type(record).__name__}"
    if b"\\u0000" in line:
        return "a NUL byte"
    if b"\\ud" in line.lower():
        try:
            json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "broken encoding"
    longest = max((len(v) for v in record.values() if isinstance(v, str)), default=0)
    return record if longest <= CELL_LIMIT else f"a cell of {longest:,} characters (limit {CELL_LIMIT:,})"


def read_document(file: IO[bytes]) -> Iterator[Numbered]:
    document = json.load(file)
    if isinstance(document, dict):
        document = [{"$key": key, **v} if isinstance(v, dict) else v for key, v in document.items()]
    for number, record in enumerate(document, start=1):
        yield number, _checked(record, json.dumps(record).encode())
