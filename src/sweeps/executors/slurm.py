"""SLURM, through submitit: the points are one array of jobs, requeued when preempted and gone on with.

The sweep's directory and tracking.root have to lie where every node sees them.
"""

import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.errors import FathomError
from src.sweeps.executors.executor import LOST, Ended, Task, missing, run_here
from src.sweeps.launcher import Launcher

POLL_SECONDS = 2.0
RESULT_SECONDS = 15.0  # for a shared disk to show the result of a job that has ended
ENDED_BY_SIGTERM = (-signal.SIGTERM, 128 + signal.SIGTERM)


class PointJob:
    """What submitit sends to a node."""

    def __call__(self, task: Task) -> int:
        status = run_here(task)
        if status in ENDED_BY_SIGTERM:
            # So SLURM ends what it requeues or cancels. Without a result the job's state says which it was.
            sys.exit(128 + signal.SIGTERM)
        return status

    def checkpoint(self, task: Task) -> Any:
        """Called when the job is preempted: the same again, later. The point goes on from its last checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task)


class Slurm:
    """An array for each number of GPUs that points ask for; SLURM decides when they run."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        try:
            import submitit

            from src.sweeps.executors.slurm_queue import Queue
        except ImportError:
            raise missing("submitit", "slurm") from None
        self._launcher = launcher
        self._submitit: Any = submitit
        self._seen_done: dict[Any, float] = {}  # since when
        submitit.SlurmJob.watcher = Queue()
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster=launcher.cluster)
        except RuntimeError as error:
            raise FathomError(
                "hydra/launcher=slurm: SLURM's commands (sbatch, srun) are not on the path; start the sweep where they "
                "are, a login node say, or try it with hydra.launcher.cluster=local"
            ) from error

    def room(self, waiting: Sequence[Task]) -> int:
        return len(waiting)

    def start(self, tasks: Sequence[Task]) -> list[Any]:
        alike: dict[int, list[int]] = defaultdict(list)
        for place, task in enumerate(tasks):
            alike[task.gpus].append(place)
        jobs: dict[int, Any] = {}
        for gpus, places in alike.items():
            self._executor.update_parameters(**self._parameters(gpus, len(places)))
            try:
                with self._executor.batch():
                    for place in places:
                        jobs[place] = self._executor.submit(PointJob(), tasks[place])
            except RuntimeError as error:
                raise FathomError(f"hydra/launcher=slurm: no job was taken: {error}") from error
        return [jobs[place] for place in range(len(tasks))]

    def wait(self, handles: Sequence[Any], seconds: float) -> list[Ended[Any]]:
        until = time.monotonic() + seconds
        while not (done := [job for job in handles if self._done(job)]) and time.monotonic() < until:
            time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
        return [self._ended(job) for job in done]

    def stop(self, handles: Sequence[Any]) -> None:
        for job in handles:
            job.cancel(check=False)  # one that has just ended keeps no other from being cancelled

    def _done(self, job: Any) -> bool:
        """Whether the job has ended and its result is here, or would be by now."""
        if not job.done():
            self._seen_done.pop(job, None)
            return False
        since = self._seen_done.setdefault(job, time.monotonic())
        return job.paths.result_pickle.exists() or time.monotonic() - since >= RESULT_SECONDS

    def _ended(self, job: Any) -> Ended[Any]:
        errors = self._submitit.core.utils
        if not job.paths.result_pickle.exists():
            # Cancelled by a person, it is not tried again.
            status = -signal.SIGINT if job.state == "CANCELLED" else LOST
            return Ended(job, status, f"its job {job.job_id} is {job.state}: see {job.paths.stderr}")
        try:
            return Ended(job, int(job.result()))
        except (errors.UncompletedJobError, errors.FailedJobError):
            return Ended(job, LOST, f"its job {job.job_id} did not come to an end: see {job.paths.stderr}")

    def _parameters(self, gpus: int, n_tasks: int) -> dict[str, Any]:
        launcher = self._launcher
        return {
            "name": "fathom",
            "timeout_min": launcher.job_minutes,
            "cpus_per_task": launcher.cpus,
            "tasks_per_node": 1,  # the ranks of a point are its own to start
            "slurm_array_parallelism": launcher.n_jobs or n_tasks,
            "slurm_additional_parameters": {"requeue": True, **launcher.sbatch},  # also where JobRequeue=0
            **({"gpus_per_node": gpus} if gpus else {}),
            **({"mem_gb": launcher.memory_gb} if launcher.memory_gb else {}),
        }
