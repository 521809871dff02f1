"""Ray: a cluster that is there already, or one of this machine's own cores; GPUs and memory as resources."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.sweeps.executors.executor import GRACE_SECONDS, LOST, Ended, Task, missing, run_here
from src.sweeps.launcher import Launcher

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # a task without a GPU keeps its environment

OBJECT_STORE_BYTES = 100 * 2**20  # tasks and exit statuses are all that goes through it


class RayCluster:
    """A Ray task for each point; Ray decides when and where they run."""

    def __init__(self, launcher: Launcher) -> None:
        try:
            import ray
        except ImportError:
            raise missing("ray", "ray") from None
        self._ray: Any = ray
        self._launcher = launcher
        self._tasks: dict[Any, Task] = {}
        # A cluster of its own needs no address of this machine in any network.
        own = {"num_gpus": launcher.gpus, "object_store_memory": OBJECT_STORE_BYTES, "_node_ip_address": "127.0.0.1"}
        where: dict[str, Any] = {"address": launcher.address} if launcher.address else own
        self._ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            ignore_reinit_error=True,  # the next study of the sweep
            **where,
        )

    def room(self, waiting: Sequence[Task]) -> int:
        return len(waiting)

    def start(self, tasks: Sequence[Task]) -> list[Any]:
        return [self._remote(task) for task in tasks]

    def wait(self, handles: Sequence[Any], seconds: float) -> list[Ended[Any]]:
        done, _ = self._ray.wait(list(handles), num_returns=1, timeout=seconds)
        return [Ended(reference, self._status(reference)) for reference in done]

    def stop(self, handles: Sequence[Any]) -> None:
        for reference in handles:
            self._ray.cancel(reference)  # KeyboardInterrupt in the task, which ends its process in order
        # Ray takes a cancelled task for ended at once.
        begun = [task for task in (self._tasks[reference] for reference in handles) if task.log.exists()]
        until = time.monotonic() + GRACE_SECONDS
        while not all(_mark(task).exists() for task in begun) and time.monotonic() < until:
            time.sleep(0.1)

    def _remote(self, task: Task) -> Any:
        memory = self._launcher.memory_gb
        resources = {"memory": memory * 2**30} if memory else {}
        remote = self._ray.remote(num_cpus=self._launcher.cpus, num_gpus=task.gpus, max_retries=0, **resources)(_run)
        reference = remote.remote(task)
        self._tasks[reference] = task
        return reference

    def _status(self, reference: Any) -> int:
        try:
            return int(self._ray.get(reference))
        except self._ray.exceptions.RayError:
            return LOST  # the worker or its node, not the point


def _run(task: Task) -> int:
    _mark(task).unlink(missing_ok=True)
    try:
        return run_here(task)
    finally:
        _mark(task).touch()


def _mark(task: Task) -> Path:
    """The file that says that nothing of the task is at work any more."""
    return task.log.with_suffix(".ended")
