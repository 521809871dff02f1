"""Curves from a CSV file in long format: curve, n, value, and, where known, stderr, replicate, items, chance, size."""

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.errors import FathomError
from src.scaling.curve import Curve, Kind, Measurement

Notes = dict[str, list[str]]
LARGEST_STDERR = 0.5  # of a share: that of a single item, half of the time right
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class _Point:
    """A usable row: its line, its n, value and standard error (None: not stated), and its cell `replicate`."""

    line: int
    n: int
    value: float
    stderr: float | None
    replicate: str | None


def read_curves(path: Path, kind: Kind) -> tuple[list[Curve], Notes]:
    """The file's curves in the order of their first row, and per curve the sentences on what was left out or changed.

    A row that cannot be used is left out with a note; a curve that keeps none has notes and no Curve. Rows of the same
    curve and n are replicates, told apart by the column `replicate` where there is one. Of accuracies, `items`, the
    number of test items, tells the noise where no stderr does, and `chance` what guessing scores. Accuracies are shares
    or, all of them, percent; a cell like 46.5% is always percent. Raises FathomError where the file cannot be read,
    lacks a column, mixes shares with percent, leaves a curve without a name, gives a replicate twice or has no usable
    row.
    """
    rows = _rows(path)
    notes: Notes = {row["curve"]: [] for _, row in rows}
    points: dict[str, list[_Point]] = defaultdict(list)
    chance: dict[str, float] = {}
    percent = kind == "accuracy" and _in_percent(path, rows)
    scale = 0.01 if percent else 1.0
    for line, row in rows:
        n, value, of = _number(row["n"]), _number(row["value"], scale), notes[row["curve"]]
        problem = _problem(n, value, kind, row)
        if problem:
            of.append(f"line {line} left out: {problem}")
            continue
        stderr = _stderr(path, line, row.get("stderr"), scale, kind, of)
        if not stderr and kind == "accuracy":
            stderr = _of_items(value, _number(row.get("items"))) or stderr
        points[row["curve"]].append(_Point(line, round(n), value, stderr, row.get("replicate")))
        if kind == "accuracy" and row.get("chance"):
            guessing = _chance(path, line, row["chance"], percent)
            if chance.setdefault(row["curve"], guessing) != guessing:
                raise FathomError(f"{path}, line {line}, column chance: rows above it say another; keep one")
    if not points:
        raise FathomError(f"{path}: no row can be used; {next(note for of in notes.values() for note in of)}")
    if percent:
        for of in notes.values():
            of.append("the accuracies are above 1: all of the file's are taken as percent and divided by 100")
    return [
        _curve(name, kind, _told_apart(path, name, points[name], notes[name]), chance.get(name, 0.0))
        for name in notes
        if name in points
    ], notes


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
        size = None if not text else math.nan if "%" in text else _number(text)
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
    if not columns:
        raise FathomError(f"{path} is empty; needed are a line with curve,n,value and below it a row for each point")
    separator = next((mark for mark in OTHER_SEPARATORS if len(columns) == 1 and mark in columns[0]), None)
    if separator:
        raise FathomError(
            f"{path}, line 1: the columns are separated by {OTHER_SEPARATORS[separator]}; separate them by commas, and "
            "write decimals with a point"
        )
    missing = [name for name in ("curve", "n", "value") if name not in columns]
    if missing:
        raise FathomError(f"{path}, line 1: there is no column {', '.join(missing)}; needed are curve, n and value")
    if not rows:
        raise FathomError(f"{path}: there are no rows below the header")
    unnamed = [line for line, row in rows if not (row["curve"] or "").strip()]
    if unnamed:
        raise FathomError(
            f"{path}, line {unnamed[0]}, column curve: the cell is empty; name the curve that the row belongs to"
        )
    return rows


