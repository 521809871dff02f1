"""Which process works on a key: at most one, on one host by a file lock, across hosts by owner and heartbeat tags."""

import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from filelock import FileLock, Timeout
from mlflow.entities import Run, RunTag

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.store import Store

HEARTBEAT_SECONDS = 30.0
# An owner on another host whose heartbeat is older than this is dead. Hosts' clocks must agree within a minute.
DEAD_AFTER_SECONDS = 120.0
# Longer than a read and a write of the tracking server take: what rivals wrote meanwhile is visible then.
SETTLE_SECONDS = 2.0
POLL_SECONDS = 5.0

log = logging.getLogger(__name__)


@contextmanager
def key_lock(store: Store, key: str, name: str) -> Iterator[None]:
    """Hold a key on this host. Waits for whoever holds it; a process that dies lets go."""
    store.locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(store.locks / f"{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process on this machine is at work on it; waiting for it to end", name)
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()


def new_owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"


def ownership(owner: str) -> dict[str, str]:
    """The tags that say that `owner` is alive now."""
    return {tag.OWNER: owner, tag.HEARTBEAT: f"{time.time():.0f}"}


def runs_of_key(store: Store, experiment: str, key: str) -> list[Run]:
    """All runs of a key in an experiment, the first one made first. More than a thousand are not expected."""
    runs = store.client.search_runs([experiment], filter_string=f"tags.`{tag.KEY}` = '{key}'", max_results=1000)
    return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))


def complete_run(runs: list[Run], key: str) -> Run | None:
    """The finished run among the runs of a key. Raises FathomError if there is more than one."""
    complete = [run for run in runs if run.data.tags.get(tag.COMPLETE) == "true"]
    if len(complete) > 1:
        ids = " and ".join(run.info.run_id for run in complete)
        raise FathomError(
            f"key {key} has more than one complete run ({ids}): delete all but one "
            "(mlflow runs delete --run-id …) and run the command again"
        )
    return complete[0] if complete else None


def take(
    store: Store, experiment: str, key: str, name: str, owner: str, new_tags: Mapping[str, str]
) -> tuple[Run, bool]:
    """The run of a key, and whether it was there before: its complete run, or the one that `owner` now owns.

    Call it with the key's lock held. `new_tags` go on a run that has to be made. Waits while a live owner on another
    host is at work.
    """
    said = False
    while True:
        runs = runs_of_key(store, experiment, key)
        if complete := complete_run(runs, key):
            return complete, True
        if any(_alive_elsewhere(run) for run in runs):
            if not said:
                log.warning("%s: another machine is at work on it; waiting for it to end", name)
                said = True
            time.sleep(POLL_SECONDS)
            continue
        if runs:
            run, existed = runs[0], True
            # In this order: who sees our name on the run also sees it running.
            store.client.update_run(run.info.run_id, status="RUNNING")
            set_tags(store, run.info.run_id, ownership(owner))
        else:
            run = store.client.create_run(experiment, run_name=name, tags={**new_tags, **ownership(owner)})
            existed = False
        if store.database is not None or _prevails(store, experiment, key, run.info.run_id, owner):
            return run, existed
        if not existed:
            store.client.delete_run(run.info.run_id)


def owns(store: Store, run_id: str, owner: str) -> bool:
    return store.client.get_run(run_id).data.tags.get(tag.OWNER) == owner


def _alive_elsewhere(run: Run) -> bool:
    """Whether an owner on another host is at work. One on this host is dead: we hold the lock that it would hold."""
    host, _, _ = run.data.tags.get(tag.OWNER, "").partition(":")
    beat = float(run.data.tags.get(tag.HEARTBEAT, 0))
    return run.info.status == "RUNNING" and host != socket.gethostname() and time.time() - beat < DEAD_AFTER_SECONDS


def _prevails(store: Store, experiment: str, key: str, run_id: str, owner: str) -> bool:
    """Whether, once all rivals' writes are visible, `owner` owns the first of the runs that are alive."""
    time.sleep(SETTLE_SECONDS)
    alive = [
        run
        for run in runs_of_key(store, experiment, key)
        if run.info.run_id == run_id or _alive_elsewhere(run) or run.data.tags.get(tag.COMPLETE) == "true"
    ]
    return alive[0].info.run_id == run_id and alive[0].data.tags.get(tag.OWNER) == owner


def set_tags(store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    store.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
