"""What lies under a tracking root and nothing refers to any more."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from filelock import FileLock, Timeout
from mlflow.entities import Run, ViewType

from src.tracking import tags as tag
from src.tracking.store import Store, keeps_artifacts_under_root, open_store

DAY = 86_400


@dataclass(frozen=True)
class Leftover:
    """A file or a directory, why nothing needs it, and what its removal frees in bytes. `key` is whose lock guards it.

    A file that is linked elsewhere too, as a copy of weights is with the artifact, frees none.
    """

    path: Path
    why: str
    size: int
    key: str | None = None


def leftovers(store: Store, days: float) -> list[Leftover]:
    """What can go, by path; nothing that was touched in the last `days`.

    Unfinished work stays, for its point is gone on from there, and so do artifacts of every run that is not deleted.
    The runs of the root's own database count too where `store` is another: they refer to the same directories. What a
    run that neither knows has in the spool may be the only copy of a result that waits for its store, and stays.
    """
    own = store.root / "mlflow.db"
    stores = [store, open_store(None, store.root)] if own.exists() and store.database != own else [store]
    runs = [run for one in stores for run in _runs(one)]
    known = {run.info.run_id for run in runs}
    active = {run.info.run_id for run in runs if run.info.lifecycle_stage == "active"}
    tags = [run.data.tags for run in runs if run.info.run_id in active]
    unfinished = {key for of in tags if tag.COMPLETE not in of for key in _keys(of)}
    complete = {key for of in tags if tag.COMPLETE in of for key in _keys(of)}
    found = []
    for path in _entries(store.root, "work"):
        if path.name in unfinished:
            continue
        if path.name in complete:
            found.append(_leftover(path, "work of a point that is complete", path.name))
        else:
            found.append(_leftover(path, "work of a run that is gone", path.name))
    for path in _entries(store.root, "bases"):
        if path.name not in complete:
            found.append(_leftover(path, "a base whose run is gone", path.name))
    for path in _entries(store.root, "exports"):
        found.append(_leftover(path, "a copy of weights, which are an artifact of their run"))
    for path in _entries(store.root, "spool"):
        if path.stem in known - active:
            found.append(_leftover(path, "metrics of a run that is deleted"))
    kept_here = any(keeps_artifacts_under_root(one.uri) for one in stores)
    for path in _entries(store.root, "artifacts") if kept_here else []:
        if path.name not in active:
            found.append(_leftover(path, "artifacts of a run that is deleted"))
    newest = time.time() - days * DAY
    return sorted((one for one in found if _touched(one.path) <= newest), key=lambda one: one.path)


def remove(store: Store, leftover: Leftover) -> bool:
    """Whether it was removed: not while a process holds its key."""
    lock = FileLock(store.locks / f"{leftover.key}.lock")
    try:
        if leftover.key is not None:
            lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        if leftover.path.is_dir():
            rmtree(leftover.path)
        else:
            leftover.path.unlink()
    finally:
        lock.release()
    return True


def _keys(tags: Mapping[str, str]) -> list[str]:
    """The keys of a run, one of which its work is called by."""
    return [key for name in (tag.KEY, tag.WEIGHTS, tag.COMPLETIONS) for key in tags.get(name, "").split()]


def _leftover(path: Path, why: str, key: str | None = None) -> Leftover:
    stats = [file.stat() for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return Leftover(path, why, sum(stat.st_size for stat in stats if stat.st_nlink == 1), key)


def _touched(path: Path) -> float:
    return max(each.stat().st_mtime for each in (path, *path.rglob("*")))


def _entries(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).iterdir()) if (root / folder).is_dir() else []


def _runs(store: Store) -> Iterator[Run]:
    """All runs of all studies, those deleted in MLflow too."""
    experiments = [e.experiment_id for e in store.client.search_experiments(view_type=ViewType.ALL, max_results=1000)]
    return store.runs(experiments, run_view_type=ViewType.ALL)
