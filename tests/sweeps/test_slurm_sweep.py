"""Sweeps through SLURM's own daemons."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from src.points.point import identify
from src.sweeps.attempts import Attempt, Outcome, Watcher, run_attempts
from src.sweeps.executors import executor_for
from src.sweeps.executors import slurm as slurm_executor
from src.sweeps.launcher import Launcher
from src.tracking.query import points
from src.tracking.store import open_store
from tests.sweeps.slurm_cluster import MISSING, slurm_cluster, wait_until

pytest.importorskip("submitit")
ROOT = Path(__file__).parents[2]
TINY = [
    *("study=s", "model.init=random", "benchmark.test_limit=8", "benchmark.max_new_tokens=4", "seed=0"),
    *("recipe.epochs=null", "recipe.until=null", "recipe.search=[]", "recipe.steps=120", "recipe.min_steps=1"),
    *("recipe.batch_size=2", "recipe.grad_clip=1e30", "recipe.lr=1e-3", "trainer.checkpoint_every_steps=5"),
]


@pytest.fixture
def cluster(tmp_path_factory):
    if MISSING:
        pytest.skip(f"not on this machine: {', '.join(MISSING)} (apt-get install munge slurmctld slurmd slurm-client)")
    with slurm_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
    wait_until(lambda: not cluster.processes())


def command(folder, *overrides):
    arguments = [*TINY, f"tracking.root={folder / 'mlruns'}", f"hydra.sweep.dir={folder / 'multirun'}", *overrides]
    return [sys.executable, "src/train.py", "-m", *arguments]


def scientific(root):
    """Every complete point's metrics that are not about time or the machine, by n."""
    excluded = ("time/", "second", "system/")
    return {
        point.n_examples: {name: v for name, v in point.metrics.items() if not any(of in name for of in excluded)}
        for point in points(open_store(None, root), "s")
    }


@pytest.mark.slow
def test_preempted_jobs_resume_to_the_same_numbers_and_a_cancelled_one_is_told(cluster, tmp_path_factory):
    here, there = (tmp_path_factory.mktemp(name) for name in ("here", "there"))
    undisturbed = subprocess.run(command(here, "n_examples=2,4"), cwd=ROOT, capture_output=True, text=True, check=False)
    assert undisturbed.returncode == 0, undisturbed.stdout + undisturbed.stderr

    slurm = ["hydra/launcher=slurm", "hydra.launcher.cpus=1", "hydra.launcher.n_jobs=2", "hydra.launcher.retries=0"]
    process = subprocess.Popen(
        command(there, *slurm, "n_examples=2,4,8"),
        cwd=ROOT,
        env=cluster.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: len({file.parent for file in (there / "mlruns" / "work").glob("**/*.ckpt")}) == 2)
        array = cluster.queue("%F")[0]
        cluster.ask(f"scancel {array}_2")
        # As before the time of a job is over. It is told until the job is away, which is not waited for.
        warning = subprocess.Popen(["scancel", "--signal=USR2", f"{array}_0"], env=cluster.environment)
        logs = [there / "multirun" / "slurm" / f"{array}_{number}_0_log.err" for number in (0, 1)]
        wait_until(lambda: "SIGUSR2 on" in logs[0].read_text())
        cluster.ask("sbatch --partition=urgent --exclusive --output=/dev/null --wrap=true")  # takes the machine
        while process.poll() is None:
            cluster.hurry()
            time.sleep(0.5)
        said = " ".join(process.communicate()[0].split())
        warning.wait()
    finally:
        process.kill()
        process.wait()
    assert not cluster.queue("%i", states="PENDING,RUNNING")

    assert process.returncode == 1
    assert f"its job {array}_2 is CANCELLED" in said
    assert scientific(there / "mlruns") == scientific(here / "mlruns")
    assert "DUE TO PREEMPTION" in logs[1].read_text()
    store = open_store(None, there / "mlruns")
    for point in points(store, "s"):
        steps = [step.step for step in store.client.get_metric_history(point.run_id, "train/loss")]
        assert steps.count(min(steps)) == 1  # from a checkpoint on, and not from the start


# Ends well at its second try.
ONCE = """
import os, time
from pathlib import Path
pid = Path(__file__).with_name("pid")
if not pid.exists():
    pid.with_suffix(".new").write_text(str(os.getpid()))
    pid.with_suffix(".new").rename(pid)
    time.sleep(600)
"""


class Disturb(Watcher):
    """Kills the first job; when that has ended well, the node with the other two, of which SLURM keeps the last."""

    def __init__(self, cluster, tasks):
        self._cluster = cluster
        self._tasks = tasks
        self._steps = iter((self._kill_job, self._kill_node, self._bring_node_back))
        self._next = next(self._steps)
        self.told = {}

    def again(self, attempt, reason, seconds):
        self.told[attempt.task.name] = reason

    def tick(self, running, waiting):
        if self._next is not None and self._next(running):
            self._next = next(self._steps, None)

    def _kill_job(self, running):
        pids = [task.log.with_name("pid") for task in self._tasks]
        if not all(pid.exists() for pid in pids):
            return False
        psutil.Process(int(pids[0].read_text())).parent().kill()
        return True

    def _kill_node(self, running):
        if "killed" not in self.told or len(running) > 2:
            return False
        (job,) = {job.split("_")[0] for job in self._cluster.queue("%i", states="RUNNING")}
        self._cluster.ask(f"scontrol update JobId={job}_1 Requeue=0")
        self._cluster.kill_node()
        return True

    def _bring_node_back(self, running):
        if "lost with its node" not in self.told:
            return False
        self._cluster.start_node()
        # What was to end on the node is ended first, or it would be what begins again.
        wait_until(lambda: not self._cluster.queue("%i", states="COMPLETING"))
        time.sleep(4)
        self._cluster.hurry()
        return True


@pytest.mark.slow
def test_a_killed_job_and_a_lost_node_are_told_and_tried_again(cluster, toy, task, tmp_path, monkeypatch):
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(slurm_executor, "RESULT_SECONDS", 1.0)  # no shared disk to wait for
    tasks = [task(name, ONCE) for name in ("killed", "lost with its node", "requeued")]
    launcher = Launcher(executor="slurm", retry_after_seconds=0.1)
    disturb = Disturb(cluster, tasks)
    point = identify(toy())
    results = run_attempts(
        [Attempt(point, one, begun=False) for one in tasks],
        executor_for(launcher, tasks, 3, tmp_path / "slurm"),
        launcher,
        [disturb],
    )
    assert [result.outcome for result in results] == [Outcome.COMPLETE] * 3
    assert disturb.told.keys() == {"killed", "lost with its node"}
    assert "is FAILED: see" in disturb.told["killed"]
    assert "is NODE_FAIL: see" in disturb.told["lost with its node"]
