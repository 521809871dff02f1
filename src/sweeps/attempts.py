"""Points run to their ends on an executor: what failed is told, what the machine broke is tried again."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from src.errors import OutOfReach, Unsynced
from src.points.point import Point
from src.sweeps.executors.executor import OUT_OF_TIME, Ended, Executor, Task
from src.sweeps.launcher import Launcher

# What is no fault of the point: no tracking server, or killed from outside (out of memory, preempted, a lost node).
INFRASTRUCTURE = {
    OutOfReach.exit_status,
    128 + signal.SIGTERM,
    *(-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGBUS),
}
TICK_SECONDS = 1.0
HYDRAS_HINT = "Set the environment variable HYDRA_FULL_ERROR"  # below every traceback


class Outcome(StrEnum):
    COMPLETE = "complete"
    REUSED = "reused"  # complete before the sweep began
    RESUMED = "resumed"  # complete, begun by an earlier command
    UNSYNCED = "finished, unsynced"
    FAILED = "failed"
    NOT_RUN = "not run"

    @property
    def good(self) -> bool:
        return self in (Outcome.COMPLETE, Outcome.REUSED, Outcome.RESUMED)


@dataclass(eq=False)
class Attempt:
    """A point that is to be run. `begun`: an earlier command began it."""

    point: Point
    task: Task
    begun: bool
    tries: int = 0
    not_before: float = 0.0
    since: float = 0.0


@dataclass(frozen=True)
class Result:
    point: Point
    outcome: Outcome
    seconds: float = 0.0
    reason: str = ""
    log: Path | None = None


class Watcher:
    """Told what happens to the points; does nothing with it."""

    def started(self, attempt: Attempt) -> None: ...

    def again(self, attempt: Attempt, reason: str, seconds: float) -> None:
        """An infrastructure error: another try in `seconds`."""

    def ended(self, result: Result) -> None: ...

    def tick(self, running: Sequence[Attempt], waiting: Sequence[Attempt]) -> None: ...


def run_attempts(
    attempts: Sequence[Attempt], executor: Executor[Any], launcher: Launcher, watchers: Sequence[Watcher]
) -> list[Result]:
    """Run each point until it has ended one way or the other. Interrupted, the running ones are stopped in order."""
    waiting, running, results = list(attempts), dict[Any, Attempt](), list[Result]()

    def end(result: Result) -> None:
        results.append(result)
        for watcher in watchers:
            watcher.ended(result)

    try:
        while waiting or running:
            failed = sum(result.outcome is Outcome.FAILED for result in results)
            if launcher.max_failures is not None and failed >= launcher.max_failures:
                for attempt in waiting:
                    end(Result(attempt.point, Outcome.NOT_RUN, reason=f"hydra.launcher.max_failures={failed}"))
                waiting.clear()
            due = [attempt for attempt in waiting if attempt.not_before <= time.monotonic()]
            batch = due[: executor.room([attempt.task for attempt in due])] if due else []
            for handle, attempt in zip(executor.start([attempt.task for attempt in batch]), batch, strict=True):
                attempt.since = time.monotonic()
                attempt.tries += 1
                waiting.remove(attempt)
                running[handle] = attempt
                for watcher in watchers:
                    watcher.started(attempt)
            if not running:
                time.sleep(TICK_SECONDS if waiting else 0)
            for ended in executor.wait(list(running), TICK_SECONDS) if running else []:
                attempt = running.pop(ended.handle)
                if ended.status in INFRASTRUCTURE and attempt.tries <= launcher.retries:
                    seconds = launcher.retry_after_seconds * 2 ** (attempt.tries - 1)
                    attempt.not_before = time.monotonic() + seconds
                    waiting.append(attempt)
                    for watcher in watchers:
                        watcher.again(attempt, why(ended, attempt), seconds)
                    attempt.task.log.replace(attempt.task.log.with_name(f"log.{attempt.tries}.txt"))
                else:
                    end(_result(ended, attempt))
            for watcher in watchers:
                watcher.tick(list(running.values()), waiting)
    finally:
        executor.stop(list(running))
    return results


def _result(ended: Ended[Any], attempt: Attempt) -> Result:
    seconds = time.monotonic() - attempt.since
    if ended.status == 0:
        outcome = Outcome.RESUMED if attempt.begun else Outcome.COMPLETE
        return Result(attempt.point, outcome, seconds)
    outcome = Outcome.UNSYNCED if ended.status == Unsynced.exit_status else Outcome.FAILED
    return Result(attempt.point, outcome, seconds, why(ended, attempt), attempt.task.log)


def why(ended: Ended[Any], attempt: Attempt) -> str:
    """Why a try of a point ended so, in a sentence: the last of its log, unless it had no time to say one."""
    status = ended.status
    tries = f" ({attempt.tries} tries)" if attempt.tries > 1 else ""
    if ended.reason:
        return f"{ended.reason}{tries}"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}{tries}: out of memory, or its machine went down"
    if status == OUT_OF_TIME:
        return "it hung beyond hydra.launcher.time_limit_minutes and was killed"
    lines = attempt.task.log.read_text(errors="replace").splitlines() if attempt.task.log.exists() else []
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    spoken = said or [line for line in lines if line.strip() and not line.startswith(HYDRAS_HINT)]
    return f"{spoken[-1].strip() if spoken else f'exit status {status}'}{tries}"
