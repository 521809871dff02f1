"""The protocol behind which a sweep's points are run: by local processes, by SLURM, by Ray."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from src.child_process import end_with_parent, terminate
from src.errors import FathomError

# A launcher's, a scheduler's or a rank's variables would make Lightning believe that it is inside a job already.
STRIPPED = (
    *("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    *("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_JOB_NAME"),
    "TORCHELASTIC_RUN_ID",
)
# The exit status of a job that went down with its machine: as if it had been killed.
LOST = -signal.SIGKILL
OUT_OF_TIME = 124  # as the command `timeout` has it
POLL_SECONDS = 0.2
# From SIGTERM on, for a point to end its run in order.
GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Task:
    """`python script arguments…` with `environment` added, its output in `log`, on `gpus` GPUs (0: a CPU).

    `limit_seconds` is the time that it gives itself; an executor may kill it a while after.
    """

    name: str
    script: Path
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    gpus: int = 0
    limit_seconds: float | None = None


Handle = TypeVar("Handle")


@dataclass(frozen=True)
class Ended(Generic[Handle]):
    """A task that ended. `status` is its exit status, the negative of a signal's number where one killed it.

    `reason` is a sentence that only the executor knows, of a task that could say none.
    """

    handle: Handle
    status: int
    reason: str = ""


class Executor(Protocol[Handle]):
    """Starts tasks, waits for them and stops them. What a handle is, is its own affair."""

    def room(self, waiting: Sequence[Task]) -> int:
        """How many of the first of `waiting` it takes now."""

    def start(self, tasks: Sequence[Task]) -> list[Handle]:
        """Start the tasks, or queue them where something else decides when they run."""

    def wait(self, handles: Sequence[Handle], seconds: float) -> list[Ended[Handle]]:
        """Those of `handles` that have ended, as soon as one has, at the latest after `seconds`."""

    def stop(self, handles: Sequence[Handle]) -> None:
        """Have them end in order, and come back when they are gone (or told, where that cannot be seen)."""


def run_here(task: Task) -> int:
    """Run a task in a process of its own and wait for it; returns its exit status. Cut short, it ends the process."""
    environment = {name: value for name, value in os.environ.items() if name not in STRIPPED}
    with task.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(task.script), *task.arguments],
            env=environment | task.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_bound_to_its_parent,
        )
        try:
            while process.poll() is None:  # and no blocking call, which Ray's interrupt would not end
                time.sleep(POLL_SECONDS)
            return process.returncode
        except BaseException:
            terminate(process.pid)
            raise
        finally:
            process.wait()


def _bound_to_its_parent() -> None:
    end_with_parent()
    # SLURM warns every process of a step. Whoever waits for this one ends it in order.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def missing(package: str, extra: str) -> FathomError:
    return FathomError(f"hydra/launcher={extra} needs {package}, which is not installed: pip install 'fathom[{extra}]'")
