"""A study's points as files: what is read is what was written, and nothing that was there is lost."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.config.source import FilesSource
from src.config.tracking import Tracking
from src.errors import FathomError
from src.study.point_files import read_points, study_points, write_points
from src.tracking.query import PointRecord

TRACKING = Tracking(root=Path("nowhere"), uri=None, flush_seconds=1, patience_seconds=1)
PARAMS = {"model": "tiny_llama3-s", "benchmark": "echo", "method": "full", "recipe": "converged", "seed": "1"}


def point(n, **changes):
    params = {**PARAMS, "n_examples": str(n), "recipe.lr": "0.0015"}
    metrics = {"eval/accuracy": 0.1 + 1 / 3, "val/best_loss": math.inf, "train/epochs": 1e-7}
    items = {"eval/accuracy": np.array([0, 1, 1], np.uint8), "eval/nll": np.array([0.1, 2.0, 1e-3], np.float32)}
    whole = PointRecord(
        run_id=f"run{n}", key=f"key{n}", model="tiny_llama3-s", benchmark="echo", method="full", recipe="converged",
        n_examples=n, seed=1, ended=1_700_000_000_000 + n, params=params, metrics=metrics, items=items,
    )  # fmt: skip
    return replace(whole, **changes)


def alike(a, b):
    assert replace(a, items={}) == replace(b, items={})
    assert a.items.keys() == b.items.keys()
    for name, values in a.items.items():
        assert values.dtype == b.items[name].dtype
        np.testing.assert_array_equal(values, b.items[name])


def test_points_are_read_as_they_were_written(tmp_path):
    written = [point(10), point(100, items={}), point(1000, params={**PARAMS, "n_examples": "1000", "note": 'a, "b"'})]
    assert write_points(written, tmp_path) == 3
    for one, other in zip(read_points(tmp_path), written, strict=True):
        alike(one, other)


def test_points_are_added_to_those_that_are_there_and_take_the_place_of_their_like(tmp_path):
    write_points([point(10), point(100)], tmp_path)
    again = point(100, metrics={"eval/accuracy": 0.9})
    assert write_points([point(32), again], tmp_path) == 3
    read = read_points(tmp_path)
    assert [record.n_examples for record in read] == [10, 32, 100]
    alike(read[2], again)
    assert not list(tmp_path.rglob(".*"))


def test_where_nothing_was_written_the_command_that_would_is_named(tmp_path):
    source = FilesSource(kind="files", path=tmp_path)
    with pytest.raises(FathomError, match=r"has no points\.csv; write it with src/publish\.py study=… to="):
        study_points(source, "s", TRACKING)


def test_of_a_directory_with_the_points_of_two_studies_one_is_read(tmp_path):
    write_points([point(10, study="a"), point(100, study="b")], tmp_path)
    source = FilesSource(kind="files", path=tmp_path)
    assert [record.n_examples for record in study_points(source, "a", TRACKING)] == [10]
    with pytest.raises(FathomError, match=r"points\.csv has no point of c; its points are of a, b"):
        study_points(source, "c", TRACKING)


def test_points_of_files_that_name_no_study_are_of_every_one(tmp_path):
    write_points([point(10), point(100)], tmp_path)
    assert len(study_points(FilesSource(kind="files", path=tmp_path), "any", TRACKING)) == 2


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("metrics/eval/accuracy", "high", "could not convert"),
        ("params/seed", "", "without the param 'seed'"),
        ("params/seed", "1.5", "seed '1.5', which must be whole numbers"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path, column, text, said):
    write_points([point(10), point(100)], tmp_path)
    lines = (tmp_path / "points.csv").read_text().splitlines()
    cells = lines[2].split(",")
    cells[lines[0].split(",").index(column)] = text
    (tmp_path / "points.csv").write_text("\n".join([*lines[:2], ",".join(cells)]))
    with pytest.raises(FathomError, match=rf"points\.csv, line 3: .*{said}"):
        read_points(tmp_path)
