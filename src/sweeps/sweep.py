"""A sweep: every point identified and frozen first, then run in a process of its own, then the curves."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from statistics import fmean

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from src.config.train import TrainConfig
from src.points.point import Point, PoolTooSmall, identify
from src.study.curves import metric_name
from src.sweeps import local_processes as job_process
from src.sweeps.job import SweepJob, quoted
from src.sweeps.names import chart_labels, keys_to_tell, sweep_name, told
from src.tracking.identity import digest
from src.tracking.query import PointRecord
from src.tracking.query import points as complete_points
from src.tracking.store import open_store
from src.tracking.sweeps import Sweep, open_sweep

ENTRY_POINT = Path(__file__).parents[1] / "train.py"
MOST_PROCESSES = 8
CURVE_METRICS = ("eval/accuracy", "eval/nll", "eval/format_error_rate", "eval/reasoning_error_rate")
SHOWN_LOG_LINES = 12

console = Console()


@dataclass(frozen=True)
class Job:
    """One job of a sweep as Hydra composed it: where its files go, its configuration, what was overridden."""

    directory: Path
    frozen: DictConfig
    config: TrainConfig
    overrides: list[str]


@dataclass
class Running:
    job: Job
    point: Point
    process: job_process.JobProcess
    since: float


Asked = list[tuple[Job, Point]]  # what every job asks for; several may ask for one point


def sweep(jobs: Sequence[Job], n_jobs: int | None) -> bool:
    """Run each job's point unless it is complete, `n_jobs` at a time; True when all are complete at the end.

    A failed point does not keep the others from running. A point that several jobs share is run once. Jobs of several
    studies (two benchmarks, say) are run study by study, each with a parent run of its own. In a sweep over benchmarks,
    sizes beyond the pool of one of them are left out of its curve.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what follows is tidied up
    asked = _identified(jobs)
    each = {point.key: (job, point) for job, point in reversed(asked)}.values()
    keys = keys_to_tell([(point.config.study, point.name, job.overrides) for job, point in each])
    asked = [(job, point.telling(told(job.overrides, keys))) for job, point in asked]
    studies = dict.fromkeys(point.config.study for _, point in asked)
    # A list, so that a failure in one study does not keep the next from running.
    complete = [
        _sweep_study([(job, point) for job, point in asked if point.config.study == study], n_jobs) for study in studies
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


def _sweep_study(asked: Asked, n_jobs: int | None) -> bool:
    points = _once(asked)
    config = asked[0][1].config
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    name = sweep_name([point for _, point in asked])
    parent = open_sweep(store, config.study, digest(sorted(points)), name)
    parent.log_dict({key: job.overrides for key, (job, _) in points.items()}, "points.json")
    status = "KILLED"  # what remains if the following is interrupted
    try:
        done = {record.key for record in complete_points(store, config.study)}
        left = [pair for key, pair in points.items() if key not in done]
        console.print(f"{name}: {len(points)} points, {len(points) - len(left)} of them complete already")
        failed = _run(left, parent, n_jobs or _processes(config))
        _curves(complete_points(store, config.study), asked, parent)
        status = "FAILED" if failed else "FINISHED"
    finally:
        parent.close(status)
    for job, point in failed:
        log = job.directory / "log.txt"
        console.print(f"[red]failed[/red] {point.name}; {log} ends:")
        console.print("".join(log.read_text().splitlines(keepends=True)[-SHOWN_LOG_LINES:]), markup=False)
    return not failed


def _run(left: list[tuple[Job, Point]], parent: Sweep, processes: int) -> list[tuple[Job, Point]]:
    """Run the points; returns those that failed."""
    total = len(left)
    waiting, running, failed = list(left), list[Running](), list[tuple[Job, Point]]()
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                running.append(_start(*waiting.pop(0), parent))
            wait([r.process.sentinel for r in running])
            for ended in [r for r in running if not r.process.is_alive()]:
                running.remove(ended)
                if ended.process.exitcode != 0:
                    failed.append((ended.job, ended.point))
                outcome = "[red]failed[/red]" if ended.process.exitcode else "complete"
                seconds = time.monotonic() - ended.since
                count = total - len(waiting) - len(running)
                console.print(f"\\[{count}/{total}] {ended.point.name}: {outcome} in {seconds:.0f} s")
    finally:
        # Interrupted: the points are told to stop, say so in their runs, and are gone on from next time.
        for interrupted in running:
            job_process.stop(interrupted.process)
        for interrupted in running:
            interrupted.process.join()
    return failed


def _start(job: Job, point: Point, parent: Sweep) -> Running:
    """The frozen configuration in a process of its own."""
    frozen = job.directory / "frozen"
    frozen.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(job.frozen, frozen / "config.yaml")
    arguments = [
        f"--config-path={frozen}",
        "--config-name=config",
        f"hydra.run.dir={quoted(str(job.directory))}",
        "trainer.progress_bar=false",
    ]
    told = SweepJob(parent.id, point.key, job.overrides, list(point.untold)).environment()
    process = job_process.start(ENTRY_POINT, arguments, told, job.directory / "log.txt")
    return Running(job, point, process, time.monotonic())


def _processes(config: TrainConfig) -> int:
    """A GPU takes one point at a time; a CPU as many as it has cores for."""
    if config.trainer.accelerator == "gpu" or config.trainer.devices > 1:
        return 1
    cores = os.cpu_count() or 1
    return max(1, min(MOST_PROCESSES, cores // (config.trainer.threads or cores)))


def _curves(records: Sequence[PointRecord], asked: Asked, parent: Sweep) -> None:
    """Each curve, averaged over seeds, as a metric of the parent run whose step is n; and as a printed table."""
    by_key = {record.key: record for record in records}
    keys: dict[tuple[str, ...], set[str]] = {}
    for _, point in asked:
        keys.setdefault(point.curve, set()).update({point.key} & by_key.keys())
    measured = {curve: [by_key[key] for key in sorted(of)] for curve, of in keys.items() if of}
    labels = chart_labels(keys)
    for curve, of_curve in sorted(measured.items()):
        table = Table(title=" · ".join(curve))
        sizes = sorted({record.n_examples for record in of_curve})
        means = {
            metric.removeprefix("eval/"): [
                (n, fmean(r.metrics[metric] for r in of_curve if r.n_examples == n)) for n in sizes
            ]
            for metric in CURVE_METRICS
            if all(metric in record.metrics for record in of_curve)
        }
        for heading in ("n", *means):
            table.add_column(heading, justify="right")
        for metric, values in means.items():
            # MLflow makes what stands before the slash a section of charts.
            parent.log_curve(metric_name(f"{metric}/{labels[curve]}"), values)
        for row, n in enumerate(sizes):
            table.add_row(str(n), *(f"{means[metric][row][1]:.3f}" for metric in means))
        console.print(table)
