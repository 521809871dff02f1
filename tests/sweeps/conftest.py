"""Executors with scripts of a line or two for points: what they do to processes shows without training anything."""

import json
from dataclasses import dataclass

import pytest

from src.sweeps.executors import local
from src.sweeps.executors.executor import Task


@pytest.fixture(autouse=True, scope="session")
def light_fork_server():
    """Nothing is imported for scripts that need nothing."""
    local._context.set_forkserver_preload([])


@pytest.fixture
def task(tmp_path):
    """task("a", "print(1)"): a task that runs the code, with its own folder for the log."""

    def make(name: str, code: str, **more) -> Task:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "script.py").write_text(code)
        return Task(name, folder / "script.py", [], {"FATHOM_TEST": name}, folder / "log.txt", **more)

    make.folder = tmp_path
    return make


SAY_GPUS = """
import json, os, time
from pathlib import Path
started = time.time()
time.sleep(0.3)
seen = [os.environ.get("CUDA_VISIBLE_DEVICES"), started, time.time()]
Path(__file__).with_name("seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture
def say_gpus():
    """Code that keeps what it saw, and when."""
    return SAY_GPUS


@dataclass(frozen=True)
class Seen:
    gpus: str | None
    started: float
    ended: float


@pytest.fixture
def seen():
    """seen(task): what a task that ran SAY_GPUS saw."""
    return lambda task: Seen(*json.loads(task.script.with_name("seen.json").read_text()))


@pytest.fixture
def drain():
    """drain(executor, tasks): run them all; the exit statuses by name."""

    def drain(executor, tasks, at_work=lambda handles: None):
        waiting, running, statuses = list(tasks), {}, {}
        while waiting or running:
            batch = waiting[: executor.room(waiting)]
            running |= dict(zip(executor.start(batch), batch, strict=True))
            waiting = waiting[len(batch) :]
            at_work(list(running))
            for ended in executor.wait(list(running), 1.0):
                statuses[running.pop(ended.handle).name] = ended.status
        return statuses

    return drain
