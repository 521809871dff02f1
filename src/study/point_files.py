"""A study as files, to be kept beside what was written from it: a row for each point, and its values by test item.

points.csv              key, run_id, ended, study, then `params/…` and `metrics/…`; empty where a point has none
items/<benchmark> <model>.safetensors   arrays named `<key>/<metric>`, shape (items,)
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy

from src.config.source import FilesSource, MLflowSource
from src.config.tracking import Tracking
from src.errors import FathomError
from src.tracking.query import PointRecord, place, point_of, points
from src.tracking.rows import Row
from src.tracking.store import open_existing

TABLE = "points.csv"
FIRST = ("key", "run_id", "ended", "study")


def study_points(source: FilesSource | MLflowSource, study: str, tracking: Tracking) -> list[PointRecord]:
    """The complete points that an analysis is of, with their values by test item. Raises FathomError for none.

    Of files that an older version wrote, which do not say of which study a point is, all count.
    """
    if isinstance(source, MLflowSource):
        store = open_existing(tracking.uri, tracking.root, tracking.flush_seconds)
        records = points(store, study, with_items=True)
        missing = f"study {study} has no complete point yet; run src/train.py with study={study}"
    else:
        there = read_points(source.path)
        records = [record for record in there if record.study in (study, "")]
        missing = f"source.path: {source.path} has no {TABLE}; write it with src/publish.py study=… to={source.path}"
        if there:
            studies = ", ".join(sorted({record.study for record in there}))
            missing = f"study: {source.path / TABLE} has no point of {study}; its points are of {studies}"
    if not records:
        raise FathomError(missing)
    return records


def write_points(records: Sequence[PointRecord], directory: Path) -> int:
    """Add points to those in the directory, in the place of those with the same key; returns how many there are."""
    by_key = {point.key: point for point in (*read_points(directory), *records)}
    kept = sorted(by_key.values(), key=place)
    params = sorted({f"params/{name}" for point in kept for name in point.params})
    metrics = sorted({f"metrics/{name}" for point in kept for name in point.metrics})
    items: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for point in kept:
        of_curve = items[f"{point.benchmark} {point.model}"]
        of_curve.update({f"{point.key}/{metric}": values for metric, values in point.items.items()})

    (directory / "items").mkdir(parents=True, exist_ok=True)
    for name, of in items.items():
        _replace(directory / "items" / f"{name}.safetensors", safetensors.numpy.save(dict(sorted(of.items()))))
    unfinished = directory / f".{TABLE}"
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*FIRST, *params, *metrics], lineterminator="\n")
        table.writeheader()
        for point in kept:
            row = {name: getattr(point, name) for name in FIRST}
            row |= {f"params/{name}": value for name, value in point.params.items()}
            row |= {f"metrics/{name}": repr(value) for name, value in point.metrics.items()}
            table.writerow(row)
    unfinished.replace(directory / TABLE)
    return len(kept)


def read_points(directory: Path) -> list[PointRecord]:
    """The points that were written to the directory, none if there is no table. Raises FathomError for a broken one."""
    table = directory / TABLE
    if not table.exists():
        return []
    items: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for file in sorted((directory / "items").glob("*.safetensors")):
        for name, values in safetensors.numpy.load(file.read_bytes()).items():
            key, _, metric = name.partition("/")
            items[key][metric] = values
    records = []
    with table.open(newline="", encoding="utf-8") as rows:
        for line, row in enumerate(csv.DictReader(rows), start=2):
            given = {column: value for column, value in row.items() if value}
            params = {name.removeprefix("params/"): v for name, v in given.items() if name.startswith("params/")}
            metrics = {name.removeprefix("metrics/"): v for name, v in given.items() if name.startswith("metrics/")}
            try:
                numbers = {name: float(value) for name, value in metrics.items()}
                found = Row(given["run_id"], given["key"], int(given["ended"]), "", params, numbers)
                records.append(point_of(found, given.get("study", ""), items[found.key]))
            except (KeyError, ValueError, FathomError) as error:
                raise FathomError(f"{table}, line {line}: {error}") from error
    return records


def _replace(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    unfinished = file.with_name(f".{file.name}")
    unfinished.write_bytes(content)
    unfinished.replace(file)
