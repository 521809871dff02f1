"""Whether what a sweep will write fits on the disk: said before it starts, instead of after days."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.errors import FathomError
from src.planning.at_hand import complete_keys
from src.planning.disk import disk_of, sizes_of
from src.points.point import Point
from src.tracking import tags as tag
from src.tracking.query import runs_with
from src.tracking.store import keeps_artifacts_under_root, open_store

GIB = 2**30


@dataclass(frozen=True)
class _Growth:
    """Bytes that a point adds to what is on the disk now: while it is at work, and for good."""

    at_work: float
    lasting: float


def require_room(points: Sequence[Point], at_once: int) -> None:
    """Raises FathomError if what is left of these points, `at_once` of them at a time, needs more than is free.

    An estimate of weights, checkpoints and exports; answers and metrics are small beside them.
    """
    root = points[0].config.tracking.root.resolve()
    free = shutil.disk_usage(next(place for place in (root, *root.parents) if place.exists())).free
    training = _training(points)
    if _needed(_distinct(training), at_once) <= free:
        return  # whatever of it is complete: thousands of runs need not be read
    left = _distinct(_incomplete(training))
    if _needed(left, at_once) <= free:
        return
    left = [point for point in left if not _trained_before(point)]
    needed = _needed(left, at_once)
    if needed <= free:
        return
    kept = _needed(left, 0)
    raise FathomError(
        f"{root}: this sweep needs about {_gib(needed)} of disk and {_gib(free)} are free: {_gib(kept)} for weights "
        f"that {len(left)} points keep, {_gib(needed - kept)} for checkpoints and exports of {at_once} at a time; make "
        "room (make gc), set tracking.root to a larger disk, or take "
        f"{' or '.join(_what_fits(left, at_once, free)) or 'a smaller model, or method=lora'}"
    )


def _training(points: Sequence[Point]) -> list[Point]:
    """The points that train, with those that they start from."""
    every = {one.key: one for point in points for one in (point, point.first) if one is not None}
    return [point for point in every.values() if point.config.trains]


def _incomplete(points: Sequence[Point]) -> list[Point]:
    studies = {point.config.study: point.config for point in points}
    complete = {study: complete_keys(config) for study, config in studies.items()}
    return [point for point in points if point.key not in complete[point.config.study]]


def _distinct(points: Sequence[Point]) -> list[Point]:
    """Those that differ in scores alone train once."""
    return list({point.weights: point for point in points}.values())


def _trained_before(point: Point) -> bool:
    """Whether a complete run has these weights, so that the point may only have to answer, or to be scored."""
    tracking = point.config.tracking
    store = open_store(tracking.uri, tracking.root)
    return bool(runs_with(store, [store.experiment(point.config.study)], tag.WEIGHTS, point.weights))


def _needed(points: Sequence[Point], at_once: int, **changes: str) -> float:
    """Bytes at the worst moment: all but `at_once` points complete, and these, the largest, at their fullest."""
    growths = [_growth(point, **changes) for point in points]
    further = sorted((growth.at_work - growth.lasting for growth in growths), reverse=True)
    return sum(growth.lasting for growth in growths) + sum(further[:at_once])


def _growth(point: Point, **changes: str) -> _Growth:
    config = point.config.model_copy(update=changes)
    tracking = config.tracking
    disk = disk_of(config, sizes_of(point.base, config))
    kept = disk.kept if tracking.uri is None or keeps_artifacts_under_root(tracking.uri) else 0.0
    there = _size(tracking.root.resolve() / "work" / point.work)
    return _Growth(max(0.0, disk.at_work - there), max(0.0, kept - there))


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def _what_fits(points: Sequence[Point], at_once: int, free: float) -> list[str]:
    ways = {"save=none": _needed(points, at_once, save="none"), "hydra.launcher.n_jobs=1": _needed(points, 1)}
    ways["save=none hydra.launcher.n_jobs=1"] = _needed(points, 1, save="none")
    fitting = {way: needed for way, needed in ways.items() if needed <= free}
    return [f"{way} ({_gib(needed)})" for way, needed in fitting.items()][:2]


def _gib(size: float) -> str:
    return f"{size / GIB:,.1f} GiB"
