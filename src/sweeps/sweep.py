"""A sweep: every point identified and frozen first, then run in a process of its own, then the curves."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from src.config.train import TrainConfig
from src.errors import FathomError
from src.points.point import Point, PoolTooSmall, identify
from src.sweeps.attempts import Attempt, Outcome, Result, run_attempts
from src.sweeps.costs import costs
from src.sweeps.curves import Curves, show_curves
from src.sweeps.executors import executor_for
from src.sweeps.executors.executor import Task
from src.sweeps.job import SweepJob, quoted
from src.sweeps.launcher import Launcher
from src.sweeps.names import keys_to_tell, sweep_name, told
from src.sweeps.room import require_room
from src.sweeps.show import Show, place_of, show_results
from src.tracking.identity import digest
from src.tracking.leftovers import Leftover, remove
from src.tracking.query import points as complete_points
from src.tracking.storage_errors import storing
from src.tracking.store import Store, open_store
from src.tracking.sweeps import PLAN, Sweep, begun, open_sweep
from src.tracking.sync import end_complete, sync

ENTRY_POINT = Path(__file__).parents[1] / "train.py"
MOST_PROCESSES = 8

console = Console()


@dataclass(frozen=True)
class Job:
    """One job of a sweep as Hydra composed it: where its files go, its configuration, what was overridden."""

    directory: Path
    frozen: DictConfig
    config: TrainConfig
    overrides: list[str]


Asked = list[tuple[Job, Point]]  # what every job asks for; several may ask for one point


def sweep(jobs: Sequence[Job], launcher: Launcher) -> bool:
    """Run each job's point unless it is complete, as `launcher` says; True when all are complete at the end.

    A failed point does not keep the others from running, up to `launcher.max_failures`. A point that several jobs share
    is run once. Jobs of several studies (two benchmarks, say) are run study by study, each with a parent run of its
    own. In a sweep over benchmarks, sizes beyond the pool of one of them are left out of its curve. Nothing is begun
    where the disk cannot hold what the points will write.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what follows is tidied up
    asked = _identified(jobs)
    each = {point.key: (job, point) for job, point in reversed(asked)}.values()
    keys = keys_to_tell([(point.config.study, point.name, job.overrides) for job, point in each])
    asked = [(job, point.telling(told(job.overrides, keys))) for job, point in asked]
    config = asked[0][1].config
    # What other executors have room for shows when they start.
    at_least = _processes(config) if launcher.executor == "processes" else 1
    require_room([point for _, point in asked], launcher.n_jobs or at_least)
    studies = dict.fromkeys(point.config.study for _, point in asked)
    # A list, so that a failure in one study does not keep the next from running.
    complete = [
        _sweep_study([(job, point) for job, point in asked if point.config.study == study], launcher)
        for study in studies
    ]
    return all(complete)


def _identified(jobs: Sequence[Job]) -> Asked:
    """The points of the jobs. Raises PoolTooSmall where all jobs train on one pool, or none fits in a pool."""
    asked: Asked = []
    too_small: dict[str, tuple[Job, PoolTooSmall]] = {}  # by sentence
    for job in jobs:
        try:
            asked.append((job, identify(job.config)))
        except PoolTooSmall as error:
            too_small[str(error)] = job, error
    trained_on = {point.trained_on for _, point in asked}
    for job, refusal in too_small.values():
        if len(trained_on) == 1 or (job.config.train_on or job.config.benchmark) not in trained_on:
            raise refusal
        console.print(f"left out: {refusal}", markup=False)
    return asked


def _once(asked: Asked) -> dict[str, tuple[Job, Point]]:
    """Each point by its run key; one that several jobs ask for says no more of them than they share."""
    shared: dict[str, Asked] = {}
    for job, point in asked:
        shared.setdefault(point.key, []).append((job, point))
    points = {}
    for key, of in shared.items():
        job, point = of[0]
        points[key] = job, point.telling([said for said in point.untold if all(said in p.untold for _, p in of)])
    return points


