"""Ray on this machine's own cores, run for real."""

import time
from itertools import combinations
from pathlib import Path

import pytest

from src.sweeps.executors import executor_for
from src.sweeps.executors.executor import LOST
from src.sweeps.launcher import Launcher

ray = pytest.importorskip("ray")

SLEEP = """
import os, time
from pathlib import Path
here = Path(__file__).parent
(here / "pid").write_text(str(os.getpid()))
(here / "pid").rename(here / "ready")
time.sleep(600)
"""


@pytest.mark.slow
def test_a_local_cluster(task, drain, seen, say_gpus):
    launcher = Launcher(executor="ray", gpus=2, cpus=1, memory_gb=0.1)
    executor = executor_for(launcher, [], 1, "folder")
    try:
        tasks = [task(name, say_gpus, gpus=gpus) for name, gpus in {"a": 1, "b": 1, "c": 2}.items()]
        tasks += [task("failed", "raise SystemExit(75)")]
        tasks += [task("lost", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")]
        assert drain(executor, tasks) == {"a": 0, "b": 0, "c": 0, "failed": 75, "lost": LOST}
        told = [seen(one) for one in tasks[:3]]
        assert [len(of.gpus.split(",")) for of in told] == [1, 1, 2]
        for one, other in combinations(told, 2):
            at_once = one.started < other.ended and other.started < one.ended
            assert not (at_once and set(one.gpus.split(",")) & set(other.gpus.split(",")))

        stopped = task("stopped", SLEEP)
        ready = stopped.log.parent / "ready"
        handles = executor.start([stopped])
        while not ready.exists():
            executor.wait(handles, 0.2)
        executor.stop(handles)
    finally:
        ray.shutdown()
    while Path("/proc", ready.read_text()).exists():
        time.sleep(0.1)
