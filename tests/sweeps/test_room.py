"""A sweep whose weights cannot be held is refused before it begins."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.errors import FathomError
from src.planning.disk import disk_of, sizes_of
from src.points.point import identify
from src.sweeps import room
from src.sweeps.room import require_room
from src.tasks.finetune import finetune

ROOT = Path(__file__).parents[2]


@pytest.fixture
def free(monkeypatch):
    """free(bytes): what the disk is said to have."""
    return lambda size: monkeypatch.setattr(room.shutil, "disk_usage", lambda place: SimpleNamespace(free=size))


def point(toy, n, **changes):
    return identify(toy(n_examples=n, trainer={"checkpoint_every_steps": 2}, **changes))


def disk(of):
    return disk_of(of.config, sizes_of(of.base, of.config))


def test_all_weights_that_are_kept_and_the_files_of_what_is_at_work_must_fit(toy, free):
    points = [point(toy, n) for n in (0, 10, 11, 12)]
    one = disk(points[1])
    needed = 3 * one.kept + 2 * (one.at_work - one.kept)
    free(needed)
    require_room(points, at_once=2)
    free(needed - 1)
    ways = r"3 points keep, .* of 2 at a time; .* or take save=none \(.*\) or hydra\.launcher\.n_jobs=1 \("
    with pytest.raises(FathomError, match=ways):
        require_room(points, at_once=2)
    free(one.at_work - 1)
    with pytest.raises(FathomError, match="or take a smaller model, or method=lora"):
        require_room(points, at_once=2)


def test_where_all_fits_no_run_is_read(toy, free, monkeypatch):
    points = [point(toy, 10), point(toy, 11)]
    free(sum(disk(of).at_work for of in points))
    monkeypatch.setattr(room, "complete_keys", lambda config: pytest.fail("the study was read"))
    require_room(points, at_once=2)


def test_a_point_that_comes_before_counts_too(toy, free):
    after = point(toy, 10, first={"benchmark": toy.benchmark(), "n_examples": 4}, save="none")
    free(disk(after).at_work)
    with pytest.raises(FathomError, match="2 points"):
        require_room([after], at_once=1)


def test_what_is_there_already_is_not_asked_for_again(toy, free):
    begun = point(toy, 10)
    work = begun.config.tracking.root / "work" / begun.work
    work.mkdir(parents=True)
    (work / "last.ckpt").write_bytes(b"0" * 2**20)
    free(disk(begun).at_work - 2**20)
    require_room([begun], at_once=1)
    finetune(begun.config)
    free(0)
    require_room([begun, point(toy, 10, generation={"name": "hf"})], at_once=1)  # the second has its weights
    with pytest.raises(FathomError, match="1 points keep"):
        require_room([begun, point(toy, 11)], at_once=1)


@pytest.mark.slow
def test_the_command_refuses_and_begins_nothing(tmp_path):
    overrides = ["model=llama3_70b", "model.init=random", "trainer=cpu", "recipe=fixed_batch", "study=big"]
    overrides += ["n_examples=1,2,3", "seed=0,1,2,3,4,5,6,7,8,9"]  # 7,885 GiB
    overrides += [f"tracking.root={tmp_path}/mlruns", f"hydra.sweep.dir={tmp_path}/sweep"]
    command = [sys.executable, str(ROOT / "src/train.py"), "-m", *overrides]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith(f"error: {tmp_path}/mlruns: this sweep needs about 7,8")
    assert not (tmp_path / "mlruns" / "work").exists()
    assert not (tmp_path / "mlruns" / "artifacts").exists()
