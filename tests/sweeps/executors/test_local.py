"""Points side by side on one machine, on a declared number of GPUs: which of them a job sees needs no GPU."""

from itertools import combinations

import pytest

from src.errors import FathomError
from src.sweeps.executors import executor_for
from src.sweeps.executors.local import LocalProcesses, visible_gpus
from src.sweeps.launcher import Launcher


def test_each_point_has_as_many_gpus_as_it_needs_to_itself(task, drain, seen, say_gpus):
    needs = {"a": 2, "b": 1, "c": 2, "d": 1, "e": 3}
    tasks = [task(name, say_gpus, gpus=gpus) for name, gpus in needs.items()]
    executor = executor_for(Launcher(executor="gpus", gpus=3), tasks, 1, tasks[0].log.parent)
    assert executor.room(tasks) == 2  # a and b
    assert set(drain(executor, tasks).values()) == {0}
    told = {one.name: seen(one) for one in tasks}
    visible = {name: set(of.gpus.split(",")) for name, of in told.items()}
    assert {name: len(of) for name, of in visible.items()} == needs
    assert set.union(*visible.values()) == {"0", "1", "2"}
    for one, other in combinations(needs, 2):
        at_once = told[one].started < told[other].ended and told[other].started < told[one].ended
        assert not (at_once and visible[one] & visible[other]), (one, other)


def test_processes_leave_the_environment_of_a_gpu_alone(task, drain, seen, say_gpus, monkeypatch):
    one = task("a", say_gpus)
    assert drain(LocalProcesses(1), [one]) == {"a": 0}
    assert seen(one).gpus is None


def test_gpus_are_those_that_the_environment_shows(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert visible_gpus(None) == ["GPU-a", "GPU-b"]
    assert visible_gpus(3) == ["0", "1", "2"]


@pytest.mark.parametrize("gpus", [0, 3])
def test_a_point_that_could_never_start_is_refused(task, gpus):
    with pytest.raises(FathomError, match=f"a asks for {gpus} GPUs, and this machine shows 2; set"):
        executor_for(Launcher(executor="gpus", gpus=2), [task("a", "", gpus=gpus)], 1, "folder")