def _sweep_study(asked: Asked, launcher: Launcher) -> bool:
    points = _once(asked)
    config = asked[0][1].config
    tracking = config.tracking
    store = open_store(tracking.uri, tracking.root, tracking.flush_seconds, tracking.patience_seconds)
    name = sweep_name([point for _, point in asked])
    parent = open_sweep(store, config.study, digest(sorted(points)), name)
    parent.log_dict({key: _planned(job, point) for key, (job, point) in points.items()}, PLAN)
    status, results = "KILLED", list[Result]()  # what remains if the following is interrupted
    try:
        complete = complete_points(store, config.study)
        done = {record.key for record in complete}
        started = begun(store, config.study)
        left = [
            Attempt(point, _task(job, point, parent, launcher), begun=key in started)
            for key, (job, point) in points.items()
            if key not in done
        ]
        console.print(f"{name}: {len(points)} points, {len(points) - len(left)} of them complete already")
        results = [Result(point, Outcome.REUSED) for key, (_, point) in points.items() if key in done]
        curves = Curves([point for _, point in asked], parent, points.keys() - done, complete)
        if left:
            n_jobs = launcher.n_jobs or _processes(config)
            folder = left[0].task.log.parents[1] / launcher.executor
            executor = executor_for(launcher, [attempt.task for attempt in left], n_jobs, folder)
            with Show(console, name, config.study, parent, len(results), len(left), costs(complete)) as show:
                results += run_attempts(left, executor, launcher, [show, curves])
            results = _synced(store, results)
        _tidy(store, config.study, results)
        show_curves(console, curves.draw(parent))
        good = all(result.outcome.good for result in results)
        status = "FINISHED" if good else "FAILED"
    finally:
        show_results(console, results)
        parent.close(status)
    return good


def _synced(store: Store, results: list[Result]) -> list[Result]:
    """The results once what finished while the store was away is brought to it. Waits for it; OutOfReach after that."""
    unsynced = [result.point.key for result in results if result.outcome is Outcome.UNSYNCED]
    if unsynced:
        sync(store, unsynced)
    return [replace(r, outcome=Outcome.COMPLETE) if r.outcome is Outcome.UNSYNCED else r for r in results]


def _tidy(store: Store, study: str, results: list[Result]) -> None:
    """What points leave that were killed between the completion of their run and their own end."""
    end_complete(store, study)
    works = {good: {r.point.work for r in results if r.outcome.good is good} for good in (True, False)}
    for name in works[True] - works[False]:  # points that share their weights share it
        work = store.root / "work" / name
        if work.exists():
            remove(store, Leftover(work, "work of a point that is complete", size=0, key=name))


def _planned(job: Job, point: Point) -> dict[str, Any]:
    """What src/status.py knows of a point before it begins."""
    return {
        "name": point.name,
        "place": place_of(point),
        "n_examples": point.config.n_examples,
        "overrides": job.overrides,
    }


def _task(job: Job, point: Point, parent: Sweep, launcher: Launcher) -> Task:
    """The frozen configuration of a job, for a process of its own."""
    frozen = job.directory / "frozen"
    with storing(job.directory):
        frozen.mkdir(parents=True, exist_ok=True)
        unfinished = frozen / f"config.{os.getpid()}.unfinished"
        OmegaConf.save(job.frozen, unfinished)
        unfinished.replace(frozen / "config.yaml")  # whole at any time: the same command may be at work beside this one
    nodes = point.config.trainer.num_nodes
    if nodes > 1:
        raise FathomError(
            f"trainer.num_nodes={nodes}: a sweep runs each point on one machine; run {point.name} by itself"
        )
    limit = 60 * launcher.time_limit_minutes if launcher.time_limit_minutes else None
    return Task(
        name=point.name,
        script=ENTRY_POINT,
        arguments=[
            f"--config-path={frozen}",
            "--config-name=config",
            f"hydra.run.dir={quoted(str(job.directory))}",
            "trainer.progress_bar=false",
        ],
        environment=SweepJob(parent.id, point.key, job.overrides, list(point.untold), limit).environment(),
        log=job.directory / "log.txt",
        gpus=point.config.trainer.devices if point.config.trainer.accelerator == "gpu" else 0,
        limit_seconds=limit,
    )


def _processes(config: TrainConfig) -> int:
    """A GPU takes one point at a time; a CPU as many as it has cores for."""
    if config.trainer.accelerator == "gpu" or config.trainer.devices > 1:
        return 1
    cores = os.cpu_count() or 1
    return max(1, min(MOST_PROCESSES, cores // (config.trainer.threads or cores)))
