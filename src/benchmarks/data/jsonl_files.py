"""Reading JSON Lines: every complaint names the file and the line."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from src.benchmarks.benchmark import BadData


def read_jsonl(path: Path, fields: Mapping[str, type]) -> Iterator[dict[str, Any]]:
    """The objects of `path` in order, one a line, so that the i-th object (from 1) is on line i; *.gz is unpacked.

    `fields` are those that each object must have, with their types; others are passed on. Raises BadData where the file
    cannot be read or is empty, and where a line is not UTF-8, not a JSON object, or lacks a field.

    Not by `datasets`: it makes dates of texts that look like one, nulls of missing fields, floats of large integers,
    passes over empty lines, and names no line.
    """
    number = 0
    try:
        # Binary, so that only "\n" ends a line: JSON strings may hold other line separators.
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _parse(line, fields, f"{path}, line {number}")
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if number == 0:
        raise BadData(f"{path} is empty; it needs one JSON object a line, with the fields {', '.join(fields)}.")


def _parse(line: bytes, fields: Mapping[str, type], place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise BadData(f"{place}: not UTF-8 ({error.reason} at byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise BadData(f"{place}: not valid JSON ({error.msg} at column {error.colno}).") from error
    if not isinstance(row, dict):
        raise BadData(f"{place}: a {type(row).__name__} where a JSON object is needed.")
    for field, kind in fields.items():
        if field not in row:
            raise BadData(f"{place}: the field {field!r} is missing.")
        if not isinstance(row[field], kind):
            raise BadData(f"{place}: the field {field!r} is a {type(row[field]).__name__}, not a {kind.__name__}.")
    return row
