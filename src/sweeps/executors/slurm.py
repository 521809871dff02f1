"""SLURM, through submitit: the points are one array of jobs, requeued when preempted and gone on with.

The sweep's directory and tracking.root have to lie where every node sees them.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.sweeps.executors.executor import LOST, Ended, Task, missing, run_here
from src.sweeps.launcher import Launcher

POLL_SECONDS = 2.0


class PointJob:
    """What submitit sends to a node."""

    def __call__(self, task: Task) -> int:
        return run_here(task)

    def checkpoint(self, task: Task) -> Any:
        """Called when the job is preempted: the same again, later. The point goes on from its last checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task)


class Slurm:
    """An array for each number of GPUs that points ask for; SLURM decides when they run."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        try:
            import submitit
        except ImportError:
            raise missing("submitit", "slurm") from None
        self._launcher = launcher
        self._submitit: Any = submitit
        self._executor = submitit.AutoExecutor(folder=folder, cluster=launcher.cluster)

    def room(self, waiting: Sequence[Task]) -> int:
        return len(waiting)

    def start(self, tasks: Sequence[Task]) -> list[Any]:
        alike: dict[int, list[int]] = defaultdict(list)
        for place, task in enumerate(tasks):
            alike[task.gpus].append(place)
        jobs: dict[int, Any] = {}
        for gpus, places in alike.items():
            self._executor.update_parameters(**self._parameters(gpus, len(places)))
            with self._executor.batch():
                for place in places:
                    jobs[place] = self._executor.submit(PointJob(), tasks[place])
        return [jobs[place] for place in range(len(tasks))]

    def wait(self, handles: Sequence[Any], seconds: float) -> list[Ended[Any]]:
        until = time.monotonic() + seconds
        while not (done := [job for job in handles if job.done()]) and time.monotonic() < until:
            time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
        return [Ended(job, self._status(job)) for job in done]

    def stop(self, handles: Sequence[Any]) -> None:
        for job in handles:
            job.cancel()

    def _status(self, job: Any) -> int:
        try:
            return int(job.result())
        except (self._submitit.core.utils.UncompletedJobError, self._submitit.core.utils.FailedJobError):
            return LOST  # the node, not the point

    def _parameters(self, gpus: int, n_tasks: int) -> dict[str, Any]:
        launcher = self._launcher
        return {
            "name": "fathom",
            "timeout_min": launcher.job_minutes,
            "cpus_per_task": launcher.cpus,
            "tasks_per_node": 1,  # the ranks of a point are its own to start
            "slurm_array_parallelism": launcher.n_jobs or n_tasks,
            "slurm_additional_parameters": dict(launcher.sbatch),
            **({"gpus_per_node": gpus} if gpus else {}),
            **({"mem_gb": launcher.memory_gb} if launcher.memory_gb else {}),
        }
