"""Reading JSON Lines, and JSON arrays where they are the user's: every complaint names the file and the line."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from src.benchmarks.benchmark import BadData

_BETWEEN = re.compile(r"[\s,]*")


def read_jsonl(path: Path, fields: Mapping[str, type]) -> Iterator[dict[str, Any]]:
    """The objects of `path` in order, one a line, so that the i-th object (from 1) is on line i; *.gz is unpacked.

    `fields` are those that each object must have, with their types; others are passed on. Raises BadData where the file
    cannot be read or is empty, and where a line is not UTF-8, not a JSON object, or lacks a field.

    Not by `datasets`: it makes dates of texts that look like one, nulls of missing fields, floats of large integers,
    passes over empty lines, and names no line.
    """
    number = 0
    # Binary, so that only "\n" ends a line: JSON strings may hold other line separators.
    with _opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            place = f"{path}, line {number}"
            yield checked(_parsed(line, place), fields, place)
    if number == 0:
        raise BadData(f"{path} is empty; it needs one JSON object a line, with the fields {', '.join(fields)}.")


def read_rows(path: Path, fields: Mapping[str, type]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of `path`, which holds one a line or all in one JSON array, each with its file and line in front.

    Raises BadData as `read_jsonl` does.
    """
    with _opened(path) as file:
        is_array = file.read(1000).lstrip().startswith(b"[")
    if not is_array:
        yield from ((f"{path}, line {i}", row) for i, row in enumerate(read_jsonl(path, fields), start=1))
        return
    with _opened(path) as file:
        whole = file.read()
    rows = _parsed(whole, str(path))
    text = whole.decode()
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    line, counted = 1, 0
    for row in rows:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing too
        line, counted = line + text.count("\n", counted, at), at
        place = f"{path}, line {line}"
        yield place, checked(row, fields, place)
        at = decoder.raw_decode(text, at)[1]
    if not rows:
        raise BadData(f"{path} is an empty array; it needs objects with the fields {', '.join(fields)}.")


def checked(row: Any, fields: Mapping[str, type], place: str) -> dict[str, Any]:
    """`row`, which must be an object with these fields."""
    if not isinstance(row, dict):
        raise BadData(f"{place}: a {type(row).__name__} where a JSON object is needed.")
    for field, kind in fields.items():
        if field not in row:
            raise BadData(f"{place}: the field {field!r} is missing.")
        if not isinstance(row[field], kind):
            raise BadData(f"{place}: the field {field!r} is a {type(row[field]).__name__}, not a {kind.__name__}.")
    return row


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _parsed(content: bytes, place: str) -> Any:
    try:
        return json.loads(content)
    except UnicodeDecodeError as error:
        raise BadData(f"{place}: not UTF-8 ({error.reason} at byte {error.start}).") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if b"\n" in content[:-1] else f"column {error.colno}"
        raise BadData(f"{place}: not valid JSON ({error.msg} at {where}).") from error
