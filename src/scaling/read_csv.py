"""Curves from a CSV file in long format: curve, n, value, and, where known, stderr, replicate, items, chance, size."""

import csv
import math
from collections import defaultdict
from pathlib import Path

from src.errors import FathomError
from src.scaling.curve import Curve, Kind, Measurement

Notes = dict[str, list[str]]


def read_curves(path: Path, kind: Kind) -> tuple[list[Curve], Notes]:
    """The file's curves in the order of their first row, and per curve the sentences on what was left out or changed.

    A row that cannot be used is left out with a note; a curve that keeps none has notes and no Curve. Rows of the same
    curve and n are replicates. Of accuracies, `items`, the number of test items, tells the noise where no stderr does,
    and `chance` what guessing scores. Raises FathomError where the file cannot be read, lacks a column or has no usable
    row.
    """
    rows = _rows(path)
    notes: Notes = {row["curve"]: [] for _, row in rows}
    points: dict[str, list[tuple[int, float, float | None]]] = defaultdict(list)
    chance: dict[str, float] = {}
    values = [_number(row["value"]) for _, row in rows]
    above = [value > 1 for value in values if value > 0]
    percent = kind == "accuracy" and 2 * sum(above) > len(above)
    for (line, row), value in zip(rows, values, strict=True):
        n, stderr = _number(row["n"]), _number(row.get("stderr"))
        scale = 0.01 if percent else 1.0
        problem = _problem(n, value * scale, kind, row)
        if problem:
            notes[row["curve"]].append(f"line {line} left out: {problem}")
        else:
            error = stderr * scale if stderr >= 0 else None
            if error is None and kind == "accuracy":
                error = _of_items(value * scale, _number(row.get("items")))
            points[row["curve"]].append((round(n), value * scale, error))
            guessing = _number(row.get("chance")) * scale
            if kind == "accuracy" and 0 <= guessing < 1:
                chance[row["curve"]] = guessing
    if not points:
        raise FathomError(f"{path}: no row can be used; {next(note for of in notes.values() for note in of)}")
    if percent:
        for of in notes.values():
            of.append(
                "most accuracies in the file are above 1: all of its values are taken as percent and divided by 100"
            )
    return [_curve(name, kind, points[name], chance.get(name, 0.0)) for name in notes if name in points], notes


def read_sizes(path: Path) -> dict[str, float | None]:
    """The number of weights of each curve's model, from the column `size`; None where its rows leave it empty.

    Raises FathomError where the file has no such column, or where a size is no number above 0 or not that of the rows
    of the same curve before it.
    """
    sizes: dict[str, float | None] = {}
    for line, row in _rows(path):
        if "size" not in row:
            raise FathomError(f"{path}, line 1: there is no column size; laws over model sizes need each row's weights")
        text, before = (row["size"] or "").strip(), sizes.get(row["curve"])
        size = _number(text) if text else None
        if size is not None and not 0 < size < math.inf:
            raise FathomError(
                f"{path}, line {line}, column size: {text!r} is no number of weights; write it as 7e9, or leave it "
                "empty where it is not known"
            )
        if None not in (size, before) and size != before:
            raise FathomError(
                f"{path}, line {line}, column size: {text}, and {before:g} in an earlier row of curve {row['curve']}; "
                "a curve is of one model"
            )
        sizes[row["curve"]] = before if size is None else size
    return sizes


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FathomError(f"source.path: {path} cannot be read as CSV ({error}); give a CSV file in UTF-8") from error
    missing = [name for name in ("curve", "n", "value") if name not in columns]
    if missing:
        raise FathomError(f"{path}, line 1: there is no column {', '.join(missing)}; needed are curve, n and value")
    if not rows:
        raise FathomError(f"{path}: there are no rows below the header")
    return rows


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _problem(n: float, value: float, kind: Kind, row: dict[str, str]) -> str | None:
    if not math.isfinite(n) or n < 0 or n != round(n):
        return f"n is {row['n']!r}; it counts examples"
    if not math.isfinite(value):
        return f"the value is {row['value']!r}"
    if kind == "loss" and value <= 0:
        return f"the loss is {row['value']}; it must be above 0"
    if kind == "accuracy" and not 0 <= value <= 1:
        return f"the accuracy is {row['value']}, outside 0 to 1 (or 0 to 100 percent)"
    return None


def _of_items(accuracy: float, items: float) -> float | None:
    # Half an item more of each kind: an accuracy of 0 or 1 is not known without error.
    return math.sqrt((accuracy * (1 - accuracy) + 0.5 / items) / items) if items >= 1 else None


def _curve(name: str, kind: Kind, points: list[tuple[int, float, float | None]], chance: float) -> Curve:
    seen: dict[int, int] = defaultdict(int)
    measurements = []
    for n, value, stderr in points:
        measurements.append(Measurement(n, seen[n], value, stderr=stderr))
        seen[n] += 1
    return Curve(name, kind, kind, tuple(measurements), chance)
