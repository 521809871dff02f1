"""SLURM as far as it goes without SLURM: submitit's local executor run for real, what would go to sbatch, and what
squeue would say. SLURM's own daemons: tests/sweeps/test_slurm_sweep.py."""

import os
import re
import signal

import pytest

from src.errors import FathomError
from src.sweeps.executors import executor_for
from src.sweeps.executors import slurm as slurm_executor
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


@pytest.fixture(autouse=True)
def no_shared_disk(monkeypatch):
    monkeypatch.setattr(slurm_executor, "RESULT_SECONDS", 0.0)


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


def test_a_job_that_slurm_ends_has_no_result_of_its_own(slurm, task, drain):
    one = task("a", "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)")
    assert drain(slurm, [one]) == {"a": LOST}  # and not SIGTERM's status: it may have been requeued


def test_without_slurm_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FathomError, match=r"sbatch, srun.*login node.*cluster=local"):
        executor_for(Launcher(executor="slurm"), [], 1, tmp_path / "slurm")


SBATCH = """#!/bin/sh
cat "$1" > {file}.$(ls {file}.* 2>/dev/null | wc -l)
echo Submitted batch job $(date +%N)
"""


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """commands(sbatch="#!/bin/sh …"): SLURM's commands as scripts."""

    def write(**scripts):
        for name, text in scripts.items():
            (tmp_path / "bin" / name).write_text(text)
            (tmp_path / "bin" / name).chmod(0o755)

    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    write(srun="", sbatch=SBATCH.format(file=tmp_path / "submitted"))
    return write


def test_what_goes_to_sbatch(task, tmp_path, commands):
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
    assert "requeue" in options
    assert "--gpus-per-node=8" in single and "--array" not in single


@pytest.mark.parametrize(
    ("said", "status"),
    [("CANCELLED", -signal.SIGINT), ("NODE_FAIL", LOST), ("PREEMPTED", LOST), ("TIMEOUT", LOST), ("GONE", LOST)]
    + [(state, None) for state in ("PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING", "REQUEUE_HOLD")],
)
def test_what_squeue_says_of_a_job_without_a_result(task, tmp_path, commands, said, status):
    commands(
        sbatch="#!/bin/sh\necho Submitted batch job 7\n",
        squeue="#!/bin/sh\n" + ("" if said == "GONE" else f"echo 5 RUNNING; echo 7 {said}\n"),
    )
    one = task("a", "")
    executor = executor_for(Launcher(executor="slurm"), [one], 1, tmp_path / "slurm")
    ended = executor.wait(executor.start([one]), 0.0)
    assert [end.status for end in ended] == ([] if status is None else [status])
    assert all(f"its job 7 is {said}: see " in end.reason for end in ended)


def test_a_waiting_job_of_an_array_that_is_cancelled_is_gone_at_once(task, tmp_path, commands):
    commands(sbatch="#!/bin/sh\necho Submitted batch job 7\n", squeue="#!/bin/sh\necho 7 PENDING\n")
    one = task("a", "")
    executor = executor_for(Launcher(executor="slurm"), [one], 1, tmp_path / "slurm")
    (job,) = executor.start([one])
    assert not executor.wait([job], 0.0)
    commands(squeue="#!/bin/sh\n")
    (ended,) = executor.wait([job], 10.0)
    assert ended.status == -signal.SIGINT and "its job 7 is CANCELLED" in ended.reason


def test_a_refusal_of_sbatch_is_said(task, tmp_path, commands):
    commands(sbatch="#!/bin/sh\necho sbatch: error: invalid partition specified: gpu >&2\nexit 1\n")
    one = task("a", "")
    with pytest.raises(FathomError, match="invalid partition specified: gpu"):
        executor_for(Launcher(executor="slurm"), [one], 1, tmp_path / "slurm").start([one])
