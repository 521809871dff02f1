"""Ray on this machine's own cores, run for real."""

import time
from itertools import combinations
from pathlib import Path

import pytest

from src.sweeps.executors import executor_for
from src.sweeps.executors.executor import LOST
from src.sweeps.launcher import Launcher
from tests.sweeps.executors.two_nodes import NODE, two_nodes

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


UNTIL_TOLD = f"""
import os, time
from pathlib import Path
here = Path(__file__).parent
(here / "begun").write_text(os.environ[{NODE!r}] + " " + str(os.getpid()))
(here / "begun").rename(here / "at_work")
while not (here.parent / "enough").exists():
    time.sleep(0.1)
"""


@pytest.fixture
def at_work():
    """at_work(tasks): by name the node of each and its process, once all are at work."""

    def look(tasks):
        files = {one.name: one.log.parent / "at_work" for one in tasks}
        while not all(file.exists() for file in files.values()):
            time.sleep(0.1)
        return {name: tuple(file.read_text().split()) for name, file in files.items()}

    return look


def ended(executor, handles, count):
    """The statuses of the first `count` of the handles that end."""
    statuses = {}
    while len(statuses) < count:
        left = [handle for handle in handles if handle not in statuses]
        statuses |= {one.handle: one.status for one in executor.wait(left, 1.0)}
    return statuses


@pytest.mark.slow
def test_tasks_run_on_two_nodes_and_what_one_takes_down_with_it_is_lost_and_goes_on_elsewhere(task, at_work):
    tasks = [task(name, UNTIL_TOLD) for name in "abcd"]
    with two_nodes(cpus=2) as nodes:
        try:
            executor = executor_for(Launcher(executor="ray", address=nodes.address), [], 1, "folder")
            handles = executor.start(tasks)
            where = at_work(tasks)
            assert sorted(node for node, _ in where.values()) == ["head", "head", "worker", "worker"]
            nodes.stop()
            lost = ended(executor, handles, 2)
            assert set(lost.values()) == {LOST}
            again = [one for one, handle in zip(tasks, handles, strict=True) if handle in lost]
            assert [where[one.name][0] for one in again] == ["worker", "worker"]
            while any(Path("/proc", where[one.name][1]).exists() for one in again):
                time.sleep(0.1)

            (task.folder / "enough").touch()  # so that the head has room again
            handles = [handle for handle in handles if handle not in lost] + executor.start(again)
            assert list(ended(executor, handles, 4).values()) == [0] * 4
            assert [at_work(again)[one.name][0] for one in again] == ["head", "head"]
        finally:
            ray.shutdown()
