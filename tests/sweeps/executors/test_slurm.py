"""SLURM as far as it goes without SLURM: submitit's local executor run for real, and what would go to sbatch."""

import os
import re
import signal

import pytest

from src.sweeps.executors import executor_for
from src.sweeps.executors.executor import LOST
from src.sweeps.launcher import Launcher

pytest.importorskip("submitit")

# Sleeps until its job is preempted, and ends in order; the second time it is soon done.
PREEMPTED = """
import os, signal, sys, time
from pathlib import Path
here = Path(__file__).parent
def end(*_):
    (here / "ended in order").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
if not (here / "ready").exists():
    (here / "pid").write_text(str(os.getppid()))
    (here / "pid").rename(here / "ready")
    time.sleep(600)
print("done")
"""


@pytest.fixture
def slurm(tmp_path):
    launcher = Launcher(executor="slurm", cluster="local", job_minutes=60)
    return executor_for(launcher, [], 1, tmp_path / "slurm")


def test_jobs_end_with_the_status_of_their_points(slurm, task, drain):
    tasks = [task("a", "import os; print(os.environ['FATHOM_TEST'])"), task("b", "raise SystemExit(75)")]
    assert drain(slurm, tasks) == {"a": 0, "b": 75}
    assert tasks[0].log.read_text() == "a\n"


def test_a_preempted_job_ends_in_order_and_is_run_again(slurm, task, drain):
    one = task("a", PREEMPTED)
    job = one.log.parent / "ready"
    warned = []

    def preempt(handles):
        if job.exists() and not warned:
            warned.append(handles)
            os.kill(int(job.read_text()), signal.SIGUSR2)  # as SLURM does before it takes the machine

    assert drain(slurm, [one], preempt) == {"a": 0}
    assert (one.log.parent / "ended in order").exists()
    assert one.log.read_text() == "done\n"


def test_a_job_whose_machine_is_gone_is_lost(slurm, task, drain):
    one = task("a", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    assert drain(slurm, [one]) == {"a": LOST}


SBATCH = """#!/bin/sh
cat "$1" > {file}.$(ls {file}.* 2>/dev/null | wc -l)
echo Submitted batch job $(date +%N)
"""


def test_what_goes_to_sbatch(task, tmp_path, monkeypatch):
    bin = tmp_path / "bin"
    bin.mkdir()
    for command in ("sbatch", "srun"):
        (bin / command).write_text(SBATCH.format(file=tmp_path / "submitted"))
        (bin / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    launcher = Launcher(
        executor="slurm", n_jobs=2, cpus=4, memory_gb=32, job_minutes=90, sbatch={"account": "x", "partition": "gpu"}
    )
    tasks = [task("a", "", gpus=1), task("b", "", gpus=1), task("c", "", gpus=1), task("d", "", gpus=8)]
    handles = executor_for(launcher, tasks, 1, tmp_path / "slurm").start(tasks)
    assert len(handles) == 4
    array, single = (file.read_text() for file in sorted(tmp_path.glob("submitted.*")))
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", array, re.MULTILINE))
    assert options["array"] == "0-2%2"
    assert (options["gpus-per-node"], options["cpus-per-task"], options["mem"]) == ("1", "4", "32GB")
    assert (options["time"], options["ntasks-per-node"]) == ("90", "1")
    assert (options["account"], options["partition"]) == ("x", "gpu")
    assert options["signal"].startswith("USR2@")  # what preempts it in order
    assert "--gpus-per-node=8" in single and "--array" not in single