def _in_percent(path: Path, rows: Sequence[tuple[int, Mapping[str, str]]]) -> bool:
    """Whether the values without a percent sign are percent: those above 0 are all above 1, or none is."""
    plain = [(line, row["value"], _number(row["value"])) for line, row in rows if "%" not in (row["value"] or "")]
    above, below = (
        [(line, v) for line, v, of in plain if 0 < of < math.inf and (of > 1) == is_] for is_ in (True, False)
    )
    if above and below:
        raise FathomError(
            f"{path}, column value: line {below[0][0]} has {below[0][1]} and line {above[0][0]} has {above[0][1]}, "
            "which mixes shares with percent; give all accuracies between 0 and 1, or write a % behind those in percent"
        )
    return bool(above)


def _chance(path: Path, line: int, cell: str, percent: bool) -> float:
    """What guessing scores, as a share. 0.25 beside values in percent could be either, 25 beside shares is wrong."""
    plain, signed = _number(cell), "%" in cell
    share = plain / 100 if percent and not signed else plain
    if not 0 <= share < 1 or (percent and not signed and 0 < plain < 1):
        unit = "percent, such as 25" if percent else "a share, such as 0.25"
        raise FathomError(f"{path}, line {line}, column chance: {cell} does not fit the values; give {unit}, or 25%")
    return share


def _stderr(path: Path, line: int, cell: str | None, scale: float, kind: Kind, notes: list[str]) -> float | None:
    """The standard error in units of the value; None, with a note where the cell has something else."""
    stderr = _number(cell, scale)
    if kind == "accuracy" and stderr > LARGEST_STDERR:
        raise FathomError(
            f"{path}, line {line}, column stderr: {cell} is more than a share can have; give it in the unit of value"
        )
    if stderr == 0:
        notes.append(f"line {line}: a stderr of 0 is no noise that was measured; it counts as unknown")
    elif cell and not 0 < stderr < math.inf:
        notes.append(f"line {line}: the stderr is {cell!r}; it is not used")
    return stderr if 0 <= stderr < math.inf else None


def _told_apart(path: Path, name: str, points: list[_Point], notes: list[str]) -> list[_Point]:
    """The curve's points without those that are given twice.

    Two rows of one replicate are an error. Without a column `replicate`, rows that repeat n and value are replicates if
    others of the curve differ, else copies: of noise, values that agree to the last digit would say that there is none.
    """
    if any(point.replicate is not None for point in points):
        first: dict[tuple[int, str | None], int] = {}
        for point in points:
            line = first.setdefault((point.n, point.replicate), point.line)
            if line != point.line:
                raise FathomError(
                    f"{path}, lines {line} and {point.line}: curve {name}, n={point.n}, replicate {point.replicate!r} "
                    "is given twice; keep one of them, or number the replicates"
                )
        return points
    of: dict[tuple[int, float], list[_Point]] = defaultdict(list)
    for point in points:
        of[point.n, point.value].append(point)
    copies = {key: same for key, same in of.items() if len(same) > 1}
    if not copies:
        return points
    lines = "; ".join(" and ".join(str(point.line) for point in same) for same in copies.values())
    if len(of) > len({point.n for point in points}):
        notes.append(f"lines {lines} have the same n and value: taken for replicates, as others of the curve differ")
        return points
    notes.append(
        f"lines {lines} have the same n and value: counted once; replicates need to be numbered in a column replicate"
    )
    return [same[0] for same in of.values()]


def _number(text: str | None, scale: float = 1.0) -> float:
    """A cell's number times the scale; one with a percent sign as a share. NaN where it is none."""
    try:
        return float(text[:-1]) / 100 if text and text.endswith("%") else float(text or "nan") * scale
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


def _curve(name: str, kind: Kind, points: list[_Point], chance: float) -> Curve:
    """Replicates of the same label have the same seed at every n; without labels they are counted at each n."""
    labels = {label: seed for seed, label in enumerate(dict.fromkeys(point.replicate for point in points))}
    seen: dict[int, int] = defaultdict(int)
    measurements = []
    for point in points:
        seed = seen[point.n] if point.replicate is None else labels[point.replicate]
        measurements.append(Measurement(point.n, seed, point.value, stderr=point.stderr))
        seen[point.n] += 1
    return Curve(name, kind, kind, tuple(measurements), chance)
