"""Processes of this machine: each its own, yet without paying for the imports each time; each on its own GPUs.

Importing torch, Lightning and transformers takes longer than training a tiny point. A fork server imports them once
(template.py), and every job is forked from it fresh.
"""

import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import runpy
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from src.child_process import end_with_parent, terminate
from src.config.any_benchmark import AnyBenchmark
from src.config.train import TrainConfig
from src.sweeps.executors.executor import GRACE_SECONDS, OUT_OF_TIME, STRIPPED, Ended, Task

_context = multiprocessing.get_context("forkserver")
# MLflow imports its SQL store at the first request, which would be in every job: a second of each.
_PRELOAD = ["src.tasks.finetune", "mlflow.store.tracking.sqlalchemy_store", "src.sweeps.executors.template"]
_context.set_forkserver_preload(_PRELOAD)

DATA = "FATHOM_SWEEP_DATA"  # the variable that tells the fork server of it
MOST_BENCHMARKS = 4  # of more than these no job should have to wait for the first to be read


class Data(BaseModel):
    """What the jobs of a sweep read alike: the benchmarks that they draw from, and those that they test on."""

    pools: list[AnyBenchmark]
    tests: list[AnyBenchmark]


def start_fork_server(configs: Sequence[TrainConfig]) -> None:
    """Have it import and read what jobs with these configurations need, beside what this process does until then."""
    pools = dict.fromkeys(config.train_on or config.benchmark for config in configs if config.n_examples)
    tests = dict.fromkeys(of for config in configs for of in (config.benchmark, *config.also.values()))
    data = Data(pools=list(pools)[:MOST_BENCHMARKS], tests=list(tests)[:MOST_BENCHMARKS])
    os.environ[DATA] = data.model_dump_json()
    multiprocessing.forkserver.ensure_running()
    del os.environ[DATA]


@dataclass(eq=False)
class Job:
    """A task at work, on the GPUs that are its own."""

    task: Task
    process: multiprocessing.context.ForkServerProcess
    gpus: list[str]
    since: float
    out_of_time: bool = False


class LocalProcesses:
    """At most `n_jobs` processes at a time. Where `gpus` are named, each gets as many as its task needs to itself."""

    def __init__(self, n_jobs: int, gpus: Sequence[str] | None = None) -> None:
        self._n_jobs = n_jobs
        self._gpus = None if gpus is None else list(gpus)  # the free ones
        self._running: list[Job] = []

    def room(self, waiting: Sequence[Task]) -> int:
        first = waiting[: self._n_jobs - len(self._running)]
        if self._gpus is None:
            return len(first)
        return sum(sum(task.gpus for task in first[:count]) <= len(self._gpus) for count in range(1, len(first) + 1))

    def start(self, tasks: Sequence[Task]) -> list[Job]:
        started = [self._start(task) for task in tasks]
        self._running += started
        return started

    def wait(self, handles: Sequence[Job], seconds: float) -> list[Ended[Job]]:
        multiprocessing.connection.wait([job.process.sentinel for job in handles], timeout=seconds)
        for job in handles:
            # It ends itself at its limit, unless it hangs where no signal reaches Python.
            limit = job.task.limit_seconds
            if limit is not None and time.monotonic() - job.since > limit + GRACE_SECONDS and job.process.is_alive():
                job.out_of_time = True
                _kill(job)
        ended = [job for job in handles if not job.process.is_alive()]
        for job in ended:
            self._running.remove(job)
            if self._gpus is not None:
                self._gpus += job.gpus
        return [Ended(job, OUT_OF_TIME if job.out_of_time else job.process.exitcode or 0) for job in ended]

    def stop(self, handles: Sequence[Job]) -> None:
        for job in handles:
            if job.process.pid is not None and job.process.is_alive():
                terminate(job.process.pid)
        until = time.monotonic() + GRACE_SECONDS
        for job in handles:
            job.process.join(max(0.0, until - time.monotonic()))
            if job.process.is_alive():
                _kill(job)

    def _start(self, task: Task) -> Job:
        gpus = [] if self._gpus is None else [self._gpus.pop(0) for _ in range(task.gpus)]
        visible = {} if self._gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
        process = _context.Process(target=_run, args=(task, visible))
        process.start()
        return Job(task, process, gpus, time.monotonic())


def visible_gpus(declared: int | None) -> list[str]:
    """What this machine's GPUs are called: those that CUDA_VISIBLE_DEVICES names, else by their numbers.

    `declared` says how many there are where that cannot be asked.
    """
    if declared is not None:
        return [str(number) for number in range(declared)]
    if named := os.environ.get("CUDA_VISIBLE_DEVICES"):
        return named.split(",")
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _kill(job: Job) -> None:
    if job.process.pid is not None:
        os.killpg(job.process.pid, signal.SIGKILL)
    job.process.join()


def _run(task: Task, visible: dict[str, str]) -> None:
    os.setsid()
    end_with_parent()  # the fork server, which ends when the sweep is killed outright
    with task.log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(task.environment | visible)
    for name in STRIPPED:
        os.environ.pop(name, None)
    sys.argv = [str(task.script), *task.arguments]
    runpy.run_path(str(task.script), run_name="__main__")
